#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bindings-rust.sh - cargo's tests of bindings/rust against the built library, without a network; and the example
# shellcheck disable=SC2016,SC2317 # backquotes of a README; functions are called by name
srcdir=$(cd "${srcdir:-.}" && pwd)
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
rust=$srcdir/bindings/rust

# Debian's rustc and cargo are 60 MB to fetch and 290 MB on disk: too much for this alone.
if ! command -v cargo >/dev/null 2>&1; then
	echo "1..0 # SKIP no cargo(1)"
	exit 0
fi
for name in $(env | sed -n 's/^\(CGTUNE[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done
LD_LIBRARY_PATH=$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} CGTUNE_LIB_DIR=$build/.libs
CARGO_TARGET_DIR=$build/rust-built CGTUNE_HEADER=$srcdir/lib/cgtune.h
export LD_LIBRARY_PATH CGTUNE_LIB_DIR CARGO_TARGET_DIR CGTUNE_HEADER

# In a line of its own each: cargo prints others between them.
(cd "$rust" && cargo test --offline --locked --no-fail-fast --workspace) >"$tmp/out" 2>&1
status=$?
sed -n 's/^test \(.*\) \.\.\. \(ok\|FAILED\)$/\2 \1/p' "$tmp/out" >"$tmp/results"
while read -r result name; do
	ok "$name" test "$result" = ok
done <"$tmp/results"
test $status = 0 || sed 's/^/# /' "$tmp/out"
is "cargo test" $status 0
ok "of both crates" test "$(wc -l <"$tmp/results")" -ge 14
ok "no warning" sh -c "! grep '^warning' '$tmp/out'"
ok "the example runs" sh -c "'$CARGO_TARGET_DIR/debug/examples/service' | grep -Eq '^[0-9]+ threads: [1-9][0-9]*000 served$'"
sed '1,3d' "$rust/cgtune/examples/service.rs" >"$tmp/example"
is "the README shows it" "$(sed -n '/^```rust$/,/^```$/{/^```/!p}' "$rust/README.md")" "$(cat "$tmp/example")"
done_testing
