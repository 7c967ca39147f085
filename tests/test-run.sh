#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-run.sh - `cgtune run` without limits: statuses, usage, what it says of programs, signals, systemd
# shellcheck disable=SC2016 # the commands are for other shells
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

echo "# statuses"
gives "the status of the command" 7 "$cgtune" run -- sh -c 'exit 7'
gives "without --" 7 "$cgtune" run sh -c 'exit 7'
gives "a signal" 143 "$cgtune" run -- sh -c 'kill -TERM $$'
gives "a signal that dumps" 139 "$cgtune" run -- sh -c 'ulimit -c 0; kill -SEGV $$'
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
gives "all standard streams are closed" 127 sh -c '"$0" run --why -- "$1" <&- >&- 2>&-' "$cgtune" "$tmp/orphan"
gives "nobody reads what it says" 7 sh -c '{ "$0" run --why --summary -- sh -c "sleep 0.2; exit 7"; echo $? >"$1/status"; } 2>&1 | true
	exit "$(cat "$1/status")"' "$cgtune" "$tmp"
printf '#!\n' >"$tmp/empty"
printf '#!%s\n' "$tmp/loop" >"$tmp/loop"
chmod +x "$tmp/empty" "$tmp/loop"
gives "a script that names no interpreter" 0 "$cgtune" run --why -- "$tmp/empty"
says "a script that names no interpreter: is for the shell" 'handed to /bin/sh'
gives "a script for itself" 126 "$cgtune" run --why -- "$tmp/loop"
says "a script for itself: says so" 'cannot be looked into: Too many levels'
gives "SIGCHLD is ignored by who started us" 7 sh -c 'trap "" CHLD; exec "$0" run -- sh -c "exit 7"' "$cgtune"

echo "# wrong usage: 125, as of env(1)"
fails "no command" 125 '^cgtune: run: no command is given; try cgtune run --help$' "$cgtune" run
fails "an option that is none" 125 '^cgtune: try cgtune run --help: unrecognized option' "$cgtune" run --frob true
for cpus in 0 -1 x 1.5.5 0.0001 1e3 nan ''; do
	fails "--cpus '$cpus'" 125 ': --cpus wants' "$cgtune" run "--cpus=$cpus" true
done
for size in 0 -1 x 1X '1 M' 99999999999T ''; do
	fails "--memory '$size'" 125 ': --memory wants' "$cgtune" run "--memory=$size" true
done
for size in 64m 64MB 64mib; do
	fails "--memory $size" 125 ': --memory wants .*; write 64M for 64 MiB$' "$cgtune" run "--memory=$size" true
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
is "behind an option it is the same" "$("$cgtune" run --cpus 1 --help | head -n 1)" "$(head -n 1 "$tmp/out")"
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
	is "one that is not there is none" \
		"$(LD_PRELOAD="$tmp/libcgtune-preload.so" "$cgtune" run sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)" "$object"
	cp "$object" "$tmp"
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
is "a memory limit by variable" "$(CGTUNE_MEMORY=512M "$cgtune" run sh -c 'echo $GOMEMLIMIT')" 460MiB
run env CGTUNE_MEMORY=64M "$cgtune" run --why true
says "--why: what is left out, and why" '^cgtune: environment: without GOMEMLIMIT, as this is less memory'
run env CGTUNE_MEMORY=80M "$cgtune" run --why true
is "--why: nothing is" "$(grep -c ': without' "$tmp/err")" 0
is "--runtime" "$(CGTUNE_MEMORY=512M "$cgtune" run --runtime node sh -c 'echo $NODE_OPTIONS')" --max-old-space-size=384
is "--runtime 0" "$(CGTUNE_MEMORY=512M "$cgtune" run --runtime 0 sh -c 'echo $GOMEMLIMIT')" ""
is "a user's own value stays" "$(GOMEMLIMIT=5GiB CGTUNE_MEMORY=512M "$cgtune" run sh -c 'echo $GOMEMLIMIT')" 5GiB

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
printf '#! %s -e\n' "$cgtune" >"$tmp/script"
printf '#!%s\n' "$tmp/script" >"$tmp/script2"
chmod +x "$tmp/script" "$tmp/script2"
why "$tmp/script2"
is_reached "a script of a script" yes ", a script for $cgtune: dynamic"
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

