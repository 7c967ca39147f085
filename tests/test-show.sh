#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-show.sh - the command-line contract of `cgtune show`: JSON, exit statuses, warnings, plain output
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
cgtune=$build/cgtune
json=$build/tests/json
fixtures=${FIXTURES:-$srcdir/tests/fixtures}
unset CGTUNE CGTUNE_CPUS CGTUNE_MEMORY CGTUNE_THREADS CGTUNE_BUDGET CGTUNE_MEMORY_RATIO CGTUNE_MEMORY_RESERVE \
	CGTUNE_CPUS_RESERVE CGTUNE_ROUND CGTUNE_THROTTLE_MULTIPLIER CGTUNE_THROTTLE_RETRY_AFTER CGTUNE_LOG CGTUNE_SET GOMAXPROCS GOMEMLIMIT \
	AUTOMEMLIMIT OMP_NUM_THREADS NO_COLOR

# A machine of the fixtures, below $tmp.
machine() {
	test -d "$tmp/$1" || "$build/tests/untree" "$fixtures/$1.tree" "$tmp/$1" || exit 99
	echo "$tmp/$1"
}

# show NAME [OPTION...]: JSON of a machine; standard error must stay empty.
show() {
	show_root=$(machine "$1")
	shift
	"$cgtune" show --json --root "$show_root" "$@" 2>"$tmp/err" || echo "exit status $?"
	cat "$tmp/err"
}

# value NAME PATH EXPECTED: in the JSON of a machine.
value() {
	is "$1: $2" "$(show "$1" | "$json" "$2")" "$3"
}

# with VARIABLE=VALUE... -- NAME PATH...: values, in one line, of a machine in that environment.
with() {
	(
		while test "$1" != --; do
			export "${1?}"
			shift
		done
		name=$2
		shift 2
		show "$name" | "$json" "$@" | tr '\n' ' ' | sed 's/ $//'
	)
}

