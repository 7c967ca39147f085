#!/bin/sh
# vm-systemd.sh - `cgtune run` where systemd makes the cgroups, in VMs with systemd as PID 1: part of `make check-vm`
#
# CGTUNE_SYSTEMD_VMS names other pairs of kernel and cgroup mode than the ones below.
set -u
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
src=$srcdir/tests
vms=${CGTUNE_SYSTEMD_VMS:-"6.1:v2 5.10:v1"}

outside() {
	# shellcheck source=tests/vm/tap
	. "$src/vm/tap"
	for vm in $vms; do
		if [ ! -x /lib/systemd/systemd ]; then
			say ok "$vm # SKIP systemd is not installed"
		elif ! host_is_missing "$vm"; then
			boot systemd "$vm" -S -t 300 -- env srcdir="$srcdir" top_builddir="$build" sh "$src/vm-systemd.sh"
			report systemd "$vm"
		fi
	done
	echo "1..$count"
}

# run ARGUMENT...: cgtune run; the output in $out, what it said besides in $tmp/err, the exit status in $status
run() {
	out=$("$build/cgtune" run "$@" 2>"$tmp/err")
	status=$?
}

said() {
	grep -Eq "$1" "$tmp/err" || { sed 's/^/# /' "$tmp/err" && false; }
}

# shown PROPERTY: of the scope limited.scope, as seen by a command in it; its other limits are the arguments
shown() {
	property=$1
	shift
	run --name limited "$@" -- systemctl show --value -p "$property" limited.scope
}

# The file of a controller in the cgroup of whoever reads it.
own_file() {
	case $CGTUNE_VM_MODE in
	v2) echo "cat /sys/fs/cgroup\$(sed -n 's/^0:://p' /proc/self/cgroup)/$2" ;;
	*) echo "cat /sys/fs/cgroup/$1\$(sed -n 's/^[0-9]*:\([a-z]*,\)*$1\(,[a-z]*\)*://p' /proc/self/cgroup)/$3" ;;
	esac
}

test_limits() {
	run --cpus 0.5 --memory 256M --summary -- nproc
	is "0.5 CPU: nproc" "$out" 1
	ok "0.5 CPU: the summary has the throttling" said 'throttled in [0-9]+ of [1-9][0-9]* periods'
	ok "0.5 CPU: the summary has the memory" said 'at most of 256 MiB; 0 OOM kills'
	shown CPUQuotaPerSecUSec --cpus 0.5
	is "0.5 CPU: the scope's quota" "$out" 500ms
	shown MemoryMax --memory 256M
	is "256 MiB: the scope's limit" "$out" 268435456
	run --cpus 0.5 -- sh -c "$(own_file cpu cpu.max cpu.cfs_quota_us)"
	is "0.5 CPU: the kernel's quota" "${out% 100000}" 50000
	run --memory 256M -- sh -c "$(own_file memory memory.max memory.limit_in_bytes)"
	is "256 MiB: the kernel's limit" "$out" 268435456
	run --memory 256M -- printenv GOMEMLIMIT
	is "256 MiB: the environment" "$out" 230MiB
}

test_v2() {
	shown MemoryHigh --memory-high 100M
	is "memory.high: the scope's" "$out" 104857600
	shown AllowedCPUs --cpuset 1
	is "a CPU of its own: the scope's" "$out" 1
	run --cpuset 1 -- nproc
	is "a CPU of its own: nproc" "$out" 1
}

test_status() {
	run --cpus 1 -- sh -c 'exit 7'
	is "the command's exit status" "$status" 7
	run --cpus 1 -- sh -c 'kill $$'
	is "the command's signal" "$status" 143
	run --memory 32M --summary -- dd if=/dev/zero of=/dev/null bs=128M count=1
	is "killed for want of memory: the status" "$status" 137
	ok "killed for want of memory: the summary" said '[1-9][0-9]* OOM kill'
	run --memory 32M -- dd if=/dev/zero of=/dev/null bs=128M count=1
	if [ "$CGTUNE_VM_MODE" = v2 ]; then
		ok "killed for want of memory: a line, without it" said '^cgtune: dd: killed for want of memory: the limit is 32 MiB$'
	fi
}

# Time that others spent is not the command's.
test_idle() {
	run --memory 256M --summary -- sleep 1
	ok "without a quota, the CPU time is the command's own" said 'CPU: .*, 0\.[0-9]* CPUs on average'
}

scopes() {
	systemctl list-units --all --plain --no-legend --type=scope | sed 's/ .*//' | grep -vx init.scope
}

test_nothing_left() {
	run --dry-run --cpus 0.5 --name dry -- nproc
	ok "a dry run names the scope's quota" expr "$out" : 'systemd-run --scope .*CPUQuota=50% ' >"$tmp/length"
	is "no scope is left" "$(scopes)" ""
	is "no cgroup is left" "$(find /sys/fs/cgroup -type d -name '*.scope' ! -name init.scope)" ""
	run --gc
	is "--gc has nothing to do" "$status$out$(cat "$tmp/err")" 0
}

if [ "${CGTUNE_VM:-0}" = 1 ]; then
	# shellcheck source=tests/tap.sh
	. "$src/tap.sh"
	test_limits
	if [ "$CGTUNE_VM_MODE" = v2 ]; then test_v2; fi
	test_status
	test_idle
	test_nothing_left
	done_testing
else
	outside
fi
