#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# export.sh - cgtune export: formats, filters, groups that come and go, hostile clients, privilege, the service manager
# shellcheck disable=SC2016,SC2317,SC3045 # commands for other shells; functions by name; dash(1) and bash(1) have ulimit -n
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

needs_cgroups
bpffs=$tmp/bpf
mkdir "$bpffs"
children=
clean_export() {
	for child in $children; do kill "$child" 2>/dev/null; done
	"$cgtune" probe stop --bpffs "$bpffs" 2>/dev/null
	umount "$bpffs" 2>/dev/null
	clean
}
trap clean_export EXIT

metrics() {
	python3 "$srcdir/tests/metrics.py" "$@"
}

# ask OPTION... URL: the metrics, into $tmp/out.
ask() {
	metrics "$@" >"$tmp/out" 2>"$tmp/err" || sed 's/^/# /' "$tmp/err"
}

# export ARGUMENT...: one that listens; its process in $exporter, where in $url.
exporter() {
	rm -f "$tmp/export"
	"$cgtune" export --listen "${listen:-127.0.0.1:0}" --bpffs "$bpffs" "$@" >"$tmp/export" 2>"$tmp/export.err" &
	exporter=$!
	children="$children $exporter"
	long grep -qs listening "$tmp/export" || sed 's/^/# /' "$tmp/export.err"
	url=http://127.0.0.1:$(sed -n 's/listening on .*://p' "$tmp/export")/metrics
}

# has_ended PROCESS: which nobody has waited for yet, or somebody has.
has_ended() {
	! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}

# end PROCESS: by SIGTERM, in time; its status.
end() {
	children=$(echo "$children " | sed "s/ $1 / /")
	kill -TERM "$1"
	long has_ended "$1" || kill -9 "$1"
	wait "$1"
}

# status ARGUMENT...: of curl's answer.
answers() {
	curl -s -o /dev/null -w '%{http_code}' "$@"
}

# of SERIES: its value in $tmp/out.
of() {
	grep -F "$1 " "$tmp/out" | sed 's/.* //'
}

# sum NAME TEXT: of the series of that name with TEXT in their labels.
sum() {
	grep "^$1{" "$tmp/out" | grep -F "$2" | awk '{ n += $NF } END { printf "%.15g\n", n }'
}

# burner NAME: a group that its quota has stopped three times, and whose process sleeps since: its path in $path, its cpu.stat in $stat.
burner() {
	start "$cgtune" run --name "$1" --cpus 0.02 --memory 64M -- sh -c 'echo "ready $$"; while :; do :; done' || long grep -q ready "$tmp/said"
	pid=$(sed -n 's/^ready //p' "$tmp/said")
	group_of "$pid"
	long sh -c 'test "$(sed -n "s/^nr_throttled //p" "$1")" -ge 3' - "$stat"
	kill -STOP "$pid"
}

# counter KEY: of $stat; seconds, whatever the version.
seconds_of_stat() {
	awk '/^throttled_time/ { printf "%.9f\n", $2 / 1e9 } /^throttled_usec/ { printf "%.6f\n", $2 / 1e6 }' "$stat"
}

# quiet: nobody uses CPU time in the group, and its last period has ended: two looks find the same.
quiet() {
	before=$(cat "$stat")
	sleep 0.5
	test "$before" = "$(cat "$stat")"
}

