#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-install.sh - what make install puts where, and that make uninstall leaves nothing
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
stage=$tmp/stage

# make_it TARGET: with DESTDIR.
# shellcheck disable=SC2317 # called by name
make_it() {
	MAKEFLAGS='' ${MAKE:-make} -s -C "$build" "$1" DESTDIR="$stage" >"$tmp/log" 2>&1 || {
		sed 's/^/# /' "$tmp/log"
		return 1
	}
}

ok "make install" make_it install
pc=$(find "$stage" -name cgtune.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
root=$stage$prefix
(cd "$root" 2>/dev/null && find . ! -type d) | sed 's,^\./,,' | sort >"$tmp/files"
has() {
	ok "$1" grep -qx "$1" "$tmp/files"
}

has bin/cgtune
has include/cgtune.h
has lib/libcgtune.so
has lib/libcgtune.so.0
has lib/libcgtune-preload.so
has lib/pkgconfig/cgtune.pc
has share/bash-completion/completions/cgtune
has share/fish/vendor_completions.d/cgtune.fish
has share/zsh/site-functions/_cgtune
has share/man/man1/cgtune.1
has share/man/man1/cgtune-show.1
has share/man/man3/cgtune_init.3
has share/man/man3/cgtune_threads.3
has share/man/man7/cgtune.7
is "a page for a name beside the first" "$(cat "$root/share/man/man3/cgtune_threads.3")" ".so man3/cgtune_init.3"
is "no function is without one" "$(sed -n 's/^[[:space:]]*\(cgtune_[a-z_]*\);$/\1/p' "$srcdir/lib/cgtune.map" | while read -r name; do
	grep -qx "share/man/man3/$name.3" "$tmp/files" || echo "$name"
done)" ""
if grep -qx include/cgtune-probe.h "$tmp/files"; then
	has lib/libcgtune-probe.so.0
	has lib/pkgconfig/cgtune-probe.pc
	has share/man/man3/cgtune_probe_open.3
else
	is "without BPF no page of the probe" "$(grep -c 'man3/cgtune_probe' "$tmp/files")" 0
fi
is "pages that man(1) is sent to are there" "$(cd "$root/share/man" && grep -h '^\.so ' man3/* | cut -d' ' -f2 | sort -u |
	while read -r page; do test -f "$page" || echo "$page"; done)" ""

ok "make uninstall" make_it uninstall
is "it leaves nothing" "$(find "$stage" ! -type d)" ""
done_testing
