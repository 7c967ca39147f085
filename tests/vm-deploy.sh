#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# vm-deploy.sh - the units of examples/deploy under a real systemd, in VMs: part of `make check-deploy`
#
# CGTUNE_DEPLOY_VMS names other pairs of kernel and cgroup mode than the ones below.
# shellcheck disable=SC2016 # the commands are for other shells
set -u
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
src=$srcdir/tests
units=$srcdir/examples/deploy/systemd
vms=${CGTUNE_DEPLOY_VMS:-"6.1:v2 5.10:v1"}
programs=/opt/cgtune

outside() {
	# shellcheck source=tests/vm/tap
	. "$src/vm/tap"
	for vm in $vms; do
		if [ ! -x /lib/systemd/systemd ]; then
			say ok "$vm # SKIP systemd is not installed"
		elif ! host_is_missing "$vm"; then
			boot deploy "$vm" -S -t 3600 -- env srcdir="$srcdir" top_builddir="$build" sh "$src/vm-deploy.sh"
			report deploy "$vm"
		fi
	done
	echo "1..$count"
}

# As `make install` would, for programs in a folder that no unit hides. There is no journal: what a service says goes
# into a file. How long it takes to start is a matter of what else the machine does, on which a VM may be 20 times slower.
install_all() {
	mkdir -p "$programs"
	cp "$build/cgtune" "$build/libcgtune-preload.so" "$programs/"
	[ ! -e "$build/cgtune-export" ] || cp "$build/cgtune-export" "$programs/"
	for file in "$units"/*.in; do
		name=$(basename "$file" .in)
		sed "s|@bindir@|$programs|; s|@libdir@|$programs|" "$file" >"/etc/systemd/system/$name"
	done
	for unit in cgtune-probe cgtune-export cgtune-agent@; do
		drop_in "$unit.service" said Service StandardError=append:/tmp/said.%n TimeoutSec=infinity
	done
	systemctl daemon-reload
}

# property UNIT NAME
property() {
	systemctl show --value -p "$2" "$1"
}

# becomes UNIT PROPERTY VALUE: within five minutes or so; who asks often keeps it from that
becomes() {
	for _ in $(seq 300); do
		[ "$(property "$1" "$2")" != "$3" ] || return 0
		sleep 1
	done
	explain "$1"
	return 1
}

# explain UNIT: what became of it, and what it said
explain() {
	{
		systemctl status --no-pager "$1"
		systemctl show -p Result -p NRestarts -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic "$1"
		tail -n 20 "/tmp/said.$1.service"
	} 2>&1 | sed 's/^/# /'
}

# starts UNIT: it does, and how long that took it
starts() {
	systemctl start "$1" || { explain "$1" && return 1; }
	echo "# $1 took $((($(property "$1" ActiveEnterTimestampMonotonic) - $(property "$1" ExecMainStartTimestampMonotonic)) / 1000)) ms"
}

# drop_in UNIT NAME SECTION LINE...
drop_in() {
	drop=/etc/systemd/system/$1.d
	name=$2 section=$3
	shift 3
	mkdir -p "$drop"
	printf '%s\n' "[$section]" "$@" >"$drop/$name.conf"
	systemctl daemon-reload
}

# said COMMAND...: its outcome, after what it said when that is not success
said() {
	"$@" >"$tmp/said" 2>&1 || { sed 's/^/# /' "$tmp/said" && false; }
}

pins() {
	find /sys/fs/bpf -mindepth 1 -name 'cgtune*' | wc -l
}

test_files() {
	for unit in cgtune-probe cgtune-export cgtune-agent@web; do
		ok "$unit: systemd finds nothing wrong with it" said systemd-analyze verify --man=no "$unit.service"
		ok "$unit: its exposure is at most 2.1 of 10" \
			said systemd-analyze security --no-pager --threshold=21 "$unit.service"
		tail -n 1 "$tmp/said" | sed 's/^[^A-Z]*/# /'
	done
}

test_probe() {
	ok "the probe starts" starts cgtune-probe
	is "it is there without a process" "$(property cgtune-probe SubState) $(property cgtune-probe MainPID)" "exited 0"
	ok "it counts" said "$programs/cgtune" probe status
	first=$(property cgtune-probe ExecMainStartTimestampMonotonic)
	ok "it restarts" said systemctl restart cgtune-probe
	ok "anew" test "$(property cgtune-probe ExecMainStartTimestampMonotonic)" -gt "$first"
	ok "and counts" said "$programs/cgtune" probe status
	ok "it stops" said systemctl stop cgtune-probe
	is "no pin is left" "$(pins)" 0
	mkdir /tmp/hidden
	mount --bind /tmp/hidden /sys/fs/bpf
	ok "without a BPF file system it fails" sh -c '! systemctl start cgtune-probe 2>/dev/null'
	umount /sys/fs/bpf
	systemctl reset-failed cgtune-probe
}

# survives UNIT: it is killed and it hangs, and lives again. It says that it lives twice as often as it has to: a busy machine
# may keep this one from its CPUs for 5 seconds.
survives() {
	drop_in "$1.service" quick Service WatchdogSec=10 TimeoutAbortSec=1
	drop_in "$1.service" often Unit StartLimitIntervalSec=0
	systemctl restart "$1"
	is "$1: it says when it is ready" "$(property "$1" ActiveState)" active
	pid=$(property "$1" MainPID)
	kill -KILL "$pid"
	ok "$1: killed, it starts again" becomes "$1" NRestarts 1
	ok "$1: and is ready" becomes "$1" ActiveState active
	pid=$(property "$1" MainPID)
	sleep 15
	is "$1: it lives longer than its watchdog waits" "$(property "$1" MainPID)" "$pid"
	kill -STOP "$pid"
	ok "$1: when it hangs, the watchdog ends it" becomes "$1" NRestarts 2
	ok "$1: and it is ready again" becomes "$1" ActiveState active
	ok "$1: as another process" test "$(property "$1" MainPID)" != "$pid"
}