echo "# usage"
fails "nowhere to" 2 'export: --listen ADDR:PORT or --textfile FILE is missing' "$cgtune" export
fails "two places" 2 'only one of them' "$cgtune" export --listen 0 --textfile x
fails "once, listening" 2 'goes with --textfile' "$cgtune" export --listen 0 --once
fails "no port" 2 'wants an address and a port in figures' "$cgtune" export --listen 127.0.0.1:
fails "a port that no machine has" 2 'wants an address and a port in figures' "$cgtune" export --listen 127.0.0.1:65536
fails "how often, listening" 2 '^cgtune: --interval: goes with --textfile' "$cgtune" export --listen 0 --interval 1
fails "created, in a file" 2 '^cgtune: --created: goes with --listen' "$cgtune" export --textfile x.prom --created
fails "a client's time, of a file" 2 '^cgtune: --timeout: goes with --listen' "$cgtune" export --textfile x.prom --timeout 1
fails "no file" 2 '^cgtune: --textfile: wants the name of a file' "$cgtune" export --textfile=
fails "no regular expression" 2 'is no extended regular expression' "$cgtune" export --textfile x --name '('
fails "no depth" 2 'wants a number of levels' "$cgtune" export --textfile x --depth -1
fails "a relative path" 2 'absolute path' "$cgtune" export --textfile x --cgroup a
fails "no interval" 2 'from 1 to 86400' "$cgtune" export --textfile x --interval 0
fails "no timeout" 2 'from 1 to 3600' "$cgtune" export --listen 0 --timeout 0
fails "an argument" 2 'no argument' "$cgtune" export --textfile x y
fails "no such user" 1 'no such user' "$cgtune" export --textfile "$tmp/x.prom" --user nobody-of-this-name
is "and nothing is written" "$(find "$tmp" -name 'x.prom*')" ""
fails "no such folder" 1 'nowhere/x.prom: no such' "$cgtune" export --textfile "$tmp/nowhere/x.prom" --once
fails "a socket's path that is too long" 2 'no path of a socket' "$cgtune" export --listen "unix:/$(printf %0200d 1)"

echo "# formats"
burner "$me-a"
long quiet
exporter
if ! test -e "$tmp/export" || grep -q 'built without libmicrohttpd' "$tmp/export.err"; then
	skip "HTTP" "built without libmicrohttpd"
	done_testing
fi
for format in text openmetrics protobuf; do
	ok "$format: it is well-formed" sh -c 'python3 "$1" -f "$2" "$3" >"$4"' - "$srcdir/tests/metrics.py" "$format" "$url" \
		"$tmp/$format"
	# What differs by the time: the exporter's own, and those groups that are not ours.
	grep -F "$me-a" "$tmp/$format" | grep -v memory_usage >"$tmp/$format.ours"
done
ok "there are series of our group" test "$(wc -l <"$tmp/text.ours")" -ge 8
ok "OpenMetrics has the same" diff "$tmp/text.ours" "$tmp/openmetrics.ours"
ok "and so do protocol buffers" diff "$tmp/text.ours" "$tmp/protobuf.ours"
cp "$tmp/text" "$tmp/out"
is "periods are those of cpu.stat" "$(of "cgtune_cpu_cfs_periods_total{cgroup=\"$path\"}")" "$(sed -n 's/^nr_periods //p' "$stat")"
is "and the throttled ones" "$(of "cgtune_cpu_cfs_throttled_periods_total{cgroup=\"$path\"}")" \
	"$(sed -n 's/^nr_throttled //p' "$stat")"
ok "and the time" awk -v a="$(of "cgtune_cpu_cfs_throttled_seconds_total{cgroup=\"$path\"}")" -v b="$(seconds_of_stat)" \
	'BEGIN { exit !(a >= b && a < b + 0.000001) }'
is "its quota" "$(of "cgtune_cpu_limit_cpus{cgroup=\"$path\"}")" 0.02
is "its threads" "$(of "cgtune_cpu_pool_size{cgroup=\"$path\"}")" 1
is "its memory limit" "$(sum cgtune_memory_limit_bytes "/$me-a\"")" 67108864
is "its budget" "$(sum cgtune_memory_budget_bytes "/$me-a\"")" 60397977
is "a counter that counts nothing yet is there" "$(sum cgtune_memory_oom_kill_events_total "/$me-a\"")" 0
ok "the source is told" grep -Eq '^cgtune_source_info\{counters="(iterator|files)",stalls="none"\} 1$' "$tmp/out"
is "no histogram without a probe" "$(grep -c cgtune_throttle_stall_seconds "$tmp/out")" 0
source=$(sed -n 's/^cgtune_source_info{counters="\([a-z]*\)".*/\1/p' "$tmp/out")
ok "the version" grep -q "^cgtune_build_info{version=\"$("$cgtune" --version | cut -d' ' -f2)\"} 1\$" "$tmp/out"