for signal in TERM HUP USR1 USR2 WINCH ALRM; do
	start env --default-signal "$cgtune" run sh "$tmp/trap" 1
	kill -s "$signal" "$started"
	status=0
	wait "$started" || status=$?
	is "$signal is handed on" "$(sed 1d "$tmp/said") $status" "got $signal 9"
done
# The kernel sends those of the keyboard to the whole group: a second one would be ours.
is "Ctrl-C reaches the command once" "$("$pty" -e ready -s '\003' -e 'INT kernel' -s '\003' -e 'INT kernel' -s '\003' \
	-e 'INT kernel' -s '\034' -e 'QUIT kernel' -- "$cgtune" run "$build/tests/signals" |
	grep -o -e kernel -e process | tr '\n' ' ')" "kernel kernel kernel kernel "
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
"$pty" -s 'PS1=; set +o emacs 2>/dev/null\n' \
	-s "'$cgtune' run sh -c 'echo rea\"\"dy; read x; echo go\"\"t \$x; exit 8'\\n" -e ready \
	-s '\032' -e topped -s 'fg\n' -s 'word\n' -e 'got word' \
	-s 'echo re""sult $?\n' -e 'result 8' -s 'exit 0\n' -- sh -i >"$tmp/out" 2>&1
is "Ctrl-Z stops both, fg continues both" "$?" 0
"$pty" -s 'PS1=; set +o emacs 2>/dev/null\n' \
	-s "'$cgtune' run sh -c 'echo rea\"\"dy; kill -STOP \$\$; echo aga\"\"in; exit 8'\\n" -e ready \
	-e topped -s 'fg\n' -e again -s 'echo re""sult $?\n' -e 'result 8' -s 'exit 0\n' -- sh -i >"$tmp/out2" 2>&1
is "a command that stops stops us, fg continues it" "$?" 0

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
		"<--scope><--quiet><--slice-inherit><--collect><--unit=$me><-p><CPUQuota=50%><-p><MemoryMax=67108864><-p><CPUAccounting=yes><--><$cgtune><run><--in-scope><--summary><--><sh><-c><exit 7><a  b>"
	says "the run in the scope has the summary" '^cgtune: summary: exit status 7'
	ok "which is of its own cgroup" sh -c '! grep -q "all programs in the cgroup" "$0"' "$tmp/err"
	booted "$cgtune" run --cpus 0.3333 --why --runtime node -- true 2>/dev/null
	is "a part of a percent, and what is passed on" "$(cat "$tmp/log")" \
		"<--scope><--quiet><--slice-inherit><--collect><-p><CPUQuota=33.33%><--><$cgtune><run><--in-scope><--why><--runtime><node><--><true>"
	rm "$tmp/log"
	gives "--dry-run" 0 booted "$cgtune" run --cpus 2 --dry-run -- sh -c 'exit 1'
	is "--dry-run prints it" "$(cat "$tmp/out")" \
		"systemd-run --scope --quiet --slice-inherit --collect -p CPUQuota=200% -- $cgtune run --in-scope -- sh -c 'exit 1'"
	ok "--dry-run does nothing" test ! -e "$tmp/log"
	gives "without a limit no scope is needed" 7 booted "$cgtune" run sh -c 'exit 7'
	ok "so none is made" test ! -e "$tmp/log"
	fails "no systemd-run" 125 '^cgtune: systemd-run: No such file' booted env PATH=/nowhere "$cgtune" run --cpus 1 /bin/true
else
	skip "systemd-run" "no mount namespace can be made here"
fi

done_testing
