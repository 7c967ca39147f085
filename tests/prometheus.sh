#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# prometheus.sh - a real Prometheus scrapes cgtune export: what it answers agrees with cpu.stat; rules, an alert, the dashboard
# shellcheck disable=SC2016,SC2317 # commands for other shells; functions by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

# It may be unpacked only: setup does that, as what Debian's package depends on is 230 MB of a web interface.
unpacked=$build/packages/usr/bin
PATH=$PATH:$unpacked
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
	echo "1..0 # SKIP there is no prometheus(1), neither installed nor below $unpacked"
	exit 0
fi
rules=$srcdir/examples/prometheus
is "promtool check rules" "$(promtool check rules "$rules/cgtune.rules.yml" 2>&1 | sed -n 's/^ *\(SUCCESS\).*/\1/p')" SUCCESS
is "promtool check config" "$(promtool check config "$rules/prometheus.yml" 2>&1 | sed -n 's/^ *\(SUCCESS\).*/\1/p' | sort -u)" SUCCESS
ok "promtool test rules" sh -c 'cd "$1" && promtool test rules cgtune.rules.test.yml >"$2" 2>&1' - "$rules" "$tmp/rules" ||
	sed 's/^/# /' "$tmp/rules"

if ! has_cgroups; then
	skip "a real one" "$why"
	done_testing
fi
bpffs=$tmp/bpf
mkdir "$bpffs"
children=
clean_prometheus() {
	for child in $children; do kill "$child" 2>/dev/null; done
	wait
	"$cgtune" probe stop --bpffs "$bpffs" 2>/dev/null
	umount "$bpffs" 2>/dev/null
	clean
}
trap clean_prometheus EXIT

# burner NAME: a cgroup that its quota stops again and again; its path in $path.
burner() {
	"$cgtune" run --name "$1" --cpus 0.05 --memory 64M -- sh -c 'echo "ready $$"; while :; do :; done' >"$tmp/$1" 2>&1 &
	children="$children $!"
	long grep -qs ready "$tmp/$1"
	pid=$(sed -n 's/^ready //p' "$tmp/$1")
	group_of "$pid"
}

# stat PATH KEY: of its cpu.stat.
stat_of() {
	cat "/sys/fs/cgroup/cpu$1/cpu.stat" "/sys/fs/cgroup$1/cpu.stat" 2>/dev/null | sed -n "s/^$2 //p" | head -n 1
}

# exporter ARGUMENT...: where it listens in $target.
exporter() {
	rm -f "$tmp/export"
	"$cgtune" export --listen 127.0.0.1:0 --bpffs "$bpffs" "$@" >"$tmp/export" 2>"$tmp/export.err" &
	children="$children $!"
	long grep -qs listening "$tmp/export" || sed 's/^/# /' "$tmp/export.err"
	target=$(sed -n 's/listening on //p' "$tmp/export")
}

# prometheus NAME ARGUMENT...: a server; where in $server.
prometheus_server() {
	name=$1
	shift
	prometheus --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/$name" --web.listen-address=127.0.0.1:0 \
		"$@" >"$tmp/$name.log" 2>&1 &
	children="$children $!"
	long grep -qs 'msg="Listening on" address=' "$tmp/$name.log" || sed 's/^/# /' "$tmp/$name.log"
	server=http://$(sed -n 's/.*msg="Listening on" address=\([^ ]*\).*/\1/p' "$tmp/$name.log")
}

# query EXPRESSION: its answer into $tmp/answer. Fails: it has no data.
query() {
	curl -s -G --data-urlencode "query=$1" "$server/api/v1/query" >"$tmp/answer"
	test "$("$json" status <"$tmp/answer")" = success && test "$("$json" -n data.result <"$tmp/answer")" -ge 1
}

value() {
	query "$1" && "$json" data.result.0.value.1 <"$tmp/answer"
}

# A scrape that was too slow leaves nothing until the next.
value_at_last() {
	long query "$1" && "$json" data.result.0.value.1 <"$tmp/answer"
}

# reaches EXPRESSION NUMBER: its value is that, or more.
reaches() {
	awk -v value="$(value "$1")" -v least="$2" 'BEGIN { exit !(value != "" && value + 0 >= least + 0) }'
}

burner "$me-a"
a=$path
burner "$me-b"
b=$path
burner "$me-c"
c=$path
if "$cgtune" probe features >/dev/null 2>&1 && mount -t bpf bpf "$bpffs" 2>/dev/null && "$cgtune" probe start --bpffs "$bpffs" >/dev/null; then
	probed=yes
fi
exporter
if test -z "$target"; then
	skip "a real one" "$(head -n 1 "$tmp/export.err")"
	done_testing
fi
all=$target
exporter --files --cgroup "$b" --depth 0
of_b=$target
exporter --name "/$me-c\$"
of_c=$target
# Rates over as much of the past as there is here.
sed 's/\[5m\]/[15s]/' "$rules/cgtune.rules.yml" >"$tmp/cgtune.rules.yml"
cat >"$tmp/prometheus.yml" <<END
global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s }
rule_files: [cgtune.rules.yml]
scrape_configs:
  - { job_name: whole, static_configs: [{ targets: ["$all"] }] }
  - { job_name: files, static_configs: [{ targets: ["$of_b"] }] }
  - { job_name: named, static_configs: [{ targets: ["$of_c"] }] }
  - { job_name: params, params: { cgroup: ["$a"] }, static_configs: [{ targets: ["$all"] }] }
