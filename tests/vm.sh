#!/bin/sh
# vm.sh - the real-cgroup and container tests on real kernels, in one TAP stream: `make check-vm`
#
# CGTUNE_VMS names other pairs of kernel and cgroup mode than the ones below, CGTUNE_VMS_MORE and CGTUNE_VMS_PROBE
# those that run more. As many run at the same time as there are
# CPUs, as the emulator has one thread.
set -u
src=$(cd "${srcdir:-.}/tests" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
vms=${CGTUNE_VMS:-"5.10:v1 5.10:v2 6.1:v1 6.1:v2 6.1:hybrid 6.12:hybrid-mem 6.12:v2 newest:v2"}
# shellcheck source=tests/vm/tap
. "$src/vm/tap"

# machine VM: a boot for each program
machine() {
	set -- "$1" -L "$build/.libs" -t 600
	boot limits "$@" -- "$build/tests/real-limits"
	boot usage "$@" -- "$build/tests/real-usage"
	boot live "$@" -- "$build/tests/real-live"
	boot told "$@" -- "$build/tests/real-told"
	# A build without BPF has none of these.
	for name in $(probes "$1"); do boot "$name" "$@" -- "$build/tests/$name"; done
	boot container "$@" -C -f "$build/cgtune" -f "$build/tests/live-print" -f "$src/container.sh" \
		-- env top_builddir="$build" sh "$src/container.sh"
	if has_more "$1"; then
		boot run "$@" -f "$build/cgtune" -f "$build/libcgtune-preload.so" -f "$build/tests/json" -f "$(command -v nproc)" \
			-f "$src/tap.sh" -f "$src/command.sh" -f "$src/real-run.sh" \
			-- env top_builddir="$build" srcdir="${src%/tests}" sh "$src/real-run.sh"
		(host_is_missing "$1") >/dev/null ||
			boot preload "$1" -H -c 6 -t 600 -- env top_builddir="$build" srcdir="${src%/tests}" CC="${CC:-cc}" \
				sh "$src/test-preload-affinity.sh"
	fi
}

# probes VM: the programs that test the probe there, if it was built
probes() {
	case " ${CGTUNE_VMS_PROBE:-5.10:v1 6.1:v2 newest:v2} " in
	*" $1 "*) (cd "$build/tests" && find real-probe real-probe-faults -prune 2>/dev/null) ;;
	esac
}

# has_more VM: the slow ones, `cgtune run` and the preload object with more CPUs, are for one VM of each kind
has_more() {
	case " ${CGTUNE_VMS_MORE:-5.10:v1 6.1:v2} " in
	*" $1 "*) true ;;
	*) false ;;
	esac
}

# What those say that have been started.
gather() {
	wait
	for vm in $started; do
		for name in limits usage live told container; do report "$name" "$vm"; done
		for name in $(probes "$vm"); do report "$name" "$vm"; done
		has_more "$vm" || continue
		report run "$vm"
		host_is_missing "$vm" || report preload "$vm"
	done
	started=
}

started=
for vm in $vms; do
	vm_is_missing "$vm" && continue
	machine "$vm" &
	started="$started $vm"
	[ "$(echo "$started" | wc -w)" -lt "$(nproc)" ] || gather
done
gather
echo "1..$count"
