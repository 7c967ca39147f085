#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-run.sh - `cgtune run`: exit statuses, what it says of programs, signals, and real cgroups of this kernel
# shellcheck disable=SC2016 # the commands are for other shells
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
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

# await COMMAND...: until it succeeds, for 10 s.
await() {
	for _ in $(seq 200); do
		"$@" 2>/dev/null && return 0
		sleep 0.05
	done
	return 1
}

echo "# statuses"
gives "the status of the command" 7 "$cgtune" run -- sh -c 'exit 7'
gives "without --" 7 "$cgtune" run sh -c 'exit 7'
gives "a signal" 143 "$cgtune" run -- sh -c 'kill -TERM $$'
gives "a signal that dumps" 131 "$cgtune" run -- sh -c 'ulimit -c 0; kill -QUIT $$'
fails "not found" 127 '^cgtune: no-such-program: No such file' "$cgtune" run -- no-such-program
fails "not found, by path" 127 '^cgtune: /nowhere/program: No such file' "$cgtune" run -- /nowhere/program
echo text >"$tmp/plain"
fails "not executable" 126 '^cgtune: .*plain: Permission denied' "$cgtune" run -- "$tmp/plain"
fails "a directory" 126 '^cgtune: /: Is a directory' "$cgtune" run -- /
printf '#!/no/such/interpreter\n' >"$tmp/orphan"
chmod +x "$tmp/orphan"
gives "a script without its interpreter" 127 "$cgtune" run -- "$tmp/orphan"
says "a script without its interpreter: says so" '^cgtune: .*orphan: No such file'
printf 'exit 5\n' >"$tmp/shell"
chmod +x "$tmp/shell"
gives "no magic number: /bin/sh" 5 "$cgtune" run -- "$tmp/shell"
mkdir "$tmp/path"
cp "$tmp/shell" "$tmp/path/in-path"
gives "PATH" 5 env PATH="$tmp:$tmp/path:$PATH" "$cgtune" run in-path
gives "standard error is closed" 7 sh -c '"$0" run --why -- sh -c "exit 7" 2>&-' "$cgtune"
gives "SIGCHLD is ignored by who started us" 7 sh -c 'trap "" CHLD; exec "$0" run -- sh -c "exit 7"' "$cgtune"

echo "# wrong usage: 125, as of env(1)"
fails "no command" 125 '^cgtune: which command\?' "$cgtune" run
fails "an option that is none" 125 'unrecognized option' "$cgtune" run --frob true
for cpus in 0 -1 x 1.5.5 0.0001 1e3 nan ''; do
	fails "--cpus '$cpus'" 125 ': --cpus wants' "$cgtune" run "--cpus=$cpus" true
done
for size in 0 -1 x 1X '1 M' 99999999999T ''; do
	fails "--memory '$size'" 125 ': --memory wants' "$cgtune" run "--memory=$size" true
done
fails "--memory-high" 125 ': --memory-high wants' "$cgtune" run --memory-high many true
for list in x 3-1 '1,' ,1 99999 1--2 0-3:2 ''; do
	fails "--cpuset '$list'" 125 ': --cpuset wants' "$cgtune" run "--cpuset=$list" true
done
for name in '' . .. a/b /a ../a .hidden; do
	fails "--name '$name'" 125 ': --name wants' "$cgtune" run --cpus 1 "--name=$name" true
done
fails "--name without a limit" 125 '^cgtune: --name: there is no cgroup' "$cgtune" run --name a true
fails "--runtime" 125 '^cgtune: fortran: --runtime wants' "$cgtune" run --runtime fortran true
fails "--gc with a command" 125 '^cgtune: --gc: takes no other' "$cgtune" run --gc true
fails "--gc with an option" 125 '^cgtune: --gc: takes no other' "$cgtune" run --gc --why
gives "--help" 0 "$cgtune" run --help
for option in cpus memory memory-high cpuset name summary why dry-run runtime gc; do
	ok "--help has --$option" grep -q -e "--$option" "$tmp/out"
done

