#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# agent.sh - cgtune agent: what it answers, and a HAProxy whose maxconn follows a cgroup's quota
# shellcheck disable=SC2317,SC3045 # functions are called by name; dash(1) and bash(1) have ulimit -n
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
cgtune=$build/cgtune
pids=
group=
unset CGTUNE CGTUNE_CPUS CGTUNE_MEMORY CGTUNE_THREADS CGTUNE_THROTTLE_MULTIPLIER GOMAXPROCS
# shellcheck disable=SC2154 # tap.sh sets tmp
trap 'kill $pids 2>/dev/null; wait; test -z "$group" || rmdir "$group"; rm -rf "$tmp"' EXIT

# eventually COMMAND...: it succeeds within 20 seconds.
eventually() {
	for _ in $(seq 400); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

# agent ARGUMENT...: start it; $port.
agent() {
	# One that was there before has said where it listens, too.
	rm -f "$tmp/agent"
	"$cgtune" agent --listen 127.0.0.1:0 "$@" >"$tmp/agent" 2>"$tmp/agent.err" &
	agent_pid=$!
	pids="$pids $agent_pid"
	eventually grep -qs listening "$tmp/agent" || return
	port=$(sed -n 's/listening on .*://p' "$tmp/agent")
}

ask() {
	python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
s.sendall(b"hello\n" if len(sys.argv) > 2 else b"")
print(s.makefile().read(), end="")' "$@"
}

# complaint STATUS ARGUMENT...: that exit status, and the line.
complaint() {
	expected=$1
	shift
	"$cgtune" agent "$@" >"$tmp/out" 2>"$tmp/err"
	test $? -eq "$expected" || echo "another status"
	cat "$tmp/err"
}

is "no --listen" "$(complaint 2)" "cgtune: agent: --listen ADDR:PORT is missing"
is "no port" "$(complaint 2 --listen 127.0.0.1:)" "cgtune: 127.0.0.1:: wants an address and a port in figures, such as 127.0.0.1:9778 or [::1]:9778"
is "a name" "$(complaint 2 --listen localhost:1)" "cgtune: localhost:1: wants an address and a port in figures, such as 127.0.0.1:9778 or [::1]:9778"
is "no address of this machine" "$(complaint 1 --listen 192.0.2.1:1)" "cgtune: 192.0.2.1:1: Cannot assign requested address"
is "no such process" "$(complaint 1 --listen :0 --pid 4194305)" "cgtune: the limits: no such process"
is "no multiplier" "$(complaint 2 --listen :0 --multiplier 0)" "cgtune: 0: --multiplier wants a whole number from 1"

if ! command -v python3 >/dev/null 2>&1; then
	skip "answers" "no python3(1)"
	done_testing
fi
CGTUNE_CPUS=1.5 CGTUNE_THROTTLE_MULTIPLIER=5 agent
cpus=$(nproc)
is "threads x multiplier" "$(ask "$port")" "up maxconn:$((cpus < 2 ? 5 : 10))"
is "to a client that sends too" "$(ask "$port" more)" "up maxconn:$((cpus < 2 ? 5 : 10))"
"$cgtune" agent --listen :0 >"$tmp/loopback" 2>&1 &
pids="$pids $!"
ok "loopback alone where no address is given" eventually grep -q '127.0.0.1:[0-9]' "$tmp/loopback"
# What it is once it listens: nobody, as it began as root, and nothing that it executes is more.
if test "$(id -u)" = 0; then
	is "root becomes nobody" "$(awk '/^(Uid|Gid|Groups|CapPrm|CapEff|NoNewPrivs):/ { $1 = ""; print }' "/proc/$agent_pid/status" |
		tr -s ' \n' ' ')" " $(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody) 0000000000000000 0000000000000000 1 "
	is "--user" "$(complaint 1 --listen :0 --user nosuchuser | tail -n 1)" "cgtune: --user nosuchuser: no such user"
else
	skip "root becomes nobody" "not root"
fi
is_gone() {
	! kill -0 "$scarce_pid" 2>/dev/null
}