echo "# HTTP"
is "another page" "$(answers "${url%metrics}nowhere")" 404
is "health" "$(answers "${url%metrics}healthz")" 200
is "the first page" "$(answers "${url%metrics}")" 200
is "HEAD" "$(answers -I "$url")" 200
is "POST" "$(answers -d x "$url")" 405
is "PUT of something large" "$(head -c 300000 /dev/zero | answers -T - "$url")" 405
is "a wrong cgroup" "$(answers "$url?cgroup=a")" 400
is "a wrong depth" "$(answers "$url?depth=x")" 400
ask "$url?cgroup=$path"
is "a request of one cgroup is told of one" "$(of 'cgtune_groups{}')" 1
ask -n "$url?cgroup=$path"
is "of one cgroup" "$(grep -c 'cgtune_cpu_limit_cpus{' "$tmp/out") $(grep -c "cgtune_cpu_limit_cpus{cgroup=\"$path\"}" "$tmp/out")" "1 1"
ask -n "$url?depth=0"
is "of no level below the root" "$(grep -c 'cgroup="/[^"]' "$tmp/out")" 0
echo "# groups that come and go"
start "$cgtune" run --name "$me-n" --cpus 0.5 --memory 32M -- sh -c 'echo ready; exec sleep 600'
new=$started
children="$children $new"
is "a new one has zeros" "$(metrics --await 60 cgtune_cpu_cfs_throttled_periods_total "/$me-n\"" == 0 "$url")" 0
for mount in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
	found=$(find "$mount" -maxdepth 12 -type d -name "$me-n" 2>/dev/null | head -n 1)
	test -z "$found" || break
done
if test -e "$found/cpu.max"; then echo "25000 100000" >"$found/cpu.max"; else echo 25000 >"$found/cpu.cfs_quota_us"; fi
is "a limit that is changed" "$(metrics --await 60 cgtune_cpu_limit_cpus "/$me-n\"" == 0.25 "$url")" 0.25
is "is counted" "$(metrics --await 60 cgtune_limit_changes_total "/$me-n\",resource=\"cpu\"" == 1 "$url")" 1
end "$new"
ok "one that is gone has nothing" long sh -c '! python3 "$1" "$2" | grep -q "$3"' - "$srcdir/tests/metrics.py" "$url" "$me-n"
end "$exporter"
is "SIGTERM ends it in order" "$?" 0

echo "# filters, and by files"
listen=:0
exporter --files --cgroup "$path" --depth 0
listen=
is "loopback alone where no address is given" "$(sed 's/[0-9]*$//' "$tmp/export")" "listening on 127.0.0.1:"
ask "$url"
is "by files" "$(of 'cgtune_source_info{counters="files",stalls="none"}')" 1
grep -F "cgroup=\"$path\"" "$tmp/out" | grep -v memory_usage >"$tmp/files"
grep -F "cgroup=\"$path\"" "$tmp/text.ours" >"$tmp/iterator"
if test "$source" = iterator; then
	# cpu.stat of v2 has microseconds, the iterator nanoseconds.
	ok "by files and by the kernel's iterator it is the same" sh -c 'sed "s/\(seconds_total{.*\.[0-9]\{6\}\)[0-9]*$/\1/" "$1" >"$1.us"
		sed "s/\(seconds_total{.*\.[0-9]\{6\}\)[0-9]*$/\1/" "$2" | diff - "$1.us"' - "$tmp/files" "$tmp/iterator"
else
	skip "by files and by the kernel's iterator it is the same" "no iterator here"