echo "# arguments and environment"
printf '%s\n' 'for word; do printf "<%s>" "$word"; done' >"$tmp/words"
is "blanks, line breaks, an empty one, an option" \
	"$("$cgtune" run -- sh "$tmp/words" 'a  b' "c
d" '' --cpus '*')" "<a  b><c
d><><--cpus><*>"
is "standard input" "$(echo through | "$cgtune" run cat)" through
is "the environment" "$(NEW='a b' "$cgtune" run sh -c 'echo "$NEW"')" "a b"
is "off: nothing is set" "$(CGTUNE=off CGTUNE_MEMORY=1G "$cgtune" run env | grep -E '^(LD_PRELOAD|GOMEMLIMIT|CGTUNE_SET)=')" ""
if test -f "$build/libcgtune-preload.so"; then
	object=$build/libcgtune-preload.so
	is "the preload object" "$("$cgtune" run sh -c 'echo "$LD_PRELOAD"')" "$object"
	is "it comes behind the user's own" "$(LD_PRELOAD="$build/other.so" "$cgtune" run sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)" \
		"$build/other.so:$object"
	is "it is there once" "$("$cgtune" run "$cgtune" run sh -c 'echo "$LD_PRELOAD"')" "$object"
	is "one of another folder is enough" \
		"$(LD_PRELOAD="$tmp/libcgtune-preload.so" "$cgtune" run sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)" \
		"$tmp/libcgtune-preload.so"
	mkdir "$tmp/alone" "$tmp/a b"
	cp "$cgtune" "$tmp/alone"
	cp "$cgtune" "$object" "$tmp/a b"
	is "a folder with a blank: no preload" "$("$tmp/a b/cgtune" run sh -c 'echo "$LD_PRELOAD"' 2>"$tmp/err")" ""
	says "which is said" 'a b/libcgtune-preload.so has a blank or a colon'
else
	skip "the preload object" "it is not built"
fi
is "a memory limit by variable" "$(CGTUNE_MEMORY=1G "$cgtune" run sh -c 'echo $GOMEMLIMIT')" 921MiB
is "--runtime" "$(CGTUNE_MEMORY=1G "$cgtune" run --runtime node sh -c 'echo $NODE_OPTIONS')" --max-old-space-size=768
is "--runtime 0" "$(CGTUNE_MEMORY=1G "$cgtune" run --runtime 0 sh -c 'echo $GOMEMLIMIT')" ""
is "a user's own value stays" "$(GOMEMLIMIT=5GiB CGTUNE_MEMORY=1G "$cgtune" run sh -c 'echo $GOMEMLIMIT')" 5GiB

echo "# what a program is"
# why PROGRAM...: what --why says of it.
why() {
	run "$cgtune" run --why --dry-run -- "$@"
}

# is_reached NAME YES-OR-NO PATTERN: by a preload; and the line on the program.
is_reached() {
	says "$1: what it is" "^cgtune: program: .*$3"
	is "$1: preload" "$(grep -q '^cgtune: preload: does not reach' "$tmp/err" && echo no || echo yes)" "$2"
}
printf '#! /bin/sh -e\nexit 3\n' >"$tmp/script"
printf '#!%s\n' "$tmp/script" >"$tmp/script2"
chmod +x "$tmp/script" "$tmp/script2"
why "$tmp/script2"
is_reached "a script of a script" yes ", a script for /bin/sh: "
: >"$tmp/empty"
chmod +x "$tmp/empty"
why "$tmp/empty"
is_reached "an empty file" yes "handed to /bin/sh"
printf '\177ELFbroken' >"$tmp/broken"
chmod +x "$tmp/broken"
why "$tmp/broken"
is_reached "a broken file" yes "cannot be looked into"

