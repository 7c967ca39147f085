#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-abi.sh - what programs were compiled against is as in the baselines of tests/abi/; what the check itself finds
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"

if ! command -v abidiff >/dev/null 2>&1; then
	skip "the ABI" "no abidiff(1)"
	done_testing
fi

# The baselines are of a machine with 64-bit addresses.
if [ "$(getconf LONG_BIT)" != 64 ]; then
	skip "the ABI" "the baselines are of a 64-bit machine"
	done_testing
fi

# compare HEADER BASELINE
compare() {
	sh "$srcdir/tests/abi/abi" compare "$1" "$2" >"$tmp/report" 2>&1
}

for header in lib/cgtune.h probes/cgtune-probe.h; do
	baseline=$srcdir/tests/abi/$(basename "$header" .h).abi
	if compare "$srcdir/$header" "$baseline"; then
		ok "$header" true
		grep -q '\[A\]\|insertion' "$tmp/report" &&
			echo "# $header has grown since its baseline: make abi-baseline, if that is meant"
	else
		sed 's/^/# /' "$tmp/report"
		ok "$header" false
	fi
done

# changed SED-EXPRESSION: whether the header with that change passes.
changed() {
	sed "$1" "$srcdir/lib/cgtune.h" >"$tmp/cgtune.h"
	! cmp -s "$tmp/cgtune.h" "$srcdir/lib/cgtune.h" || return 2
	compare "$tmp/cgtune.h" "$srcdir/tests/abi/cgtune.abi" && echo passes || echo breaks
}

is "a function that is gone" "$(changed '/^const char \*cgtune_version/d')" breaks
is "a member that is gone" "$(changed '/uint64_t memory_inactive_file;/d')" breaks
is "a member between others" "$(changed 's/^	uint64_t memory_inactive_file;/	uint64_t more; &/')" breaks
is "another type" "$(changed 's/^unsigned cgtune_threads(void)/unsigned long cgtune_threads(void)/')" breaks
is "an enumerator between others" "$(changed 's/^	CGTUNE_ROUND_FLOOR,/	CGTUNE_ROUND_UP, &/')" breaks
is "a member at the end" "$(changed 's/^	uint64_t cpu_ns;.*/&\n	uint64_t more;/')" passes
is "one more function" "$(changed 's/^const char \*cgtune_version/int cgtune_more(void);\n&/')" passes

done_testing
