#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bindings-go.sh - the Go example is told of its limits by `cgtune run`
srcdir=$(cd "${srcdir:-.}" && pwd)
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

if ! command -v go >/dev/null 2>&1; then
	echo "1..0 # SKIP no go(1)"
	exit 0
fi
run env -C "$srcdir/examples/go" GOCACHE="$tmp/cache" GOFLAGS=-buildvcs=false CGO_ENABLED=0 go build -o "$tmp/service" .
is "it builds, without cgo" "$status$(cat "$tmp/err")" 0
is "without limits its cache is what it says" "$("$tmp/service" | cut -d, -f2)" " cache of $((1 << 30)) bytes"
run "$cgtune" run --cpus 1.5 --memory 256M true
if test "$status" = 0; then
	# A share of 0.9, in whole MiB; and no fewer than two workers, as Go has it.
	cpus=$("$cgtune" show --json | "$json" cpu.affinity)
	is "in a cgroup they are the limits'" "$("$cgtune" run --cpus 1.5 --memory 256M "$tmp/service")" \
		"$((cpus < 2 ? cpus : 2)) workers, cache of $(((256 * 9 / 10 << 20) / 4)) bytes"
else
	skip "in a cgroup they are the limits'" "no cgroup can be made here: $(head -n 1 "$tmp/err")"
fi
done_testing
