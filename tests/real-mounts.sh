#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# real-mounts.sh - a cgroup that only an unusual mount shows, in a mount namespace of our own
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh disable=SC1091
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
sys=/sys/fs/cgroup
group=cgtune-test-mounts-$$

if [ -e $sys/cgroup.controllers ]; then
	usual=$sys limit=memory.max
else
	usual=$sys/memory limit=memory.limit_in_bytes
fi
mkdir "$usual/$group" 2>/dev/null || {
	echo "1..0 # SKIP no cgroup can be made here: not root, or not writable"
	exit 0
}
# shellcheck disable=SC2154 # of tap.sh
trap 'rmdir "$usual/$group"; rm -rf "$tmp"' EXIT
[ "$usual" != $sys ] || grep -qw memory $sys/cgroup.subtree_control || echo +memory >$sys/cgroup.subtree_control
echo 268435456 >"$usual/$group/$limit" || exit 1
unshare -m true 2>/dev/null || {
	echo "1..0 # SKIP no mount namespace can be made here"
	exit 0
}

# The cgroup's own directory is mounted elsewhere, and the usual place is covered by a tmpfs, whose root is
# inode 1 as a hierarchy's is. live-print says a line, and never ends by itself.
inside() {
	# shellcheck disable=SC2016 # the inner shell expands them
	unshare -m sh -c '
		mount --make-rprivate / && mount --bind "$1" "$2" && mount -t tmpfs none "$3" || exit 1
		echo 0 >"$2/cgroup.procs" && exec "$4"' \
		sh "$usual/$group" "$tmp" "$usual" "$build/tests/live-print" >"$tmp/said" &
	left=1200
	until test -s "$tmp/said" || ! kill -0 $! 2>/dev/null || test "$left" = 0; do
		left=$((left - 1))
		sleep 0.05
	done
	kill $! 2>/dev/null
	wait $! 2>/dev/null
	cat "$tmp/said"
}

is 'cgtune_init() finds the mount that shows it' "$(inside)" "$(printf 'threads %s budget 241591910' "$(nproc)")"
done_testing