# compile NAME SOURCE FLAG...: a program of that name; the whole test is skipped where that cannot be made.
compile() {
	compile_name=$1 compile_source=$2
	shift 2
	if printf '%s\n' "$compile_source" >"$tmp/source.c" &&
		${CC:-cc} "$@" "$tmp/source.c" -o "$tmp/$compile_name" >/dev/null 2>&1; then
		return 0
	fi
	skip "$compile_name" "${CC:-cc} $* cannot link here"
	return 1
}
plain='int main(void) { return 0; }'
golike='__attribute__((section(".go.buildinfo"), used)) char info[16] = "x"; int main(void) { return 0; }'
if compile dynamic "$plain"; then
	why "$tmp/dynamic"
	is_reached "dynamic" yes ": dynamic$"
	cp "$tmp/dynamic" "$tmp/setuid"
	if chown 65534:65534 "$tmp/setuid" 2>/dev/null && chmod 4755 "$tmp/setuid" && test "$(id -u)" = 0 &&
		! findmnt -n -o OPTIONS -T "$tmp" 2>/dev/null | grep -q nosuid; then
		why "$tmp/setuid"
		is_reached "setuid" no ": dynamic$"
		says "setuid: says so" 'it is setuid'
		chmod 2755 "$tmp/setuid"
		why "$tmp/setuid"
		is_reached "setgid" no ": dynamic$"
		chown 0:0 "$tmp/setuid" && chmod 4755 "$tmp/setuid"
		why "$tmp/setuid"
		is_reached "setuid to the same user changes nothing" yes ": dynamic$"
	else
		skip "setuid" "not root, or no setuid programs in $tmp"
	fi
	cp "$tmp/dynamic" "$tmp/caps"
	chmod 755 "$tmp" "$tmp/caps"
	if PATH=$PATH:/sbin:/usr/sbin setcap cap_net_raw+ep "$tmp/caps" 2>/dev/null; then
		why "$tmp/caps"
		is_reached "file capabilities, for root" yes ": dynamic$"
		run setpriv --reuid 65534 --regid 65534 --clear-groups "$cgtune" run --why --dry-run -- "$tmp/caps"
		is_reached "file capabilities, for others" no ": dynamic$"
		says "file capabilities: says so" 'it has file capabilities'
	else
		skip "file capabilities" "setcap cannot set them in $tmp"
	fi
fi
if compile static "$plain" -static; then
	why "$tmp/static"
	is_reached "static" no ": static$"
	says "static: says so" 'it is static'
fi
if compile static-pie "$plain" -static-pie; then
	why "$tmp/static-pie"
	is_reached "static-pie" no ": static$"
fi
if compile go "$golike" -static; then
	why "$tmp/go"
	is_reached "static Go" no ": static, Go$"
	says "static Go: says so" 'GOMAXPROCS and GOMEMLIMIT'
fi
if compile cgo "$golike"; then
	why "$tmp/cgo"
	is_reached "dynamic Go" yes ": dynamic, Go$"
	says "dynamic Go: says so" 'GOMAXPROCS and GOMEMLIMIT'
fi
if compile thirty-two "$plain" -m32; then
	why "$tmp/thirty-two"
	is_reached "32-bit" yes ": 32-bit, dynamic$"
	if test -f "$build/32/libcgtune-preload.so"; then
		is "32-bit: its own object" "$(grep '^LD_PRELOAD=' "$tmp/out")" "LD_PRELOAD=$build/32/libcgtune-preload.so"
		gives "32-bit: it runs" 0 "$cgtune" run "$tmp/thirty-two"
		is "32-bit: the loader says nothing" "$(cat "$tmp/err")" ""
	else
		says "32-bit: no object for it" 'libcgtune-preload.so for 32-bit programs is not installed'
		is "32-bit: and none for others" "$(grep '^LD_PRELOAD=' "$tmp/out")" ""
	fi
fi
if CC=musl-gcc compile musl "$plain"; then
	why "$tmp/musl"
	is_reached "musl" yes ": dynamic, musl$"
	gives "musl: it runs" 0 "$cgtune" run "$tmp/musl"
fi

echo "# signals"
printf '%s\n' 'n=0' 'for s in TERM INT HUP QUIT USR1 USR2 WINCH ALRM; do trap "echo got $s; n=\$((n + 1))" $s; done' \
	'echo ready' 'while test $n -lt "$1"; do sleep 0.05; done' 'exit 9' >"$tmp/trap"