# metrics PATTERN: a line of those that the exporter tells
metrics() {
	for _ in $(seq 300); do
		curl -s --max-time 60 http://127.0.0.1:9778/metrics >"$tmp/metrics"
		! grep -Eq "$1" "$tmp/metrics" || return 0
		sleep 1
	done
	grep -E 'info|^cgtune_probe' "$tmp/metrics" | sed 's/^/# /'
	return 1
}

test_export() {
	ok "the exporter starts" starts cgtune-export
	is "and the probe with it" "$(property cgtune-probe ActiveState)" active
	ok "it tells of its own cgroup" metrics '^cgtune_memory_limit_bytes.*cgroup="/system.slice/cgtune-export.service"} 536870912'
	rung=$("$programs/cgtune" probe status | sed -n '1s/^rung \([a-z]*\), .*/\1/p')
	ok "its rung" metrics "^cgtune_source_info.*stalls=\"$rung\""
	systemctl stop cgtune-probe
	ok "without the probe it goes on by files" metrics '^cgtune_source_info.*stalls="none"'
	systemctl start cgtune-probe
	ok "and finds the next one" metrics "^cgtune_source_info.*stalls=\"$rung\""
	survives cgtune-export
	pid=$(property cgtune-export MainPID)
	is "its capabilities" "$(sed -n 's/^CapBnd:\t//p' "/proc/$pid/status")" 000000c000000000
	ok "it stops" said systemctl stop cgtune-export
	is "in order" "$(property cgtune-export Result)" success
}

# ask: the agent, as HAProxy does
ask() {
	curl -s --http0.9 --max-time 60 telnet://127.0.0.1:9777 </dev/null
}

# answers TEXT: in the end
answers() {
	for _ in $(seq 60); do
		[ "$(ask)" != "$1" ] || return 0
		sleep 1
	done
	return 1
}

test_agent() {
	printf '%s\n' '[Service]' 'ExecStart=sleep infinity' 'CPUQuota=50%' >/etc/systemd/system/web.service
	systemctl daemon-reload
	systemctl start web
	ok "the agent starts" starts cgtune-agent@web
	is "it answers by the quota of the service" "$(ask)" "up maxconn:8"
	pid=$(property cgtune-agent@web MainPID)
	ok "it is no user of this machine" test "$(sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$pid/status")" -ge 61184
	systemctl set-property --runtime web.service CPUQuota=200%
	ok "and by another quota" answers "up maxconn:16"
	systemctl set-property --runtime web.service CPUQuota=50%
	systemctl restart web
	ok "it restarts with the service" becomes cgtune-agent@web ActiveState active
	ok "as another process" test "$(property cgtune-agent@web MainPID)" != "$pid"
	is "and follows it" "$(ask)" "up maxconn:8"
	survives cgtune-agent@web
	systemctl stop web
	ok "it stops with the service" becomes cgtune-agent@web ActiveState inactive
}

# job LINE...: a service that prints what it finds, in $tmp/job; as nobody, like most services
job() {
	printf '%s\n' '[Service]' 'Type=oneshot' "$@" "StandardOutput=file:/tmp/job" >/etc/systemd/system/job.service
	systemctl daemon-reload
	: >/tmp/job
	said systemctl start job
}

test_drop_ins() {
	mkdir -p /etc/systemd/system/job.service.d
	cp /etc/systemd/system/cgtune-preload.conf /etc/systemd/system/job.service.d/
	ok "a service with the preload object" job CPUQuota=50% User=nobody ExecStart=nproc
	is "sees its quota" "$(cat /tmp/job)" 1
	ok "one without a quota" job ExecStart=nproc
	is "sees the machine" "$(cat /tmp/job)" "$(nproc)"
	mv "$programs/libcgtune-preload.so" "$programs/gone"
	ok "without the object it starts, too" job CPUQuota=50% ExecStart=nproc
	mv "$programs/gone" "$programs/libcgtune-preload.so"
	rm /etc/systemd/system/job.service.d/*
	cp /etc/systemd/system/cgtune-env.conf /etc/systemd/system/job.service.d/
	ok "a service with the file of variables" job CPUQuota=50% User=nobody 'ExecStart=printenv OMP_NUM_THREADS'
	is "has them" "$(cat /tmp/job)" 1
	ok "one without a quota" job User=nobody 'ExecStart=-printenv OMP_NUM_THREADS'
	is "has none" "$(cat /tmp/job)" ""
	mv "$programs/cgtune" "$programs/gone"
	ok "without the command it starts, too" job CPUQuota=50% ExecStart=nproc
	mv "$programs/gone" "$programs/cgtune"
	rm -r /etc/systemd/system/job.service.d
}

test_nothing_left() {
	systemctl stop cgtune-export cgtune-probe 'cgtune-agent@*' web job
	is "no process is left" "$(pgrep -fc "^$programs/")" 0
	is "no pin is left" "$(pins)" 0
	is "no folder is left" "$(find /run /var/lib -maxdepth 2 -name 'cgtune*')" ""
	is "no unit has failed" "$(systemctl list-units --failed --plain --no-legend 'cgtune*' | cut -d' ' -f1)" ""
}

if [ "${CGTUNE_VM:-0}" = 1 ]; then
	# shellcheck source=tests/tap.sh
	. "$src/tap.sh"
	install_all
	test_files
	test_probe
	if [ -e "$programs/cgtune-export" ]; then
		test_export
	else
		skip "the exporter" "it is not built"
	fi
	test_agent
	test_drop_ins
	test_nothing_left
	done_testing
else
	outside
fi
