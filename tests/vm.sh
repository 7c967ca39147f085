#!/bin/sh
# vm.sh - the real-cgroup and container tests on real kernels, in one TAP stream: `make check-vm`
#
# CGTUNE_VMS names other pairs of kernel and cgroup mode than the ones below.
set -u
src=$(cd "${srcdir:-.}/tests" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
vms=${CGTUNE_VMS:-"5.10:v1 5.10:v2 6.1:v1 6.1:v2 6.1:hybrid 6.12:hybrid-mem 6.12:v2 newest:v2"}
# shellcheck source=tests/vm/tap
. "$src/vm/tap"

for vm in $vms; do
	vm_is_missing "$vm" && continue
	set -- -L "$build/.libs" -t 600
	program "$vm" limits "$@" -- "$build/tests/real-limits"
	program "$vm" usage "$@" -- "$build/tests/real-usage"
	program "$vm" live "$@" -- "$build/tests/real-live"
	program "$vm" told "$@" -- "$build/tests/real-told"
	# A build without BPF has none of these.
	for name in real-probe real-probe-faults; do
		[ ! -x "$build/tests/$name" ] || program "$vm" "$name" "$@" -- "$build/tests/$name"
	done
	program "$vm" container "$@" -C -f "$build/cgtune" -f "$build/tests/live-print" -f "$src/container.sh" \
		-- env top_builddir="$build" sh "$src/container.sh"
done
echo "1..$count"