# start COMMAND...: in the background, with its process id in $started, when it has said "ready".
start() {
	rm -f "$tmp/said"
	"$@" >"$tmp/said" 2>"$tmp/err" </dev/null &
	started=$!
	await grep -q ready "$tmp/said"
}
for signal in TERM HUP USR1 USR2 WINCH ALRM; do
	start "$cgtune" run sh "$tmp/trap" 1
	kill -s "$signal" "$started"
	status=0
	wait "$started" || status=$?
	is "$signal is handed on" "$(sed 1d "$tmp/said") $status" "got $signal 9"
done
# A shell has those of the keyboard ignored in what it starts in the background.
if command -v setpriv >/dev/null && test -x "$pty"; then
	is "Ctrl-C reaches the command once" "$("$pty" -e ready -s '\003' -e 'got INT' -e 'over' -- \
		"$cgtune" run sh -c 'n=0; trap "n=\$((n+1)); echo got INT \$n" INT; echo ready
			i=0; while test $i -lt 20; do sleep 0.05; i=$((i+1)); done; echo over' | grep -c 'got INT')" 1
else
	skip "Ctrl-C reaches the command once" "no tests/pty"
fi
start "$cgtune" run sh -c 'echo ready; exec sleep 20'
kill -TERM "$started"
status=0
wait "$started" || status=$?
is "TERM ends a command that does not catch it" "$status" 143
start sh -c 'trap "" USR1; exec "$0" run sh -c "kill -USR1 \$\$; echo ready; exit 4"' "$cgtune"
status=0
wait "$started" || status=$?
is "what is ignored stays ignored" "$status" 4
is "no signal is blocked in the command" "$("$cgtune" run sed -n 's/^SigBlk:[[:space:]]*//p' /proc/self/status)" \
	"$(sed -n 's/^SigBlk:[[:space:]]*//p' /proc/self/status)"
is "no descriptor of ours is left open in it" \
	"$("$cgtune" run find /proc/self/fd | wc -l)" "$(find /proc/self/fd | wc -l)"
start "$cgtune" run sh -c 'echo ready; sleep 0.3; sleep 1000 & exit 6'
status=0
wait "$started" || status=$?
is "a process that stays behind is not waited for" "$status" 6
# shellcheck disable=SC2009
orphan=$(ps -eo pid,args 2>/dev/null | awk '$2 == "sleep" && $3 == 1000 { print $1 }' | tail -n 1)
test -z "$orphan" || kill "$orphan"

echo "# job control"
if test -x "$pty"; then
	"$pty" -s 'PS1=; set +o emacs 2>/dev/null\n' \
		-s "'$cgtune' run sh -c 'echo rea\"\"dy; read x; echo go\"\"t \$x; exit 8'\\n" -e ready \
		-s '\032' -e topped -s 'fg\n' -s 'word\n' -e 'got word' \
		-s 'echo re""sult $?\n' -e 'result 8' -s 'exit 0\n' -- sh -i >"$tmp/out" 2>&1
	is "Ctrl-Z stops both, fg continues both" "$?" 0
	"$pty" -s 'PS1=; set +o emacs 2>/dev/null\n' \
		-s "'$cgtune' run sh -c 'echo rea\"\"dy; kill -STOP \$\$; echo aga\"\"in; exit 8'\\n" -e ready \
		-e topped -s 'fg\n' -e again -s 'echo re""sult $?\n' -e 'result 8' -s 'exit 0\n' -- sh -i >"$tmp/out2" 2>&1
	is "a command that stops stops us, fg continues it" "$?" 0
else
	skip "job control" "no tests/pty"
fi

echo "# where systemd runs"
mkdir "$tmp/bin"
printf '%s\n' '#!/bin/sh' 'for word; do printf "<%s>" "$word"; done >"$LOG"' \
	'while test "$1" != --; do shift; done; shift' 'exec "$@"' >"$tmp/bin/systemd-run"
