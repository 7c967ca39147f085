# SPDX-License-Identifier: LGPL-2.1-or-later
# command.sh - what the tests of `cgtune run` share: a clean environment, cgroups of our own, a command's outcome
# shellcheck shell=sh disable=SC2034,SC2154

build=$(cd "${top_builddir:-.}" && pwd)
cgtune=$build/cgtune
json=$build/tests/json
pty=$build/tests/pty
for name in $(env | sed -n 's/^\(CGTUNE[A-Z_]*\)=.*/\1/p') GOMAXPROCS GOMEMLIMIT AUTOMEMLIMIT OMP_NUM_THREADS NO_COLOR \
	LD_PRELOAD; do
	unset "$name"
done
me=cgtune-test-$$

# What a failed test leaves: processes in our cgroups, and those.
# shellcheck disable=SC2317
clean() {
	find /sys/fs/cgroup -depth -type d -name "$me*" 2>/dev/null >"$tmp/left"
	while read -r left; do
		xargs kill -9 <"$left/cgroup.procs" 2>/dev/null
		rmdir "$left" 2>/dev/null || { sleep 0.2; rmdir "$left" 2>/dev/null; }
	done <"$tmp/left"
	rm -rf "$tmp"
}
trap clean EXIT

# run COMMAND...: status, and what it wrote, into $status, $tmp/out, $tmp/err.
run() {
	status=0
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

# gives NAME STATUS COMMAND...
gives() {
	gives_name=$1 gives_status=$2
	shift 2
	run "$@"
	is "$gives_name" "$status" "$gives_status"
}

# fails NAME STATUS PATTERN COMMAND...: that status, nothing on stdout, and one line on stderr.
fails() {
	fails_name=$1 fails_status=$2 fails_pattern=$3
	shift 3
	run "$@"
	is "$fails_name: status" "$status" "$fails_status"
	is "$fails_name: one line on stderr" "$(wc -l <"$tmp/err" | tr -d ' ')" 1
	is "$fails_name: nothing on stdout" "$(cat "$tmp/out")" ""
	ok "$fails_name: says so" grep -Eq "$fails_pattern" "$tmp/err" || sed 's/^/# /' "$tmp/err"
}

# says NAME PATTERN: on standard error of what was run last.
says() {
	ok "$1" grep -Eq "$2" "$tmp/err"
	grep -Eq "$2" "$tmp/err" || sed 's/^/# /' "$tmp/err"
}

# await COMMAND...: until it succeeds, for a minute.
await() {
	for _ in $(seq 1200); do
		"$@" 2>/dev/null && return 0
		sleep 0.05
	done
	return 1
}

# start COMMAND...: in the background, with its process id in $started, when it has said "ready".
start() {
	rm -f "$tmp/said"
	"$@" >"$tmp/said" 2>"$tmp/err" </dev/null &
	started=$!
	await grep -q ready "$tmp/said"
}

# long COMMAND...: as await, for four minutes: for what CPU time is needed, and there may be little.
long() {
	for _ in 1 2 3 4; do
		await "$@" && return 0
	done
	return 1
}

# has_cgroups: whether they can be made here; else why not, in $why.
has_cgroups() {
	run "$cgtune" run --cpus 1 --memory 512M true
	why="no cgroup can be made here: $(test "$(id -u)" = 0 && head -n 1 "$tmp/err" || echo 'not root')"
	test "$(id -u)" = 0 && test "$status" -eq 0
}

# needs_cgroups: as they are, or the test ends here.
needs_cgroups() {
	has_cgroups && return
	echo "1..0 # SKIP $why"
	exit 0
}

# group_of PROCESS: its path in the hierarchy of cpu in $path, its cpu.stat in $stat.
group_of() {
	path=$(sed -n 's/^[0-9]*:\([^:]*,\)*cpu\(,[^:]*\)*:\(.*\)$/\3/p' "/proc/$1/cgroup")
	stat=/sys/fs/cgroup/cpu$path/cpu.stat
	test -n "$path" || { path=$(sed -n 's/^0:://p' "/proc/$1/cgroup") stat=/sys/fs/cgroup$path/cpu.stat; }
}

# nobody COMMAND...: as that user.
nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}