# scarce N: where no more descriptors than that may be open it answers as ever, with the last one; or it says so and ends.
scarce() {
	rm -f "$tmp/scarce"
	# Those that the test driver has open count, too.
	(exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- && ulimit -n "$1" && exec "$cgtune" agent --multiplier 5 --listen :0) \
		>"$tmp/scarce" 2>"$tmp/scarce.err" &
	scarce_pid=$!
	pids="$pids $scarce_pid"
	until grep -qs listening "$tmp/scarce"; do
		kill -0 "$scarce_pid" 2>/dev/null || break
		sleep 0.02
	done
	scarce_port=$(sed -n 's/listening on .*://p' "$tmp/scarce")
	case $(ask "${scarce_port:-0}" 2>/dev/null)$(ask "${scarce_port:-0}" 2>/dev/null) in
	"up maxconn:"*"up maxconn:"*) kill "$scarce_pid" ;;
	*)
		eventually is_gone || kill -9 "$scarce_pid"
		wait "$scarce_pid"
		test $? -eq 1 && test "$(grep -c '^cgtune: ' "$tmp/scarce.err")" -ge 1
		;;
	esac
}
for n in 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	ok "$n descriptors: it answers, or says why not" scarce $n
done

# hostile CASE: the agent survives it, keeps nothing, and stays small.
hostile() {
	python3 "$srcdir/tests/hostile-clients.py" --expect '^up ' --pid "$agent_pid" --most-kib 16384 "127.0.0.1:$port" "$1"
}

# Its clients are as many as files may be open here; the agent has one of them at a time.
ulimit -n "$(ulimit -Hn)"
for case in $(python3 "$srcdir/tests/hostile-clients.py" --list); do
	if test "$case" = crowd && test "$(ulimit -n)" != unlimited && test "$(ulimit -n)" -lt 10200; then
		skip "hostile clients: $case" "at most $(ulimit -n) files may be open"
	else
		ok "hostile clients: $case" hostile "$case"
	fi
done

# A cgroup of v1 or v2 in which a quota can be set.
make_group() {
	for top in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
		mkdir "$top/cgtune-agent-$$" 2>/dev/null || continue
		if test -f "$top/cgtune-agent-$$/cpu.cfs_quota_us" || test -f "$top/cgtune-agent-$$/cpu.max"; then
			group=$top/cgtune-agent-$$
			return
		fi
		rmdir "$top/cgtune-agent-$$"
	done
	return 1
}

# quota MICROSECONDS [PERIOD]
quota() {
	if test -f "$group/cpu.max"; then
		echo "$1 ${2:-100000}" >"$group/cpu.max"
	else
		echo -1 >"$group/cpu.cfs_quota_us"
		echo "${2:-100000}" >"$group/cpu.cfs_period_us"
		echo "$1" >"$group/cpu.cfs_quota_us"
	fi
}

if ! make_group; then
	skip "a live change" "no cgroup with a quota can be made"
	done_testing
fi
quota 50000
agent --cgroup "/cgtune-agent-$$"
is "by the quota" "$(ask "$port")" "up maxconn:8"

if ! command -v haproxy >/dev/null 2>&1 || ! command -v curl >/dev/null 2>&1; then
	skip "HAProxy follows" "no haproxy(1) or curl(1)"
	done_testing
fi
cat >"$tmp/haproxy.cfg" <<CONFIG
global
	stats socket $tmp/haproxy.sock mode 600 level admin
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	timeout queue 5s
frontend f
	bind unix@$tmp/front.sock
	default_backend b
backend b
	server s unix@$tmp/nowhere.sock maxconn 1000 agent-check agent-addr 127.0.0.1 agent-port $port agent-inter 200
CONFIG
haproxy -db -f "$tmp/haproxy.cfg" >"$tmp/haproxy.out" 2>&1 &
pids="$pids $!"

# The server's limit as HAProxy has it.
slim() {
	python3 -c 'import csv, socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError:
    sys.exit(1)
s.sendall(b"show stat\n")
for row in csv.DictReader(s.makefile()):
    if row["svname"] == "s":
        print(row["slim"])' "$tmp/haproxy.sock" 2>/dev/null
}

slim_is() {
	test "$(slim)" = "$1"
}

ok "HAProxy takes the limit" eventually slim_is 8
if test "$cpus" -ge 2; then
	quota 150000
	ok "and follows the quota up" eventually slim_is 16
fi
quota 80000
ok "and down" eventually slim_is 8

# So little of a period that is so short that it is used up on any machine.
quota 2000 20000
# shellcheck disable=SC2016 # the inner shell expands it
sh -c 'echo $$ >"$1/cgroup.procs"; while :; do :; done' sh "$group" &
spinner=$!
pids="$pids $spinner"
ok "HAProxy sends one at a time to a backend whose quota stops it" eventually slim_is 1
kill "$spinner"
ok "and more when it does not any longer" eventually slim_is 8
done_testing