# run COMMAND...: status, and what it wrote, into $status, $tmp/out, $tmp/err.
run() {
	status=0
	"$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}

# lacks PATTERN FILE
# shellcheck disable=SC2317
lacks() {
	! LC_ALL=C grep -q -e "$1" "$2"
}

escape=$(printf '\033')

lines() {
	wc -l <"$1" | tr -d ' '
}

# fails NAME STATUS PATTERN COMMAND...: that status, nothing on stdout, and one line on stderr.
fails() {
	fails_name=$1 fails_status=$2 fails_pattern=$3
	shift 3
	run "$@"
	is "$fails_name: status" "$status" "$fails_status"
	is "$fails_name: one line on stderr" "$(lines "$tmp/err")" 1
	is "$fails_name: nothing on stdout" "$(cat "$tmp/out")" ""
	ok "$fails_name: says so" grep -Eq "$fails_pattern" "$tmp/err"
}

echo "# keys and types"
limited=uv-memory-high-below-max
free=amx-v2-unset-max
is "one line" "$(show $limited | wc -l | tr -d ' ')" 1
is "members" "$(show $limited | "$json" -n .)" 7
is "members with --why" "$(show $limited --why | "$json" -n .)" 10
for key in version:string limited:boolean cpu:object memory:object threads:object budget:object warnings:array \
	cpu.hierarchy:int cpu.affinity:int cpu.source:string memory.hierarchy:int memory.physical:int memory.source:string \
	memory.limit:int memory.high:int memory.from:string threads.value:int threads.source:string budget.value:int \
	budget.source:string levels:absent notes:absent; do
	is "type of ${key%:*}" "$(show $limited | "$json" -t "${key%:*}")" "${key#*:}"
done
for key in cpu.limit cpu.from memory.limit memory.high memory.from memory.available budget.value; do
	is "null where nothing limits: $key" "$(show $free | "$json" -t $key)" null
done
is "version" "$(show $free | "$json" version)" "$("$cgtune" --version | sed 's/^cgtune //')"

echo "# values"
value $free limited false
value $free threads.source host
value $free budget.source host
value $free warnings '[]'
value automem-issue31-parent limited true
value automem-issue31-parent memory.limit 1073741824
value automem-issue31-parent memory.from /sys/fs/cgroup/supervisor/memory.max
value automem-issue31-parent memory.physical 68719476736
value automem-issue31-parent memory.available 1040187392
value automem-issue31-parent memory.source cgroup
value automem-issue31-parent memory.hierarchy 2
value automem-issue31-parent cpu.affinity 64
value automem-issue31-parent cpu.limit null
value automem-issue31-parent budget.value 966367641
value automem-issue31-parent budget.source cgroup
value automem-issue31-parent threads.value 64
value der-cpu-v2-memory-v1 cpu.hierarchy 2
value der-cpu-v2-memory-v1 memory.hierarchy 1
value der-cpu-v2-memory-v1 cpu.limit 1.5
value der-cpu-v2-memory-v1 cpu.from /sys/fs/cgroup/unified/svc/cpu.max
value der-cpu-v2-memory-v1 memory.from /sys/fs/cgroup/memory/svc/memory.limit_in_bytes
value der-v1-use-hierarchy-0 cpu.hierarchy null
value uv-memory-high-only budget.source cgroup
ok "high alone: limit null, a file, limited" test \
	"$(show uv-memory-high-only | "$json" memory.limit memory.from limited | tr '\n' ' ')" = \
	"null $(show uv-memory-high-only | "$json" memory.from) true "

echo "# environment"
m=der-cpu-v2-memory-v1
is "GOMAXPROCS" "$(with GOMAXPROCS=100 -- $m threads.value threads.source limited warnings)" "100 GOMAXPROCS true []"
is "GOMAXPROCS alone is no limit" "$(with GOMAXPROCS=3 -- $free threads.value limited)" "3 false"
is "GOMEMLIMIT" "$(with GOMEMLIMIT=1GiB -- $m budget.value budget.source)" "1073741824 GOMEMLIMIT"
is "GOMEMLIMIT=off" "$(with GOMEMLIMIT=off -- $m budget.value budget.source)" "null GOMEMLIMIT"
is "AUTOMEMLIMIT=off" "$(with AUTOMEMLIMIT=off -- $m budget.value budget.source memory.limit)" \
	"null AUTOMEMLIMIT 1073741824"
is "CGTUNE_CPUS" "$(with CGTUNE_CPUS=2.5 -- $m cpu.limit cpu.from cpu.source threads.value threads.source)" \
	"2.5 null CGTUNE_CPUS 3 CGTUNE_CPUS"
is "CGTUNE_CPUS where nothing limits" "$(with CGTUNE_CPUS=2500m -- $free cpu.limit limited threads.source)" \
	"2.5 true CGTUNE_CPUS"
is "CGTUNE_MEMORY" "$(with CGTUNE_MEMORY=512MiB -- $m memory.limit memory.from memory.source budget.value budget.source)" \
	"536870912 null CGTUNE_MEMORY 483183820 CGTUNE_MEMORY"
is "CGTUNE_THREADS" "$(with CGTUNE_THREADS=7 GOMAXPROCS=3 -- $m threads.value threads.source)" "7 CGTUNE_THREADS"
is "CGTUNE_BUDGET=off" "$(with CGTUNE_BUDGET=off -- $m budget.value budget.source)" "null CGTUNE_BUDGET"
is "CGTUNE_ROUND does not change the source" "$(with CGTUNE_ROUND=floor -- $m threads.value threads.source)" "1 cgroup"
is "CGTUNE=off" "$(with CGTUNE=off -- $m cpu.limit memory.limit limited threads.value threads.source budget.value budget.source)" \
	"1.5 1073741824 false 64 CGTUNE null CGTUNE"
is "own values are no overrides" "$(with GOMAXPROCS=9 CGTUNE_SET='GOMAXPROCS=9;' -- $m threads.value threads.source warnings)" \
	"2 cgroup []"
is "set but empty" "$(with GOMAXPROCS= CGTUNE= -- $m threads.value warnings)" "2 []"
is "a refused value" "$(with GOMAXPROCS=many -- $m threads.value warnings.0.variable warnings.0.value)" "2 GOMAXPROCS many"
is "is one warning" "$(GOMAXPROCS=many show $m | "$json" -n warnings)" 1
is "without a file" "$(with GOMAXPROCS=many -- $m warnings.0.file)" absent

echo "# warnings about files"
bad=automem-issue31-parent
cp -r "$(machine $bad)" "$tmp/bad" && echo rubbish >"$tmp/bad/sys/fs/cgroup/supervisor/memory.max" || exit 99
is "a bad level: one warning" "$(show bad | "$json" -n warnings)" 1
is "names its file and text" "$(show bad | "$json" warnings.0.file warnings.0.value)" \
	"$(printf '/sys/fs/cgroup/supervisor/memory.max\nrubbish')"
is "the level above counts" "$(show bad | "$json" memory.limit)" 2147483648
run "$cgtune" show --root "$tmp/bad"
is "plain: status" "$status" 0
is "plain: on stderr, one line" "$(lines "$tmp/err")" 1
ok "plain: cgtune: warning" grep -q '^cgtune: warning: /sys/fs/cgroup/' "$tmp/err"
run env GOMAXPROCS=many "$cgtune" show --root "$(machine $m)"
is "plain: a refused value" "$(lines "$tmp/err")" 1
ok "plain: variable and value" grep -q '^cgtune: warning: GOMAXPROCS=many is not .*; used instead: 2 threads (cgroup)$' "$tmp/err"

echo "# --why"
is "levels" "$(show $m --why | "$json" -t levels notes throttle | tr '\n' ' ')" "array array object "
is "each level has file, value and text" \
	"$(show $m --why | "$json" -t levels.0.file levels.0.value levels.0.text | sort -u)" string
for key in nr_periods nr_throttled throttled_ns local_ns hint; do
	is "throttle.$key" "$(show $m --why | "$json" -t throttle.$key)" null
done
run "$cgtune" show --why --root "$(machine automem-issue31-parent)"
is "plain: status" "$status" 0
ok "plain: the file that decided is marked" grep -q '^\* /sys/fs/cgroup/supervisor/memory.max: 1073741824 ' "$tmp/out"
ok "plain: one that did not" grep -q '^  /sys/fs/cgroup/memory.max: 2147483648 ' "$tmp/out"
hidden=$(machine automem-issue31-parent)
mkdir -p "$tmp/hidden" && cp -r "$hidden/." "$tmp/hidden" || exit 99
printf 'nr_periods 9\nnr_throttled 4\nthrottled_usec 5000\n' >"$tmp/hidden/sys/fs/cgroup/supervisor/worker/cpu.stat"
printf 'throttled_usec 5000\n' >"$tmp/hidden/sys/fs/cgroup/supervisor/worker/cpu.stat.local"
run "$cgtune" show --json --why --root "$tmp/hidden"
ok "throttled though no quota is visible" grep -q 'though no quota is visible' "$tmp/out"
is "throttled_ns" "$("$json" throttle.throttled_ns <"$tmp/out")" 5000000

echo "# plain output"
run "$cgtune" show --root "$(machine $free)"
ok "honest about no limits" grep -q '^No limits: nothing is changed\.$' "$tmp/out"
is "nothing on stderr" "$(cat "$tmp/err")" ""
run "$cgtune" show --root "$(machine $m)"
ok "not coloured when not a terminal" lacks "$escape" "$tmp/out"
ok "figures and origin" grep -Eq '^CPU limit +1\.5 CPUs +/sys/fs/cgroup/unified/svc/cpu\.max \(cgroup v2\)$' "$tmp/out"
ok "threads" grep -Eq '^threads +2 +from cgroup$' "$tmp/out"
if command -v script >/dev/null 2>&1; then
	command="$cgtune show --root $(machine $m)"
	script -qec "$command" /dev/null </dev/null >"$tmp/terminal"
	ok "coloured on a terminal" grep -q "$escape\[1m" "$tmp/terminal"
	NO_COLOR=1 script -qec "$command" /dev/null </dev/null >"$tmp/terminal"
	ok "not coloured with NO_COLOR" lacks "$escape" "$tmp/terminal"
else
	skip "coloured on a terminal" "no script(1)"
fi

echo "# exit statuses"
fails "no such root" 1 '^cgtune: /nonexistent: .+' "$cgtune" show --root /nonexistent
fails "root is some directory" 1 '^cgtune: .+: --root wants a directory that holds proc/ and sys/$' "$cgtune" show --root "$srcdir"
fails "root is a file" 1 '^cgtune: .+: .+' "$cgtune" show --root "$cgtune"
fails "no such root, JSON" 1 '^cgtune: /nonexistent: .+' "$cgtune" show --json --root /nonexistent
mkdir -p "$tmp/unreadable/proc/self/cgroup" || exit 99
run "$cgtune" show --root "$tmp/unreadable"
is "unreadable membership: status" "$status" 0
is "unreadable membership: one warning" "$(grep -c '^cgtune: warning: /proc/self/cgroup cannot be read' "$tmp/err")" 1
fails "absent process" 1 '^cgtune: process 2147483647: no such process$' "$cgtune" show --pid 2147483647
fails "absent process below a root" 1 '^cgtune: process 77: .+' "$cgtune" show --root "$(machine $m)" --pid 77
fails "absent cgroup" 1 '^cgtune: /no/such/cgroup: .+' "$cgtune" show --cgroup /no/such/cgroup
fails "absent cgroup below a root" 1 '^cgtune: .+: .+' "$cgtune" show --root "$(machine $m)" --cgroup /no/such
fails "unknown option" 2 '^cgtune: .*--bogus' "$cgtune" show --bogus
fails "unknown option of cgtune" 2 '^cgtune: .*--bogus' "$cgtune" --bogus
fails "no argument to an option" 2 '^cgtune: .*--root' "$cgtune" show --root
fails "an argument too many" 2 '^cgtune: extra: .+' "$cgtune" show extra
fails "no command" 2 '^cgtune: .+' "$cgtune"
fails "unknown command" 2 '^cgtune: bogus: .+' "$cgtune" bogus
for pid in 0 -1 x 1x 1.5 2147483648 99999999999999999999 ''; do
	fails "process id '$pid'" 2 '^cgtune: .*' "$cgtune" show --pid="$pid"
done
fails "relative cgroup" 2 '^cgtune: a: .+' "$cgtune" show --cgroup a
fails "process and cgroup" 2 '^cgtune: .+: .+' "$cgtune" show --pid 1 --cgroup /
if test -e /dev/full; then
	status=0
	"$cgtune" show >/dev/full 2>"$tmp/err" || status=$?
	is "full output: status" "$status" 1
	is "full output: one line" "$(lines "$tmp/err")" 1
fi
run "$cgtune" show --help
is "help: status" "$status" 0
ok "help: options" grep -q -- '--root=DIR' "$tmp/out"

echo "# --pid and --cgroup"
run "$cgtune" show --json --pid $$
is "this shell" "$status" 0
is "the environment does not count" \
	"$(CGTUNE_THREADS=77 GOMAXPROCS=78 "$cgtune" show --json --pid $$ | "$json" threads.source | grep -c 'CGTUNE\|GOMAX')" 0
is "nor does it warn" "$(GOMAXPROCS=many "$cgtune" show --json --pid $$ | "$json" warnings)" "[]"
mkdir -p "$tmp/pids/proc/77" && cp -r "$(machine $m)/." "$tmp/pids" || exit 99
printf '3:memory:/\n0::/\n' >"$tmp/pids/proc/77/cgroup"
is "a process below a root" "$("$cgtune" show --json --root "$tmp/pids" --pid 77 | "$json" cpu.limit memory.limit | tr '\n' ' ')" \
	"null null "
is "a cgroup below a root" \
	"$("$cgtune" show --json --root "$(machine automem-issue31-parent)" --cgroup /supervisor | "$json" memory.limit memory.from)" \
	"$(printf '1073741824\n/sys/fs/cgroup/supervisor/memory.max')"
is "by its path below /sys/fs/cgroup" \
	"$("$cgtune" show --json --root "$(machine automem-issue31-parent)" --cgroup /sys/fs/cgroup/supervisor 2>&1 |
		"$json" memory.limit)" \
	1073741824

