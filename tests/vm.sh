#!/bin/sh
# vm.sh - the real-cgroup and container tests on real kernels, in one TAP stream: `make check-vm`
#
# CGTUNE_VMS names other pairs of kernel and cgroup mode than the ones below, CGTUNE_VMS_MORE and CGTUNE_VMS_PROBE
# those that run more. As many run at the same time as there are CPUs, as the emulator has one thread: those
# that take longest come first.
set -u
src=$(cd "${srcdir:-.}/tests" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
vms=${CGTUNE_VMS:-"5.10:v1 6.1:v2 newest:v2 5.10:v2 6.1:v1 6.1:hybrid 6.12:hybrid-mem 6.12:v2"}
probe_vms=${CGTUNE_VMS_PROBE:-"5.10:v1 6.1:v2 newest:v2"}
crun=$(command -v crun)
# shellcheck source=tests/vm/tap
. "$src/vm/tap"

is_one_of() {
	case " $2 " in
	*" $1 "*) true ;;
	*) false ;;
	esac
}

# The slow ones, `cgtune run` and the preload object with more CPUs, are for one VM of each kind.
has_more() {
	is_one_of "$1" "${CGTUNE_VMS_MORE:-5.10:v1 6.1:v2}"
}

# programs VM: names of those in tests/ that run there. A build without BPF has none that tests the probe.
programs() {
	echo real-limits real-steps real-usage real-live real-told real-limiter real-field
	is_one_of "$1" "$probe_vms" || return
	slow=
	case $1 in *:v2) ! has_more "$1" || slow="real-throttle real-advise" ;; esac	# on v1 they run in make check
	# shellcheck disable=SC2086 # none or one
	(cd "$build/tests" && find real-probe* real-walk real-bpfdist real-usdt $slow -prune -type f -perm /111 2>/dev/null)
}

# list VM: for vm/each
list() {
	for name in $(programs "$1"); do echo "$name '$build/tests/$name'"; done
	echo "facts top_builddir='$build' sh '$src/vm/facts'"
	echo "container top_builddir='$build' sh '$src/container.sh'"
	has_more "$1" || return
	test -z "$crun" || echo "container-crun CGTUNE_RUNTIME=crun top_builddir='$build' sh '$src/container.sh'"
	echo "run top_builddir='$build' srcdir='${src%/tests}' sh '$src/real-run.sh'"
	echo "stalls top_builddir='$build' srcdir='${src%/tests}' sh '$src/real-stalls.sh'"
	echo "export top_builddir='$build' srcdir='${src%/tests}' sh '$src/real-export.sh'"
}

# machine VM: a boot for all, and one with more CPUs and the programs of this machine
machine() {
	list "$1" >"$output.$1.list"
	set -- "$1" -f "$output.$1.list:/vm/list" -f "$src/vm/each:/vm/each" -L "$build/.libs" -t 1500 -C
	! is_one_of "$1" "$probe_vms" || set -- "$@" -c 4
	for name in $(programs "$1"); do set -- "$@" -f "$build/tests/$name"; done
	set -- "$@" -f "$build/cgtune" -f "$build/tests/live-print" -f "$build/tests/live-limiter" -f "$src/container.sh" \
		-f "$src/vm/facts"
	! command -v strace >/dev/null || set -- "$@" -f "$(command -v strace):/usr/bin/strace"
	test -z "$crun" || ! has_more "$1" || set -- "$@" -f "$crun:/usr/bin/crun"
	! has_more "$1" || set -- "$@" -f "$build/libcgtune-preload.so" -f "$build/tests/json" -f "$(command -v nproc)" \
		-f "$src/tap.sh" -f "$src/command.sh" -f "$src/real-run.sh" -f "$src/real-stalls.sh" \
		-f "$src/real-export.sh" -f "$build/cgtune-export"
	boot all "$@" -- sh /vm/each /vm/list
	split "$1"
	if has_more "$1" && ! (host_is_missing "$1") >/dev/null; then
		boot preload "$1" -H -c 6 -t 600 -- env top_builddir="$build" srcdir="${src%/tests}" CC="${CC:-cc}" \
			sh "$src/test-preload-affinity.sh"
	fi
}

# split VM: what the boot said to what each program said, as boot would have left it
split() {
	tr -d '\r' <"$output.$1.all" >"$output.$1.said"
	while read -r name _; do
		sed -n "/^== $name\$/,/^== $name ended/{/^==/!p}" "$output.$1.said" >"$output.$1.$name"
		status=$(sed -n "s/^== $name ended with //p" "$output.$1.said")
		echo "${status:-"$(cat "$output.$1.all.status"): it did not come so far"}" >"$output.$1.$name.status"
		cp "$output.$1.all.err" "$output.$1.$name.err"
	done <"$output.$1.list"
}

if [ $# = 1 ]; then
	machine "$1"
	exit
fi
started=
for vm in $vms; do
	vm_is_missing "$vm" || started="$started $vm"
done
export output
# shellcheck disable=SC2086 # a list of words
printf '%s\n' $started | xargs -P "$(nproc)" -n 1 sh "$0"
for vm in $started; do
	while read -r name _; do report "$name" "$vm"; done <"$output.$vm.list"
	! has_more "$vm" || host_is_missing "$vm" || report preload "$vm"
done
echo "1..$count"
