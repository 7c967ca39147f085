#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# real-export.sh - what `cgtune export` writes into a file of a cgroup that its quota stopped: by files, by the iterator, cpu.stat
# shellcheck disable=SC2317 # functions by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

needs_cgroups

# Uses CPU time until its group was stopped three times.
cat >"$tmp/burn" <<'END'
until test "$("$1" show --json --why | "$2" throttle.nr_throttled)" -ge 3; do :; done
echo "ready $$"
exec sleep 600
END
start "$cgtune" run --name "$me-e" --cpus 0.1 --memory 64M -- sh "$tmp/burn" "$cgtune" "$json"
long grep -q ready "$tmp/said"
pid=$(sed -n 's/^ready //p' "$tmp/said")
group_of "$pid"

# The period in which it fell asleep ends.
same() {
	before=$(cat "$stat")
	sleep 0.5
	test "$before" = "$(cat "$stat")"
}

# of FILE METRIC LABELS: the value of its series.
of() {
	sed -n "s|^$2{.*cgroup=\"[^\"]*/$me-e\"$3} ||p" "$1"
}

await same
gives "by the iterator where there is one" 0 "$cgtune" export --textfile "$tmp/a.prom" --once --bpffs "$tmp"
is "nothing that node_exporter tells of itself" "$(grep -c '^process_' "$tmp/a.prom")" 0
gives "by files" 0 "$cgtune" export --textfile "$tmp/b.prom" --once --files --bpffs "$tmp"
echo "# $(grep '^cgtune_source_info' "$tmp/a.prom") on Linux $(uname -r)"
for file in a b; do
	is "$file: periods" "$(of "$tmp/$file.prom" cgtune_cpu_cfs_periods_total)" "$(sed -n 's/^nr_periods //p' "$stat")"
	is "$file: those in which it was stopped" "$(of "$tmp/$file.prom" cgtune_cpu_cfs_throttled_periods_total)" \
		"$(sed -n 's/^nr_throttled //p' "$stat")"
	# v1 counts nanoseconds, v2 shows microseconds.
	is "$file: for how long, in microseconds" \
		"$(of "$tmp/$file.prom" cgtune_cpu_cfs_throttled_seconds_total | awk '{ printf "%d\n", $1 * 1000000 + 0.0005 }')" \
		"$(awk '/^throttled_usec/ { print $2 } /^throttled_time/ { printf "%d\n", $2 / 1000 }' "$stat")"
	is "$file: quota" "$(of "$tmp/$file.prom" cgtune_cpu_limit_cpus)" 0.1
	is "$file: threads" "$(of "$tmp/$file.prom" cgtune_cpu_pool_size)" 1
	is "$file: memory limit" "$(of "$tmp/$file.prom" cgtune_memory_limit_bytes)" 67108864
	is "$file: budget" "$(of "$tmp/$file.prom" cgtune_memory_budget_bytes)" 60397977
	is "$file: OOM kills" "$(of "$tmp/$file.prom" cgtune_memory_oom_kill_events_total)" 0
done
kill "$started"
wait "$started" 2>/dev/null
done_testing
