#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# examples.sh - the example hosts of the admission limiter, run as a user would: each is asked, refuses, and ends
# shellcheck disable=SC2317 # functions are called by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
examples=${top_builddir:-.}/examples
pids=
# shellcheck disable=SC2154 # tap.sh sets tmp
trap 'kill $pids 2>/dev/null; rm -rf "$tmp"' EXIT
unset CGTUNE CGTUNE_CPUS CGTUNE_THREADS CGTUNE_THROTTLE_MULTIPLIER CGTUNE_THROTTLE_RETRY_AFTER

# eventually COMMAND...: it succeeds within a minute.
eventually() {
	for _ in $(seq 1200); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

# serve NAME [ARGUMENT...]: start it; $url and $pid.
serve() {
	log=$tmp/$1.out
	program=$1
	shift
	rm -f "$log"				# what an earlier one said
	"$examples/$program" "$@" >"$log" 2>"$log.err" &
	pid=$!
	pids="$pids $pid"
	eventually grep -q listening "$log" || return
	url=http://127.0.0.1:$(sed -n 's/listening on //p' "$log")
}

metric() {
	curl -s "$url/metrics" | sed -n "s/^cgtune_limiter_$1 //p"
}

# shows METRIC VALUE
shows() {
	test "$(metric "$1")" = "$2"
}

# get FILE PATH: headers and body into $tmp/FILE.
get() {
	curl -s -i --max-time 60 "$url$2" | tr -d '\r' >"$tmp/$1"
}

# One limiter of limit 1 and backlog 1, from the first request to the last.
middleware() {
	name=$1
	is "$name: a request" "$(curl -s "$url/job")" "done"
	get first "/job?wait=6000" &
	first=$!
	eventually shows "inflight{limiter=\"$name\"}" 1
	get second "/job?wait=1" &
	second=$!
	ok "$name: one is in, one waits" eventually shows "queued{limiter=\"$name\"}" 1
	get third /job
	is "$name: the third is refused" "$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$tmp/third")" 503
	is "$name: it is told when to come again" "$(sed -n 's/^Retry-After: //p' "$tmp/third")" 30
	is "$name: and why" "$(sed -n 's/^X-Cgtune-Reject: //p' "$tmp/third")" capacity
	is "$name: a health check passes" "$(curl -s "$url/health")" "done"
	wait "$first" "$second"
	is "$name: the first was served" "$(sed -n '$p' "$tmp/first")" "done"
	is "$name: so was the second" "$(sed -n '$p' "$tmp/second")" "done"
	is "$name: four were admitted" "$(metric "admitted_total{limiter=\"$name\"}")" 4
	is "$name: one was refused" "$(metric "rejected_total{limiter=\"$name\",reason=\"capacity\"}")" 1
	is "$name: every wait is counted" "$(metric "wait_seconds_bucket{limiter=\"$name\",le=\"+Inf\"}")" 4
	if command -v promtool >/dev/null 2>&1; then
		ok "$name: promtool takes the metrics" sh -c "curl -s $url/metrics | promtool check metrics"
	fi
}

# Ended by SIGTERM: who is in is served, who waits is refused.
shutdown_gracefully() {
	name=$1
	get in "/job?wait=4000" &
	in=$!
	eventually shows "inflight{limiter=\"$name\"}" 1
	get waits /job &
	waits=$!
	eventually shows "queued{limiter=\"$name\"}" 1
	kill "$pid"
	wait "$in" "$waits"
	is "$name: at the end who is in is served" "$(sed -n '$p' "$tmp/in")" "done"
	is "$name: who waits is refused" "$(sed -n 's/^X-Cgtune-Reject: //p' "$tmp/waits")" closed
	wait "$pid"
	is "$name: and it ends" $? 0
}

# Whose time is up; a trial in which this script did not run until the slot was free again tells nothing.
times_out() {
	name=$1
	for _ in 1 2 3 4 5 6; do
		get in "/job?wait=1000" &
		in=$!
		eventually shows "inflight{limiter=\"$name\"}" 1
		get late /job
		kill -0 "$in" 2>/dev/null && break
		wait "$in"
	done
	is "$name: whose time is up is refused" "$(sed -n 's/^X-Cgtune-Reject: //p' "$tmp/late")" timeout
	is "$name: with the status that was chosen" "$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$tmp/late")" 429
	wait "$in"
	kill "$pid"
	wait "$pid"
}

for server in httpd evhttp; do
	if ! command -v curl >/dev/null 2>&1; then
		skip "$server" "no curl(1)"
	elif ! test -x "$examples/$server"; then
		skip "$server" "its library is not here"
	else
		ok "$server starts" serve "$server" -l 1 -b 1
		middleware "$server"
		shutdown_gracefully "$server"
		ok "$server starts" serve "$server" -l 1 -b 1 -t 50 -s 429
		times_out "$server"
	fi
done

ok "pool does what it took" sh -c "'$examples/pool' >'$tmp/pool'"
ok "and says how much" grep -Eq '^[0-9]+ threads: [0-9]+ jobs done, [0-9]+ refused$' "$tmp/pool"

if command -v python3 >/dev/null 2>&1; then
	ok "epoll starts" serve epoll 1 600
	# The first connection has the slot until it has asked; with two of them it ends only when both have.
	is "epoll: the second is refused, the first served, also after SIGTERM" "$(python3 - "${url##*:}" "$pid" <<'PYTHON'
import os, signal, socket, sys
port, pid = int(sys.argv[1]), int(sys.argv[2])
def connect():
    return socket.create_connection(("127.0.0.1", port), timeout=60)
def ask(s, path="/"):
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return s.makefile().read().split("\n")
first = connect()
answer = ask(connect())
print(answer[0], *sorted(answer[1:3]))
print(ask(first)[0])
answer = ask(connect(), "/metrics")
print(*[line for line in answer if line.startswith("cgtune_limiter_") and "_total" in line and not line.endswith(" 0")])
first = connect()
ask(connect())                      # so the first one was accepted
os.kill(pid, signal.SIGTERM)
while True:
    answer = ask(connect())
    if "X-Cgtune-Reject: closed" in answer:
        break
print(ask(first)[0])
PYTHON
)" 'HTTP/1.1 503 Busy Retry-After: 30 X-Cgtune-Reject: capacity
HTTP/1.1 200 OK
cgtune_limiter_admitted_total{limiter="epoll"} 2 cgtune_limiter_rejected_total{limiter="epoll",reason="capacity"} 1
HTTP/1.1 200 OK'
	wait "$pid"
	is "epoll: and it ends" $? 0
	ports=
	for server in httpd evhttp epoll; do
		test -x "$examples/$server" || continue
		case $server in epoll) set -- 1 1 ;; *) set -- -i 1 ;; esac
		serve "$server" "$@" && ports="$ports ${url##*:}"
	done
	# shellcheck disable=SC2086 # a list of words
	is "who connects and does not ask is closed by each" "$(python3 - $ports <<'PYTHON'
import socket, sys
silent = [socket.create_connection(("127.0.0.1", int(port)), timeout=300) for port in sys.argv[1:]]
print(*[port for port, s in zip(sys.argv[1:], silent) if s.recv(1) == b""])
PYTHON
)" "${ports# }"
else
	skip "epoll" "no python3(1)"
fi
done_testing
