#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# usdt.sh - the tracepoints that the library tells tools of, and that each is a nop
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
library=${top_builddir:-.}/.libs/libcgtune.so

if ! command -v readelf >/dev/null 2>&1 || ! command -v objdump >/dev/null 2>&1; then
	echo "1..0 # SKIP no readelf(1) or objdump(1)"
	exit 0
fi
if ! grep -q '^#define HAVE_SYS_SDT_H 1' "${top_builddir:-.}/config.log"; then
	is "without <sys/sdt.h> there are none" "$(readelf -n "$library" | grep -c stapsdt)" 0
	done_testing
fi
readelf -n "$library" >"$tmp/notes"
is "their names" "$(sed -n 's/^ *Name: //p' "$tmp/notes" | sort -u | tr '\n' ' ')" \
	"admit_full admit_timeout limit_change throttle "
is "of one provider" "$(sed -n 's/^ *Provider: //p' "$tmp/notes" | sort -u)" cgtune
is "each has values" "$(sed -n 's/^ *Arguments: *//p' "$tmp/notes" | grep -c .)" "$(grep -c '^ *Name: ' "$tmp/notes")"
# A semaphore would be a word that a tool writes to.
is "none has a semaphore" "$(sed -n 's/.*Semaphore: //p' "$tmp/notes" | sort -u)" 0x0000000000000000
objdump -d --no-show-raw-insn "$library" >"$tmp/code"
sed -n 's/.*Location: 0x0*\([0-9a-f]*\),.*/\1/p' "$tmp/notes" >"$tmp/places"
while read -r at; do
	ok "at $at is a nop" grep -Eq "^ *$at:[[:space:]]+nop *$" "$tmp/code"
done <"$tmp/places"
is "the preload object has none" "$(readelf -n "${top_builddir:-.}/libcgtune-preload.so" | grep -c stapsdt)" 0
done_testing
