#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tsan.sh - the tests in which threads meet, built for the thread sanitizer, in one TAP stream: `make check-tsan`
#
# CGTUNE_TSAN names the programs. A race ends a test with status 66, and so fails it.
set -u
build=${top_builddir:-.}/tsan/tests
count=0

# renumber NAME: the TAP of a program, as part of ours
renumber() {
	while IFS= read -r line; do
		case $line in
		ok\ * | not\ ok\ *)
			count=$((count + 1))
			case $line in
			ok*) echo "ok $count - $1:${line#ok * -}" ;;
			*) echo "not ok $count - $1:${line#not ok * -}" ;;
			esac
			;;
		1..0*)
			count=$((count + 1))
			echo "ok $count - $1 # SKIP ${line#*# SKIP }"
			;;
		1..*) ended=yes ;;
		*) echo "# $1: $line" ;;
		esac
	done <"$output"
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
for name in ${CGTUNE_TSAN:?names no programs}; do
	ended=
	"$build/$name" >"$output" 2>&1
	renumber "$name"
	if [ -z "$ended" ] && ! grep -q '^1\.\.0' "$output"; then
		count=$((count + 1))
		echo "not ok $count - $name did not run to its end"
	fi
done
echo "1..$count"