fi
is "--cgroup, --depth" "$(of 'cgtune_groups{}')" "$(grep -c '^cgtune_cpu_pool_size' "$tmp/out")"
end "$exporter"
run "$cgtune" export --textfile "$tmp/x.prom" --once --name "/$me-a\$" --bpffs "$bpffs"
is "a file" "$status$(cat "$tmp/err")" 0
gives "a file that node_exporter does not read, of a cgroup that is not there" 0 \
	"$cgtune" export --textfile "$tmp/x.txt" --once --cgroup "/$me-none" --bpffs "$bpffs"
says "the one is said" "^cgtune: warning: $tmp/x.txt does not end in .prom"
says "and the other" "^cgtune: warning: --cgroup: \"/$me-none\" is not there now"
is "for everybody to read" "$(stat -c %a "$tmp/x.prom")" 644
is "and nothing beside it" "$(find "$tmp" -name 'x.prom*' | wc -l)" 1
ask "$tmp/x.prom"
is "--name" "$(grep -c 'cgtune_cpu_limit_cpus{' "$tmp/out") $(sum cgtune_cpu_limit_cpus "$me-a")" "1 0.02"
run "$cgtune" export --textfile "$tmp/x.prom" --once --except "/$me-" --bpffs "$bpffs"
is "--except" "$(grep -c "$me-" "$tmp/x.prom")" 0
"$cgtune" export --textfile "$tmp/x.prom" --interval 1 --bpffs "$bpffs" &
writer=$!
children="$children $writer"
ok "the file is written again and again" long grep -q "$me-a" "$tmp/x.prom"
first=$(stat -c %i "$tmp/x.prom")
ok "each a new one" long sh -c 'test "$(stat -c %i "$1")" != "$2"' - "$tmp/x.prom" "$first"
end "$writer"
is "SIGTERM ends that in order" "$?" 0

echo "# a socket in the file system; the service manager"
cat >"$tmp/manager" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
open(sys.argv[2] + ".bound", "w").close()
seen = []
while "STOPPING=1" not in seen:
    seen.append(s.recv(100).decode())
    open(sys.argv[2], "a").write(seen[-1] + "\n")
END
python3 "$tmp/manager" "$tmp/notify" "$tmp/told" &
manager=$!
children="$children $manager"
long test -e "$tmp/told.bound"
NOTIFY_SOCKET=$tmp/notify WATCHDOG_USEC=200000 "$cgtune" export --listen "unix:$tmp/socket" --bpffs "$bpffs" >"$tmp/export" &
exporter=$!
children="$children $exporter"
ok "it tells when it is ready" long grep -qs '^READY=1$' "$tmp/told"
ok "and that it lives, though nobody asks" long sh -c 'test "$(grep -c "^WATCHDOG=1$" "$1")" -ge 3' - "$tmp/told"
is "first that" "$(head -n 1 "$tmp/told")" READY=1
is "a socket of its group" "$(stat -c %F:%a "$tmp/socket")" socket:660
ask "unix:$tmp/socket"
is "serves the same" "$(of "cgtune_cpu_limit_cpus{cgroup=\"$path\"}")" 0.02
fails "one that listens there is not pushed aside" 1 'in use' "$cgtune" export --listen "unix:$tmp/socket"
end "$exporter"
long grep -q '^STOPPING=1$' "$tmp/told"
is "it tells that it ends" "$(tail -n 1 "$tmp/told")" STOPPING=1
ok "nobody leaves a socket in a folder of root" test -S "$tmp/socket"
rm -f "$tmp/export"
"$cgtune" export --listen "unix:$tmp/socket" --bpffs "$bpffs" --user root >"$tmp/export" 2>"$tmp/export.err" &
exporter=$!
children="$children $exporter"
ok "the next takes it over" long grep -qs listening "$tmp/export"
end "$exporter"
ok "and removes it" test ! -e "$tmp/socket"

echo "# as nobody, with a probe, and clients of every kind"
if "$cgtune" probe features >/dev/null 2>&1 && mount -t bpf bpf "$bpffs" 2>/dev/null && "$cgtune" probe start --bpffs "$bpffs" >/dev/null; then
	probe=$("$cgtune" probe status --bpffs "$bpffs" | sed -n '1s/^rung \([a-z]*\), .*/\1/p')