chmod +x "$tmp/bin/systemd-run"
cat >"$tmp/booted" <<'EOF'
mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec "$@"
EOF
if unshare -m sh "$tmp/booted" true 2>/dev/null; then
	LOG=$tmp/log
	export LOG
	# booted COMMAND...: with systemd's folder in /run, and a systemd-run of ours.
	booted() {
		PATH=$tmp/bin:$PATH unshare -m sh "$tmp/booted" "$@"
	}
	gives "its status" 7 booted "$cgtune" run --cpus 0.5 --memory 64M --name "$me" --summary -- sh -c 'exit 7' 'a  b'
	is "systemd-run" "$(cat "$tmp/log")" \
		"<--scope><--quiet><--unit=$me><-p><CPUQuota=50%><-p><MemoryMax=67108864><--><$cgtune><run><--in-scope><--summary><--><sh><-c><exit 7><a  b>"
	says "the run in the scope has the summary" '^cgtune: summary: exit status 7'
	ok "which is of its own cgroup" sh -c '! grep -q "all programs in the cgroup" "$0"' "$tmp/err"
	booted "$cgtune" run --cpus 0.3333 --why --runtime node -- true 2>/dev/null
	is "a part of a percent, and what is passed on" "$(cat "$tmp/log")" \
		"<--scope><--quiet><-p><CPUQuota=33.33%><--><$cgtune><run><--in-scope><--why><--runtime><node><--><true>"
	rm "$tmp/log"
	gives "--dry-run" 0 booted "$cgtune" run --cpus 2 --dry-run -- sh -c 'exit 1'
	is "--dry-run prints it" "$(cat "$tmp/out")" \
		"systemd-run --scope --quiet -p CPUQuota=200% -- $cgtune run --in-scope -- sh -c 'exit 1'"
	ok "--dry-run does nothing" test ! -e "$tmp/log"
	gives "without a limit no scope is needed" 7 booted "$cgtune" run sh -c 'exit 7'
	ok "so none is made" test ! -e "$tmp/log"
	fails "no systemd-run" 125 '^cgtune: systemd-run: No such file' booted env PATH=/nowhere "$cgtune" run --cpus 1 /bin/true
else
	skip "systemd-run" "no mount namespace can be made here"
fi

echo "# real cgroups"
run "$cgtune" run --cpus 1 --memory 1G true
if test "$(id -u)" != 0 || test "$status" -ne 0; then
	skip "real cgroups" "none can be made here: $(head -n 1 "$tmp/err")"
	done_testing
fi
is "nothing is said" "$(cat "$tmp/err")" ""
v2=$("$cgtune" run --name "$me" --memory 1G --dry-run true | grep -c 'memory.max =')
cpu_v2=$("$cgtune" run --name "$me" --cpus 1 --dry-run true | grep -c 'cpu.max =')
cpus=$("$cgtune" show --json | "$json" cpu.affinity)

# writes: of --dry-run, "FILE = VALUE" of real files.
writes() {
	sed -n 's/^\(\/.*\/'"$me"'[^/]*\/[a-z_.]*\) = \([^ ].*\)$/\1|\2/p' "$tmp/out" | grep -v '|its process id$'
}
run "$cgtune" run --name "$me" --cpus 0.5 --memory 64M --dry-run -- sh -c 'exit 1'
is "--dry-run" "$status" 0
writes >"$tmp/writes"
ok "--dry-run has writes" test "$(wc -l <"$tmp/writes")" -ge 2
is "--dry-run does nothing" "$(find /sys/fs/cgroup -name "$me*")" ""
cut -d'|' -f1 "$tmp/writes" | tr '\n' '\0' >"$tmp/files"
is "its values are those of the real run" \
	"$("$cgtune" run --name "$me" --cpus 0.5 --memory 64M -- xargs -0 cat <"$tmp/files")" "$(cut -d'|' -f2 "$tmp/writes")"
is "it is removed" "$(find /sys/fs/cgroup -name "$me*")" ""
dir=$(sed -n 's/^mkdir //p' "$tmp/out" | head -n 1)
is "the command is inside from the start" \
	"$("$cgtune" run --name "$me" --cpus 0.5 -- sh -c 'grep -cx $$ "$0/cgroup.procs"' "$dir")" 1
