# SPDX-License-Identifier: LGPL-2.1-or-later
# tap.sh - what tests in shell share: expectations in TAP, a directory of their own
# shellcheck shell=sh disable=SC2034

tap_count=0
tap_failed=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/cgtune-XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# ok NAME COMMAND...: it succeeds.
ok() {
	tap_name=$1
	shift
	tap_count=$((tap_count + 1))
	if "$@"; then
		echo "ok $tap_count - $tap_name"
	else
		echo "not ok $tap_count - $tap_name"
		tap_failed=1
	fi
}

# is NAME GOT EXPECTED
is() {
	ok "$1" test "$2" = "$3"
	test "$2" = "$3" || printf 'got:\n%s\nexpected:\n%s\n' "$2" "$3" | sed 's/^/# /'
}

# skip NAME REASON
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# End of the test.
done_testing() {
	echo "1..$tap_count"
	exit "$tap_failed"
}
