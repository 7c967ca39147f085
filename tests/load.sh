#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# load.sh - the example servers under wrk and h2load in a cgroup of half a CPU, and with 10,000 clients at once
# shellcheck disable=SC2317,SC3045 # functions are called by name; dash(1) and bash(1) have ulimit -n
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
examples=${top_builddir:-.}/examples
pids=
group=
# shellcheck disable=SC2154 # tap.sh sets tmp
trap 'kill $pids 2>/dev/null; wait; test -z "$group" || rmdir "$group"; rm -rf "$tmp"' EXIT
unset CGTUNE CGTUNE_CPUS CGTUNE_THREADS CGTUNE_THROTTLE_MULTIPLIER CGTUNE_THROTTLE_RETRY_AFTER

# The servers are to hold 10,000 clients with no more memory than this.
most_kib=65536
crowd=10000

# eventually COMMAND...: it succeeds within 60 seconds.
eventually() {
	for _ in $(seq 1200); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

# A cgroup of v1 or v2 with half a CPU.
make_group() {
	for top in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
		mkdir "$top/cgtune-load-$$" 2>/dev/null || continue
		group=$top/cgtune-load-$$
		if test -f "$group/cpu.max"; then
			echo "50000 100000" >"$group/cpu.max" && return
		elif test -f "$group/cpu.cfs_quota_us"; then
			echo 50000 >"$group/cpu.cfs_quota_us" && return
		fi
		rmdir "$group"
		group=
	done
	return 1
}

# serve PROGRAM [GROUP]: start it, in a cgroup; $pid and $port.
serve() {
	log=$tmp/$1.out
	rm -f "$log"
	# shellcheck disable=SC2016 # the inner shell expands them
	sh -c 'ulimit -n "$(ulimit -Hn)"; test -z "$2" || echo $$ >"$2/cgroup.procs" || exit; exec "$1"' sh \
		"$(realpath "$examples/$1")" "${2:-}" >"$log" 2>&1 &
	pid=$!
	pids="$pids $pid"
	eventually grep -qs listening "$log" || return
	port=$(sed -n 's/listening on //p' "$log")
}

# stop: it ends well.
stop() {
	kill "$pid" && wait "$pid"
}

admitted() {
	curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^cgtune_limiter_admitted_total{.*} //p'
}

# figure FILE PATTERN: the number before it
figure() {
	sed -n "s/.*[^0-9]\\([0-9][0-9]*\\) $2.*/\\1/p" "$1"
}

# Each of 1000 requests is answered; as many as were admitted are served, the others told 503.
under_h2load() {
	before=$(admitted)
	h2load --h1 -n 1000 -c 100 -t 1 "http://127.0.0.1:$port/job?$2" >"$tmp/h2load" 2>&1
	is "$1: h2load has all its answers" "$(sed -n 's/.*, \(.* done\), .*, \(.* errored, .* timeout\)$/\1, \2/p' "$tmp/h2load")" \
		"1000 done, 0 errored, 0 timeout"
	served=$(figure "$tmp/h2load" 2xx)
	is "$1: who was admitted was served" "$served" "$(($(admitted) - before))"
	is "$1: all others were refused" "$(figure "$tmp/h2load" 5xx)" "$((1000 - served))"
	ok "$1: somebody was served" test "$served" -gt 0
}

is_served() {
	test "$(curl -s "http://127.0.0.1:$port/job")" = "done"
}

# When wrk leaves, the server has yet to see that those whom it has queued have gone.
under_wrk() {
	wrk -t 1 -c 200 -d 1s --timeout 60s "http://127.0.0.1:$port/job?$2" >"$tmp/wrk" 2>&1
	is "$1: wrk meets no error but refusals" "$(grep 'Socket errors' "$tmp/wrk")" ""
	requests=$(figure "$tmp/wrk" 'requests in')
	refused=$(sed -n 's/.*Non-2xx or 3xx responses: //p' "$tmp/wrk")
	ok "$1: wrk is served" test "${requests:-0}" -gt "${refused:-0}"
	ok "$1: and at the end it is as before" eventually is_served
}

# ask_all PORT HOW: a crowd connects at once, asks once, and each is answered; "held": they ask when all are connected.
ask_all() {
	python3 - "$1" "$crowd" "$2" <<'PYTHON'
import errno, resource, select, socket, sys

port, crowd, held = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "held"
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
poll = select.epoll()
clients, answers = {}, {}
for i in range(crowd):
    s = socket.socket()
    s.setblocking(False)
    if s.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
        sys.exit("cannot connect")
    clients[s.fileno()] = [s, b""]
    poll.register(s.fileno(), select.EPOLLOUT)


def wait():
    events = poll.poll(240)
    if not events:
        sys.exit(f"{len(clients)} hear nothing")
    return events


if held:
    unconnected = set(clients)
    while unconnected:
        for fd, _ in wait():
            unconnected.discard(fd)
            poll.modify(fd, 0)
    for fd in clients:
        poll.modify(fd, select.EPOLLOUT)
while clients:
    for fd, what in wait():
        client = clients[fd]
        try:
            if what & select.EPOLLOUT:
                client[0].send(b"GET /job?wait=20 HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n\r\n")
                poll.modify(fd, select.EPOLLIN)
                continue
            more = client[0].recv(4096)
        except OSError as error:
            more, client[1] = b"", b"no " + error.strerror.encode()
        client[1] += more
        if not more:
            status = (client[1].split() + [b"", b"nothing"])[1].decode()
            answers[status] = answers.get(status, 0) + 1
            poll.unregister(fd)
            client[0].close()
            del clients[fd]
print(*sorted(answers), sum(answers.values()))
PYTHON
}

# crowded NAME HOW: memory by the kernel's high-water mark.
crowded() {
	is "$1: each of $crowd clients is served or refused" "$(ask_all "$port" "$2")" "200 503 $crowd"
	used=$(sed -n 's/VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
	echo "# $1: $used KiB"
	ok "$1: with bounded memory" test "$used" -le $most_kib
}

make_group || :
ulimit -n "$(ulimit -Hn)"
for server in httpd evhttp; do
	if ! test -x "$examples/$server"; then
		skip "$server" "its library is not here"
		continue
	fi
	load="cpu=1"
	how=at-once
	test $server = httpd || { load="wait=10"; how=held; }
	if test -z "$group"; then
		skip "$server under load" "no cgroup with a quota can be made"
	elif ! command -v wrk >/dev/null 2>&1 || ! command -v h2load >/dev/null 2>&1 || ! command -v curl >/dev/null 2>&1; then
		skip "$server under load" "no wrk(1), h2load(1) or curl(1)"
	else
		ok "$server starts in a cgroup of half a CPU" serve $server "$group"
		under_h2load $server $load
		under_wrk $server $load
		ok "$server ends" stop
	fi
	if ! command -v python3 >/dev/null 2>&1; then
		skip "$server with $crowd clients" "no python3(1)"
	elif test "$(ulimit -n)" != unlimited && test "$(ulimit -n)" -lt $((crowd + 200)); then
		skip "$server with $crowd clients" "at most $(ulimit -n) files may be open"
	else
		ok "$server starts" serve $server
		crowded $server $how
		ok "$server ends" stop
	fi
done
done_testing