echo "# hostile bytes"
hostile=$tmp/hostile
mkdir -p "$hostile" && cp -r "$(machine $m)/." "$hostile" || exit 99
printf '\033[31mred\a\b \302\233 \233 \377\376 \n' >"$hostile/sys/fs/cgroup/unified/svc/cpu.max"
run "$cgtune" show --json --why --root "$hostile"
is "JSON: status" "$status" 0
is "JSON: valid" "$("$json" -n warnings <"$tmp/out")" 1
c0=$(printf '[\001-\037\177]')
c1_alone=$(printf '[\001-\177][\200-\237]')
c1=$(printf '\302[\200-\237]')
# Bytes that a terminal obeys: C0 but the newline, DEL, and C1, alone or as UTF-8.
# shellcheck disable=SC2317
harmless() {
	lacks "$c0" "$1" && lacks "$c1_alone" "$1" && lacks "$c1" "$1"
}
ok "JSON: no escape sequence" lacks "$escape" "$tmp/out"
run "$cgtune" show --why --root "$hostile"
is "plain: status" "$status" 0
ok "plain: harmless" harmless "$tmp/out"
ok "plain: harmless warnings" harmless "$tmp/err"
is "plain: one warning is one line" "$(lines "$tmp/err")" 1
name=$(printf 'a\033[31m\302\233\377')
mkdir -p "$hostile/sys/fs/cgroup/unified/$name" || exit 99
printf '100000 100000\n' >"$hostile/sys/fs/cgroup/unified/$name/cpu.max"
printf '3:memory:/svc\n0::/%s\n' "$name" >"$hostile/proc/self/cgroup"
run "$cgtune" show --json --why --root "$hostile"
is "a name in JSON: valid" "$("$json" cpu.limit <"$tmp/out")" 1
ok "a name in JSON: no escape sequence" lacks "$escape" "$tmp/out"
run "$cgtune" show --why --root "$hostile"
ok "a name in plain: harmless" harmless "$tmp/out"
fails "a hostile argument" 1 '^cgtune: ' "$cgtune" show --root "$(printf '/no\nsuch\033[31m')"
ok "a hostile argument: harmless" harmless "$tmp/err"
fails "a hostile command" 2 '^cgtune: ' "$cgtune" "$(printf 'no\nsuch\033[31m')"
GOMAXPROCS=$(printf 'x\033[31m\n\377')
export GOMAXPROCS
run "$cgtune" show --root "$(machine $m)"
unset GOMAXPROCS
ok "a hostile variable: harmless" harmless "$tmp/err"
is "a hostile variable: one line" "$(lines "$tmp/err")" 1

done_testing
