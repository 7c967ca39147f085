#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-fuzz.sh - each fuzz target on the files of its corpus: what a fuzzer found once is never wrong again
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}

for corpus in "$srcdir"/tests/fuzz/corpus/*; do
	target=$(basename "$corpus")
	if [ "$target" = probe ] && [ ! -e "$build/tests/fuzz/fuzz-probe" ]; then
		skip "$target" "built without BPF probes"
		continue
	fi
	if ! "$build/tests/fuzz/fuzz-$target" "$corpus"/* >"$tmp/out" 2>&1; then
		sed 's/^/# /' "$tmp/out"
		ok "$target" false
		continue
	fi
	is "$target" "$(cat "$tmp/out")" "$(find "$corpus" -type f | wc -l | tr -d ' ') inputs"
done
is "each target has a corpus" "$(find "$srcdir/tests/fuzz" -name 'fuzz-*.c' | sed 's/.*fuzz-\(.*\)\.c/\1/' | sort)" \
	"$(find "$srcdir/tests/fuzz/corpus" -mindepth 1 -type d | sed 's,.*/,,' | sort)"

done_testing