run "$cgtune" run --name "$me" --cpus 0.5 --memory 64M "$cgtune" show --json
is "the limits that it sees" "$("$json" cpu.limit memory.limit <"$tmp/out" | tr '\n' ' ')" "0.5 67108864 "
is "a quota that is small: a longer period" \
	"$("$cgtune" run --cpus 0.005 "$cgtune" show --json | "$json" cpu.limit)" 0.005
if test "$cpus" -ge 2; then
	is "the plan counts" "$("$cgtune" run --cpus 0.5 nproc) $("$cgtune" run --cpus 1.5 sh -c 'echo $OMP_NUM_THREADS')" \
		"1 $(test "$cpus" -gt 2 && echo 2)"
	if test -f "$build/libcgtune-preload.so"; then
		is "the preload object, too" "$("$cgtune" run --cpus 0.5 --runtime 0 nproc)" 1
	fi
	is "--cpuset" "$("$cgtune" run --cpuset 1 --runtime 0 sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)" 1
	run "$cgtune" run --cpuset "1,$cpus-$((cpus + 3))" sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status
	is "--cpuset with CPUs that are not there" "$(cat "$tmp/out")" 1
	says "which is said" 'only 1 may be used here'
	run "$cgtune" run --cpuset 0 "$cgtune" run --cpuset 0-1 sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status
	is "--cpuset within a cpuset" "$(cat "$tmp/out")" 0
	fails "--cpuset outside of it" 125 'none of 1 may be used here, only 0' \
		"$cgtune" run --cpuset 0 "$cgtune" run --cpuset 1 true
else
	skip "the plan counts" "one CPU"
fi
if test "$v2" = 1; then
	run "$cgtune" run --memory 1G --memory-high 64M "$cgtune" show --json
	is "--memory-high" "$("$json" memory.high <"$tmp/out")" 67108864
else
	fails "--memory-high" 125 'cgroup v1, which has no such limit' "$cgtune" run --memory-high 64M true
fi

echo "# in one another"
is "a limit within a smaller one" "$("$cgtune" run --cpus 0.25 --memory 64M "$cgtune" run --cpus 0.5 --memory 128M \
	"$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" "0.25 67108864 "
is "a smaller limit within one" "$("$cgtune" run --cpus 0.5 --memory 128M "$cgtune" run --cpus 0.25 --memory 64M \
	"$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" "0.25 67108864 "
is "one limit keeps the other" "$("$cgtune" run --cpus 0.5 --memory 64M "$cgtune" run --memory 32M \
	"$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" "0.5 33554432 "
is "values of ours follow the inner limits" \
	"$("$cgtune" run --memory 1G "$cgtune" run --memory 512M sh -c 'echo $GOMEMLIMIT')" 460MiB
is "a name with a blank" "$("$cgtune" run --name "$me a b" --cpus 0.5 --memory 64M \
	"$cgtune" run --cpus 0.25 --memory 32M "$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" \
	"0.25 33554432 "
start "$cgtune" run --name "$me" --cpus 0.5 sh -c 'echo ready; exec sleep 30'
fails "a name that is in use" 125 'there is such a cgroup already' "$cgtune" run --name "$me" --cpus 1 true
ok "which stays as it is" test -d "$dir"
kill "$started"
wait "$started"
mkdir "$dir"
fails "a cgroup that is not ours" 125 'there is such a cgroup already' "$cgtune" run --name "$me" --cpus 1 true
ok "stays, too" rmdir "$dir"

echo "# the summary"
run "$cgtune" run --cpus 0.2 --memory 64M --summary -- sh -c 'i=0; while test $i -lt 400000; do i=$((i+1)); done; exit 3'
is "its status" "$status" 3
says "how it ended" '^cgtune: summary: exit status 3 after [0-9.]+ (m)?s$'
says "CPU" '^cgtune: summary: CPU: [0-9.]+ m?s used, 0\.[0-9]+ CPUs on average; throttled in [1-9][0-9]* of [1-9][0-9]* periods, [0-9.]+ m?s in all$'
if grep -q 'memory: peak not known' "$tmp/err"; then
	says "memory, without memory.peak" '^cgtune: summary: memory: peak not known of 64 MiB; 0 OOM kills$'