END
for target in "$all" "$of_b" "$of_c"; do
	is "promtool check metrics" "$(curl -s "http://$target/metrics" | promtool check metrics 2>&1)" ""
done

echo "# a server as it is by default: it asks for OpenMetrics"
prometheus_server plain
ok "all targets are up" long reaches 'sum(up)' 4
ok "the sources are told" long query 'cgtune_source_info{job="files",counters="files"}'

# Read before, until the server has as much; read again: it has no more. The counters only grow.
agrees() {
	before=$(stat_of "$3" nr_throttled)
	ok "$1: the server has what cpu.stat had" long reaches "cgtune_cpu_cfs_throttled_periods_total{job=\"$2\",cgroup=\"$3\"}" "$before" ||
		sed 's/^/# /' "$tmp/answer"
	got=$("$json" data.result.0.value.1 <"$tmp/answer")
	after=$(stat_of "$3" nr_throttled)
	ok "$1: and not more than it has" test "${got:-0}" -ge "$before" -a "${got:-0}" -le "$after" || echo "# $before $got $after"
	ok "$1: there is something to count" test "$before" -ge 1
	is "$1: one series" "$("$json" -n data.result <"$tmp/answer")" 1
}

agrees "of the whole machine" whole "$a"
agrees "by files" files "$b"
agrees "by a name" named "$c"
agrees "by a parameter" params "$a"
is "of the cgroup of a parameter alone" "$(value_at_last 'count(cgtune_cpu_limit_cpus{job="params"})')" 1
before=$(($(stat_of "$a" nr_throttled) + $(stat_of "$b" nr_throttled) + $(stat_of "$c" nr_throttled)))
ok "a sum over all three" long reaches "sum(cgtune_cpu_cfs_throttled_periods_total{job=\"whole\",cgroup=~\".*/$me-.\"})" "$before"

echo "# rules, as they are evaluated"
ok "seconds stopped" long reaches "cgroup:cgtune_cpu_cfs_throttled_seconds:rate5m{job=\"whole\",cgroup=\"$a\"}" 0.000001
ok "periods" long reaches "cgroup:cgtune_cpu_cfs_throttled_periods:ratio_rate5m{job=\"whole\",cgroup=\"$a\"}" 0.000001
ok "memory" long query "cgroup:cgtune_memory_usage:ratio{job=\"whole\",cgroup=~\".*/$me-a\"}"
ok "by job" long reaches 'job:cgtune_cpu_cfs_throttled_seconds:rate5m{job="files"}' 0.000001
ok "the alert is on its way for what is stopped most of the time" \
	long query "ALERTS{alertname=\"CgtuneCPUStalls\",alertstate=\"pending\",job=\"whole\",cgroup=\"$a\"}"
curl -s "$server/api/v1/rules" >"$tmp/answer"
is "no rule has an error" "$(grep -o '"health":"[a-z]*"' "$tmp/answer" | sort -u)" '"health":"ok"'

echo "# the dashboard"
ok "it is one" sh -c 'python3 "$@" >"$0"' "$tmp/queries" "$srcdir/tests/dashboard.py" "$srcdir/examples/grafana/cgtune.json" \
	'job=.*' 'instance=.*' 'cgroup=.*' __rate_interval=1m
ok "with queries" test "$(wc -l <"$tmp/queries")" -ge 15
while read -r expression; do
	case $expression in
	*cgtune_throttle_*)
		if test -z "${probed:-}"; then
			skip "$expression" "no probe can be started here"
			continue
		fi
		;;
	esac
	ok "$expression" long query "$expression" || sed 's/^/# /' "$tmp/answer"
done <"$tmp/queries"

echo "# a server with native histograms: it asks for protocol buffers"
if test -z "${probed:-}"; then
	skip "native histograms" "no probe can be started here"
	done_testing
fi
ok "stops, in classic histograms" long reaches "cgroup:cgtune_throttle_stall_seconds:p99_rate5m{job=\"whole\",cgroup=\"$a\"}" 0.000001
prometheus_server native --enable-feature=native-histograms
histogram="cgtune_throttle_stall_seconds{job=\"whole\",cgroup=\"$a\"}"
ok "all targets are up" long reaches 'sum(up)' 4
ok "it has one series" long reaches "count($histogram)" 1
is "and no buckets" "$(query "cgtune_throttle_stall_seconds_bucket{cgroup=\"$a\"}" || "$json" -n data.result <"$tmp/answer")" 0
before=$("$cgtune" stalls --bpffs "$bpffs" --cgroup "$a" --json | "$json" groups.0.hist | tr -d '[]' | tr , '\n' | awk '{ n += $1 } END { print n }')
ok "its count is what the probe had" long reaches "histogram_count($histogram)" "$before"
got=$("$json" data.result.0.value.1 <"$tmp/answer")
after=$("$cgtune" stalls --bpffs "$bpffs" --cgroup "$a" --json | "$json" groups.0.hist | tr -d '[]' | tr , '\n' | awk '{ n += $1 } END { print n }')
ok "and not more than it has" test "${got:-0}" -le "$after"
ok "a quantile of it" long reaches "histogram_quantile(0.99, rate(${histogram}[1m]))" 0.000001
ok "counters come by protocol buffers, too" long reaches "cgtune_cpu_cfs_throttled_periods_total{job=\"whole\",cgroup=\"$a\"}" "$(stat_of "$a" nr_throttled)"

done_testing