else
	probe=none
fi
exporter --timeout 1
ok "it becomes nobody" long grep -q "^Uid:.$(id -u nobody)" "/proc/$exporter/status"
is "it is nobody, with no capability and no way to any" \
	"$(sed -n 's/^\(Uid\|CapPrm\|CapEff\|CapAmb\|NoNewPrivs\|Groups\):[[:space:]]*//p' "/proc/$exporter/status" | tr '\t\n' '  ')" \
	"$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)  0000000000000000 0000000000000000 0000000000000000 1 "
burner "$me-b"
long quiet
metrics --await 60 cgtune_cpu_cfs_throttled_periods_total "\"$path\"" == "$(sed -n 's/^nr_throttled //p' "$stat")" "$url" >/dev/null
ask "$url"
is "a group that was made since" "$(of "cgtune_cpu_cfs_throttled_periods_total{cgroup=\"$path\"}")" \
	"$(sed -n 's/^nr_throttled //p' "$stat")"
if test "$probe" = none; then
	skip "the histogram" "no probe can be started here"
else
	is "the probe's rung is told" "$(grep -c "^cgtune_source_info{.*stalls=\"$probe\"} 1\$" "$tmp/out")" 1
	"$cgtune" stalls --bpffs "$bpffs" --cgroup "$path" --json >"$tmp/stalls"
	is "its stops are those of cgtune stalls" "$(of "cgtune_throttle_stall_seconds_count{cgroup=\"$path\"}")" \
		"$("$json" groups.0.hist <"$tmp/stalls" | tr -d '[]' | tr , '\n' | awk '{ n += $1 } END { print n }')"
	ok "there are some" test "$(of "cgtune_throttle_stall_seconds_count{cgroup=\"$path\"}")" -ge 1
	is "its threads that were stopped" "$(of "cgtune_throttle_stalled_threads_total{cgroup=\"$path\"}")" \
		"$("$json" groups.0.hits <"$tmp/stalls")"
	ok "their sum" awk -v a="$(of "cgtune_throttle_stall_seconds_sum{cgroup=\"$path\"}")" \
		-v b="$("$json" groups.0.throttled_ns <"$tmp/stalls")" 'BEGIN { exit !(a == b / 1e9) }'
	is "a histogram of zeros where nothing was stopped since" "$(of "cgtune_throttle_stall_seconds_count{cgroup=\"${path%-b*}-a${path##*-b}\"}")" 0
	metrics -f protobuf "$url" | grep -F "$path" | grep stall_seconds >"$tmp/protobuf"
	ok "the same by protocol buffers" sh -c 'grep -F "$1" "$2" | grep stall_seconds | diff - "$3"' - "$path" "$tmp/out" "$tmp/protobuf"
	"$cgtune" probe stop --bpffs "$bpffs"
	ok "a probe that is stopped is told of no more" long sh -c 'python3 "$1" "$2" | grep -q "stalls=\"none\""' - "$srcdir/tests/metrics.py" "$url"
fi

hostile() {
	python3 "$srcdir/tests/hostile-clients.py" --http /metrics --expect cgtune_build_info --pid "$exporter" --most-kib 131072 \
		--within 240 "$(echo "$url" | sed 's,http://\(.*\)/metrics,\1,')" "$1"
}
ulimit -n "$(ulimit -Hn)"
for case in $(python3 "$srcdir/tests/hostile-clients.py" --http /metrics --list); do
	if test "$case" = crowd && test "$(ulimit -n)" != unlimited && test "$(ulimit -n)" -lt 10200; then
		skip "hostile clients: $case" "at most $(ulimit -n) files may be open"
	else
		ok "hostile clients: $case" hostile "$case"
	fi
done
end "$exporter"
is "and it ends in order" "$?" 0

done_testing