else
	says "memory" '^cgtune: summary: memory: [0-9.]+ [KM]iB at most of 64 MiB; 0 OOM kills$'
fi
run "$cgtune" run --memory 32M --summary -- sh -c 'x=$(head -c 200000000 /dev/zero | tr "\0" x); echo ${#x}'
if grep -q '^SwapTotal: *0 kB' /proc/meminfo; then
	is "beyond the limit it is killed" "$status" 137
	says "which the summary says" '^cgtune: summary: ended by signal 9'
	says "as an OOM kill" '; 1 OOM kill$'
else
	skip "beyond the limit it is killed" "there is swap"
fi
run "$cgtune" run --summary true
says "without a cgroup of its own" 'of all programs in the cgroup'

echo "# what is left"
run "$cgtune" run --name "$me" --cpus 0.5 -- sh -c 'sleep 30 >/dev/null 2>&1 & echo $!'
is "a process that stays: the status all the same" "$status" 0
says "which is said" "^cgtune: warning: .*/$me is left: something is still in it"
sleeper=$(cat "$tmp/out")
run "$cgtune" run --gc
ok "--gc leaves it, and says so" grep -q "^left .*/$me: something is still in it" "$tmp/out"
kill "$sleeper"
await test ! -d "/proc/$sleeper"
run "$cgtune" run --gc
ok "--gc removes it then" grep -q "^removed .*/$me\$" "$tmp/out"
is "nothing of it is there" "$(find /sys/fs/cgroup /run/cgtune -name "$me*")" ""
start "$cgtune" run --name "$me" --cpus 0.5 "$cgtune" run --name "$me-inner" --memory 64M -- sh -c 'echo ready $$; exec sleep 30'
sleeper=$(sed -n 's/^ready //p' "$tmp/said")
inner=$(find /proc -maxdepth 1 -name '[0-9]*' -exec grep -l "^PPid:[[:space:]]*$started\$" {}/status \; 2>/dev/null |
	sed -n 's|/proc/\([0-9]*\)/status|\1|p')
kill -9 "$started" "$inner"
wait "$started" 2>/dev/null
ok "the command of a run that was killed goes on" kill -0 "$sleeper"
run "$cgtune" run --gc
ok "--gc leaves its cgroup" grep -q "^left .*/$me" "$tmp/out"
kill -9 "$sleeper"
await test ! -d "/proc/$sleeper"
sleep 0.2
run "$cgtune" run --gc
is "--gc removes both" "$(grep -c "^removed .*$me" "$tmp/out")" "$(test "$cpu_v2" = 1 && echo 2 || echo 2)"
is "nothing of them is there" "$(find /sys/fs/cgroup /run/cgtune -name "$me*")" ""
start "$cgtune" run --name "$me" --cpus 0.5 -- sh -c 'echo ready; exec sleep 30'
run "$cgtune" run --gc
is "--gc leaves those alone that run" "$(grep -c "$me" "$tmp/out"):$(test -d "$dir" && echo there)" 0:there
kill "$started"
wait "$started"
is "TERM leaves nothing" "$(find /sys/fs/cgroup /run/cgtune -name "$me*")" ""
is "the folder of records is ours alone" "$(stat -c '%a %U' /run/cgtune)" "700 root"
if unshare -m true 2>/dev/null; then
	unshare -m sh -c 'mount -t tmpfs none /run; mkdir /run/real; ln -s real /run/cgtune; "$1" run --cpus 1 true; ls /run/real' \
		sh "$cgtune" >"$tmp/out" 2>"$tmp/err"
	says "records do not follow a link" 'no record of the cgroup can be made'
	is "and nothing is written there" "$(cat "$tmp/out")" ""
	run unshare -m sh -c 'mount -t tmpfs none /run; mkdir -m 777 /run/cgtune; exec "$1" run --gc' sh "$cgtune"
	is "a folder that others can write is not gone by" "$status" 1
fi

done_testing
