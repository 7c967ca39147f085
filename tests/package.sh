#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# package.sh - the Debian packages: built of the tarball, judged by lintian; in a new system installed, used, purged, and tested
# by autopkgtest
#
# Not a part of `make check`: `make check-package` runs it. It takes root, and fetches a minimal system from the mirror.
# CGTUNE_PACKAGES=DIR keeps the packages there.
# shellcheck disable=SC2016 # what is for other shells, and for apt-get
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
# shellcheck disable=SC2154 # tap.sh sets tmp
work=$tmp/package root=$tmp/root
mkdir "$work"

give_up() {
	echo "Bail out! $*"
	exit 1
}

missing=
for pair in dpkg-buildpackage:dpkg-dev dh:debhelper lintian:lintian debootstrap:debootstrap fakeroot:fakeroot; do
	command -v "${pair%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
test -z "$missing" || give_up "these packages are needed:$missing"
test "$(id -u)" = 0 || give_up "debootstrap and chroot take root"
tarball=$(find "$build" -maxdepth 1 -name 'cgtune-*.tar.xz')
test -f "$tarball" || give_up "no tarball in $build: make dist"

# quietly COMMAND...: its output only where it fails.
# shellcheck disable=SC2317 # called by name
quietly() {
	"$@" >"$tmp/log" 2>&1 </dev/null || {
		tail -n 40 "$tmp/log" | sed 's/^/# /'
		return 1
	}
}

# The tests of the build are those of `make check`, which has had them. The make that has started this one says
# what to test, too.
# shellcheck disable=SC2317
packages() {
	tar -C "$work" -xf "$tarball" && (cd "$work/cgtune-"* && dpkg-checkbuilddeps &&
		env -u MAKEFLAGS -u MAKEOVERRIDES DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc)
}

# The new system has the mirror of this one, and a /proc of its own; both end with the namespace.
# shellcheck disable=SC2317
inside() {
	unshare --mount --pid --fork sh -c 'mount -t proc proc "$1/proc" && shift && exec "$@"' sh "$root" chroot "$root" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

# What belongs to the system's own book-keeping is left out.
files() {
	(cd "$root" && find . \( -path ./proc -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
		-o -path ./var/log -o -path ./tmp -o -path ./debs \) -prune -o -print | sort)
}

# shellcheck disable=SC2317
new_system() {
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	site=$(apt-get indextargets --format '$(CREATED_BY) $(CODENAME) $(SITE)' | sed -n "s/^Packages $suite //p" | head -n 1)
	debootstrap --variant=minbase "$suite" "$root" ${site:+"$site"} &&
		cp -r /etc/apt/sources.list* "$root/etc/apt/" && cp /etc/resolv.conf "$root/etc/" && inside apt-get update
}

# install PACKAGE...: those of ours from /debs, what they need from the mirror.
# shellcheck disable=SC2317
install() {
	list=
	for package in "$@"; do
		case $package in
		*cgtune*) list="$list /$(cd "$root" && ls debs/"${package}"_*.deb)" ;;
		*) list="$list $package" ;;
		esac
	done
	# shellcheck disable=SC2086
	inside apt-get install -y --no-install-recommends $list
}

names="libcgtune0 libcgtune-probe0 libcgtune-preload libcgtune-dev cgtune"
ok "dpkg-buildpackage" quietly packages || give_up "there is nothing to install"
ls "$work"/*.changes >/dev/null 2>&1 || give_up "there is nothing to install"
(cd "$work" && ls ./*.deb) | sed 's,^\./,,; s/_.*//' | grep -v dbgsym | sort >"$tmp/made"
# shellcheck disable=SC2086
is "the packages" "$(cat "$tmp/made")" "$(printf '%s\n' $names | sort)"
lintian --allow-root --fail-on error,warning "$work"/*.changes >"$tmp/lintian" 2>&1
ok "lintian" test $? = 0
sed 's/^/# /' "$tmp/lintian"
for library in libcgtune libcgtune-probe; do
	dpkg-deb -I "$work/${library}0_"*.deb symbols >"$tmp/symbols"
	# shellcheck disable=SC2046
	is "$library: the symbols file has what its map lists" "$(sed -n 's/^ \(cgtune_[a-z_]*\)@CGTUNE.*/\1/p' "$tmp/symbols" | sort)" \
		"$(sed -n 's/^[[:space:]]*\(cgtune_[a-z_]*\);$/\1/p' $(find "$srcdir/lib" "$srcdir/probes" -name "${library#lib}.map") | sort)"
done

ok "debootstrap" quietly new_system || give_up "there is no new system"
mkdir "$root/debs"
cp "$work"/*.deb "$root/debs/"
files >"$tmp/before"
# shellcheck disable=SC2086
ok "install them, and what they need" quietly install $names
cp -r "$work/cgtune-"*/ "$root/debs/source"
ok "the command" quietly inside sh /debs/source/debian/tests/command
# shellcheck disable=SC2086
ok "purge" quietly inside apt-get purge -y --auto-remove $names
files >"$tmp/after"
is "nothing is left" "$(diff "$tmp/before" "$tmp/after")" ""
ok "install autopkgtest" quietly install autopkgtest
ok "autopkgtest" quietly inside sh -c 'exec autopkgtest --no-built-binaries --summary-file=/debs/summary /debs/*.deb /debs/source -- null'
sed 's/^/# /' "$root/debs/summary"
test -z "$CGTUNE_PACKAGES" || cp "$work"/*.deb "$work"/*.changes "$CGTUNE_PACKAGES/"
done_testing
