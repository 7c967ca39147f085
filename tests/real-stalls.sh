#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# real-stalls.sh - `cgtune stalls`, `top` and `show --why` of a cgroup that its quota stops, by files and by the probe; `bpfdist`
# shellcheck disable=SC2016 # the commands are for other shells
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

needs_cgroups
bpffs=$tmp/bpf
# shellcheck disable=SC2317
clean_probe() {
	for process in $followers; do kill "$process" 2>/dev/null; done
	"$cgtune" probe stop --bpffs "$bpffs" 2>/dev/null
	umount "$bpffs" 2>/dev/null
	clean
}
followers=
trap clean_probe EXIT
mkdir "$bpffs"

# Uses CPU time until its group was stopped three times, says who it is, and waits.
cat >"$tmp/burn" <<'END'
until test "$("$1" show --json --why | "$2" throttle.nr_throttled)" -ge "$3"; do :; done
echo "ready $$"
exec sleep 600
END

# burner NAME STOPS: one that has been stopped so often; its process in $pid, its path in $path.
burner() {
	start "$cgtune" run --name "$1" --cpus 0.1 -- sh "$tmp/burn" "$cgtune" "$json" "$2" || long grep -q ready "$tmp/said"
	pid=$(sed -n 's/^ready //p' "$tmp/said")
	group_of "$pid"
}

# killed NAME: one of whose processes was killed for want of memory; the first in $pid.
killed() {
	start "$cgtune" run --name "$1" --memory 16M -- \
		sh -c 'head -c 100000000 /dev/zero | tail -n 1 >/dev/null; echo "ready $$"; exec sleep 600' || long grep -q ready "$tmp/said"
	pid=$(sed -n 's/^ready //p' "$tmp/said")
}

# kills NAME: OOM kills of the group that is so named, in its hierarchy of memory.
kills() {
	each memory.oom_kills | sed -n "s|^.*/$1 \\([1-9][0-9]*\\)\$|\\1|p"
}

# of PATH FILE...: values of the JSON that was printed last.
of() {
	"$json" "$@" <"$tmp/out" | tr '\n' ' '
}

# each KEY: its value of every group, "PATH VALUE" a line.
each() {
	for i in $(seq 0 $(($("$json" -n groups <"$tmp/out") - 1))); do
		"$json" "groups.$i.path" "groups.$i.$1" <"$tmp/out" | paste -s -d' ' -
	done
}

# since NAME VALUE LEAST: nr_throttled of the group, as read between then and now: its last stop may be counted late.
since() {
	most=$("$cgtune" stalls --bpffs "$bpffs" --cgroup "$path" --json | "$json" groups.0.nr_throttled)
	ok "$1" test "${2:-0}" -ge "$3" -a "${2:-0}" -le "$most"
}

echo "# without a probe"
burner "$me-a" 3
run "$cgtune" stalls --bpffs "$bpffs" --cgroup "$path" --json
is "it says so" "$status $(of rung groups.0.path)" "0 stat $path "
is "what files do not tell is null" \
	"$(of groups.0.throttles groups.0.episodes groups.0.wall_ns groups.0.max_ns groups.0.uncharged groups.0.hits groups.0.hist \
		groups.0.memory.high_sleeps groups.0.memory.high_sleep_ns)" \
	"null null null null null null null null null "
is "what they tell is a number" \
	"$("$json" -t groups.0.nr_periods groups.0.nr_throttled groups.0.throttled_ns groups.0.id groups.0.hierarchy \
		<"$tmp/out" | sort -u)" int
ok "nr_throttled" test "$("$json" groups.0.nr_throttled <"$tmp/out")" -ge 3
nr=$("$json" groups.0.nr_throttled <"$tmp/out")
run "$cgtune" stalls --bpffs "$bpffs" --pid "$pid" --json
is "--pid" "$(of groups.0.path)" "$path "
run "$cgtune" stalls --bpffs "$bpffs" --json
since "all groups" "$(each nr_throttled | sed -n "s|^$path ||p")" "$nr"
run "$cgtune" stalls --bpffs "$bpffs" --cgroup "$path"
is "the first line says what counts" "$(sed -n '1s/ since .*//p' "$tmp/out")" "Counted by the cgroups' own files"
is "why" "$(sed -n '1s/.*, as //p' "$tmp/out")" "no BPF file system is mounted at $bpffs:"
since "a row" "$(sed -n "s|^.* \([0-9]*\)/[0-9]*  $path\$|\1|p" "$tmp/out")" "$nr"
is "nothing on stderr" "$(cat "$tmp/err")" ""
run "$cgtune" show --cgroup "$path" --why
since "show --why says for how many periods, and whose limit" \
	"$(sed -n "s|^throttled \([0-9]*\) of [0-9]* periods, [0-9.]* m*s in all, by .*$me-a.*\$|\1|p" "$tmp/out")" "$nr" ||
	sed 's/^/# /' "$tmp/out"

killed "$me-m"
run "$cgtune" stalls --bpffs "$bpffs" --pid "$pid" --json
ok "a kill for want of memory" test "$(kills "$me-m")" -ge 1 || sed 's/^/# /' "$tmp/out"
n=$(kills "$me-m")
run "$cgtune" stalls --bpffs "$bpffs" --json
is "of all groups" "$(kills "$me-m")" "$n"
run "$cgtune" stalls --bpffs "$bpffs" --pid "$pid"
ok "a table of it" grep -Eq '^ +HIGH +MAX +SLEEPS +SLEPT +OOM KILLS  CGROUP$' "$tmp/out"

echo "# what is asked for and is not there"
fails "no such cgroup" 1 '/nowhere: no such' "$cgtune" stalls --bpffs "$bpffs" --cgroup /nowhere
fails "no such process" 1 'no such process' "$cgtune" stalls --bpffs "$bpffs" --pid 4194305
fails "no process id" 2 'number of a process' "$cgtune" stalls --pid x
fails "a relative path" 2 'absolute path' "$cgtune" stalls --cgroup x
fails "both" 2 'only one' "$cgtune" stalls --pid 1 --cgroup /
fails "an argument" 2 'no argument' "$cgtune" stalls x

echo "# top"
run "$cgtune" top --once --json --interval 0.2
ok "top, by the kernel's iterator or by files" grep -Eq '"source":"(iter|stat)"' "$tmp/out"
each events.oom_kill >"$tmp/kills"
ok "its kills for want of memory" grep -Eq "/$me-m [0-9]+\$" "$tmp/kills"
is "its quota" "$(each quota | sed -n "s|^$path ||p")" 0.1
run "$cgtune" top --once --json --files --interval 0.2
is "top by files" "$status $(of source)" "0 stat "
ok "its interval" awk -v n="$("$json" interval <"$tmp/out")" 'BEGIN { exit !(n >= 0.2) }'
is "quota" "$(each quota | sed -n "s|^$path ||p")" 0.1
is "memory" "$("$json" -t groups.0.memory groups.0.events <"$tmp/out" | tr '\n' ' ')" "object object "
run "$cgtune" top --once --interval 0.2
ok "a table" grep -Eq "^ +0\.10 .*  $path\$" "$tmp/out"
"$cgtune" top --interval 0.1 >"$tmp/top" &
followers=$!
ok "a table at each interval" long sh -c 'test "$(grep -c QUOTA "$1")" -ge 3' - "$tmp/top"
kill "$followers"
fails "no interval" 2 'from 0.1 to 3600' "$cgtune" top --interval 0
fails "an argument of top" 2 'no argument' "$cgtune" top x

# throttled_row FILE: whether a table of top has a group of ours that was stopped.
cat >"$tmp/throttled" <<'END'
"$1" top --once --json --interval 0.5 >"$3"
for i in $(seq 0 $(($("$2" -n groups <"$3") - 1))); do
	case $("$2" "groups.$i.path" "groups.$i.throttled_seconds" "groups.$i.throttled_share" <"$3" | paste -s -d' ' -) in
	*"$4 null"* | *"$4 0 "* | *"$4 "*null) ;;
	*"$4 "*) exit 0 ;;
	esac
done
exit 1
END
"$cgtune" stalls --bpffs "$bpffs" --follow --json >"$tmp/follow" &
followers=$!
"$cgtune" run --name "$me-b" --cpus 0.1 -- sh -c 'while :; do :; done' &
burning=$!
ok "top sees it being stopped" long sh "$tmp/throttled" "$cgtune" "$json" "$tmp/out" "$me-b"
ok "stalls --follow, too" long grep -q "$me-b.*\"nr_throttled\":[1-9]" "$tmp/follow"
grep "$me-b.*\"nr_throttled\":[1-9]" "$tmp/follow" | head -n 1 >"$tmp/out"
ok "by the second" test "$("$json" nr_throttled <"$tmp/out")" -ge 1
is "numbers" "$("$json" -t nr_periods nr_throttled throttled_ns interval_ns id hierarchy <"$tmp/out" | sort -u)" int
kill "$burning" "$followers"
wait "$burning"

echo "# with one"
if ! "$cgtune" probe features >/dev/null 2>&1; then
	skip "the probe" "$("$cgtune" probe features 2>&1)"
	done_testing
fi
mount -t bpf bpf "$bpffs" || echo "# no BPF file system"
fails "none is started" 1 "no probe is started .\`cgtune probe start --bpffs $bpffs\`, as root" "$cgtune" probe status --bpffs "$bpffs"
fails "none is started of a process that is not there" 1 'pid: no such process' "$cgtune" probe start --bpffs "$bpffs" --pid 4194305
fails "nor of a cgroup that is not there" 1 '/nowhere: no such' "$cgtune" probe start --bpffs "$bpffs" --subtree /nowhere
if "$cgtune" probe features | grep -q '^fentry  *no '; then
	"$cgtune" probe start --bpffs "$bpffs" --rung fentry >"$tmp/out" 2>&1
	is "what the kernel has and refuses is told of as that" "$("$cgtune" probe features | grep -c '^fentry .*refused here: ')" \
		"$(grep -c 'not permitted' "$tmp/out")"
else
	skip "what the kernel has and refuses" "it refuses nothing"
fi
group_of "$pid"
nothing=${stat%/*/cpu.stat}/$me-nothing
mkdir "$nothing"
gives "it starts, for a cgroup with nothing in it" 0 "$cgtune" probe start --bpffs "$bpffs" --subtree "${path%/*}/$me-nothing"
run "$cgtune" stalls --bpffs "$bpffs"
is "nothing is no table" "$status $(sed 1d "$tmp/out")" "0 No cgroup has met a limit."
run "$cgtune" stalls --bpffs "$bpffs" --json
is "and an array of nothing" "$("$json" -n groups <"$tmp/out")" 0
"$cgtune" probe stop --bpffs "$bpffs"
rmdir "$nothing"
gives "it starts" 0 "$cgtune" probe start --bpffs "$bpffs"
is "status" "$("$cgtune" probe status --bpffs "$bpffs" | sed -n '1s/^rung \([a-z]*\), .*/\1/p')" \
	"$(sed -n '1s/^rung \([a-z]*\), .*/\1/p' "$tmp/out")"
"$cgtune" stalls --bpffs "$bpffs" --follow --json >"$tmp/follow" &
followers=$!
burner "$me-c" 3
run "$cgtune" stalls --bpffs "$bpffs" --cgroup "$path" --json
is "its rung" "$(of rung)" "$("$cgtune" probe status --bpffs "$bpffs" | sed -n '1s/^rung \([a-z]*\), .*/\1/p') "
is "its counts are numbers" \
	"$("$json" -t groups.0.throttles groups.0.throttled_ns groups.0.episodes groups.0.wall_ns groups.0.max_ns \
		groups.0.nr_periods groups.0.hits groups.0.hist.31 <"$tmp/out" | sort -u)" int
ok "throttles" test "$("$json" groups.0.throttles <"$tmp/out")" -ge 1
is "the histogram has 32" "$("$json" -n groups.0.hist <"$tmp/out")" 32
run "$cgtune" stalls --bpffs "$bpffs" --cgroup "$path"
is "the first line" "$(head -n 1 "$tmp/out")" "Counted by the probe since it was started:"
is "the histogram" "$(sed -n 's/^     usecs  *: count     distribution$/drawn/p' "$tmp/out")" drawn
ok "its bars" grep -Eq '^ +[0-9]+ -> [0-9]+ +: [0-9]+ +\|\*+ *\|$' "$tmp/out"
ok "events" long grep -q "\"kind\":\"throttle\".*\"limit\":\"$path\"" "$tmp/follow"
grep "\"limit\":\"$path\"" "$tmp/follow" | head -n 1 >"$tmp/out"
is "an event" "$("$json" -t number ended_ns duration_ns cpu limit_id hierarchy <"$tmp/out" | sort -u)" int
killed "$me-n"
run "$cgtune" stalls --bpffs "$bpffs" --pid "$pid" --json
ok "a kill for want of memory, counted by the probe" test "$(kills "$me-n")" -ge 1 || sed 's/^/# /' "$tmp/out"
ok "is an event" long grep -q "\"kind\":\"OOM kill\".*$me-n" "$tmp/follow" || sed 's/^/# /' "$tmp/follow"
run env CGTUNE_PROBE="$bpffs" "$cgtune" show --cgroup "$path" --why
ok "show --why by the probe" grep -Eq '^  stopped [0-9]+ times .*at most .* by the probe' "$tmp/out" || sed 's/^/# /' "$tmp/out"

echo "# bpfdist, of what the tests here do with the probe"
"$cgtune" bpfdist >"$tmp/dist" 2>"$tmp/disterr" &
counting=$!
ok "it says when it counts" long grep -q '^Counting bpf(2) calls by [a-z]* programs, until Ctrl-C:$' "$tmp/dist"
run "$cgtune" probe status --bpffs "$bpffs"
kill -TERM "$counting"
wait "$counting"
is "it ends by a signal, in order" "$?" 0
ok "it has counted" grep -Eq '^[1-9][0-9]* calls in [0-9.]+ s$' "$tmp/dist"
ok "commands" grep -Eq '^OBJ_GET: [0-9]+ calls, [0-9]+ ns each' "$tmp/dist"
ok "with a histogram" grep -Eq '^ +[0-9]+ -> [0-9]+ +: [0-9]+ +\|\*+ *\|$' "$tmp/dist"
run "$cgtune" bpfdist --duration 0.2 --json --pid "$$"
is "one that makes no such call" "$status $("$json" -n commands <"$tmp/out")" "0 0"
is "its rung" "$(of rung)" "tracepoint "
run "$cgtune" bpfdist --duration 0.2 --json --rung raw --cgroup "$path"
is "of a cgroup" "$status $(of rung)" "0 raw "
fails "no such process of bpfdist" 1 'pid: no such process' "$cgtune" bpfdist --pid 4194305
fails "no such cgroup of bpfdist" 1 '/nowhere: no such' "$cgtune" bpfdist --cgroup /nowhere
fails "no duration" 2 'above 0' "$cgtune" bpfdist --duration 0
fails "no such rung" 2 'tracepoint or raw' "$cgtune" bpfdist --rung fentry

sed 's/^exec sleep.*//' "$tmp/burn" >"$tmp/burn-and-end"
# In a /run of its own, as other tests forget names of what their probes do not count. A record of a cgroup that never was is
# beside the first's.
cat >"$tmp/named" <<'END'
mount -t tmpfs none /run || exit 1
"$1" run --name "$4-d" --cpus 0.1 --summary -- sh "$3/burn-and-end" "$1" "$2" 3 2>"$3/err"
"$1" stalls --bpffs "$CGTUNE_PROBE" --json >"$3/out"
cp -r /run/cgtune-names "$3/first"
for file in /run/cgtune-names/*; do
	printf 'never\n/%s-never\n' "$4" >"${file%-*}-1"
done
"$1" run --name "$4-g" --cpus 0.1 -- sh "$3/burn-and-end" "$1" "$2" 3
cat /run/cgtune-names/* >"$3/names"
END
if unshare -m true 2>/dev/null; then
	CGTUNE_PROBE=$bpffs unshare -m sh "$tmp/named" "$cgtune" "$json" "$tmp" "$me"
	ok "the summary of a run has the probe's counts" \
		grep -Eq 'throttled in [0-9]+ of [0-9]+ periods, .* in all; [1-9][0-9]* stops of a CPU, the longest [0-9.]+ m?s$' "$tmp/err" ||
		sed 's/^/# /' "$tmp/err"
	is "what is counted of a run has a name when its cgroup is gone" "$(cat "$tmp"/first/* | grep -v '^/' | sort -u)" "$me-d (sh)"
	id=$(find "$tmp/first" -name '*-*' | sed -n '1s/.*-//p')
	ok "stalls has that name, unless its slot is another's by now" test -z "$(for i in $(seq 0 $(($("$json" -n groups <"$tmp/out") - 1))); do
		"$json" "groups.$i.id" "groups.$i.name" <"$tmp/out" | paste -s -d' ' -
	done | grep "^$id " | grep -vx "$id $me-d (sh)")"
	is "one that is not counted is forgotten with the next" "$(grep -v "^/\|$me-d" "$tmp/names" | sort -u)" "$me-g (sh)"
else
	skip "a run and the probe" "no mount namespace can be made here"
fi

gives "it stops" 0 "$cgtune" probe stop --bpffs "$bpffs"
ok "--follow ends then" long sh -c '! kill -0 "$1"' - "$followers"
run "$cgtune" stalls --bpffs "$bpffs" --cgroup "$path" --json
is "back to the files" "$(of rung)" "stat "

echo "# readers"
chmod 700 "$bpffs"
gives "readers, where root alone comes to the pins" 0 "$cgtune" probe start --bpffs "$bpffs" --readers all
says "are told of it" "^cgtune: warning: $bpffs is closed to --readers"
nobody "$cgtune" probe status --bpffs "$bpffs" >"$tmp/out" 2>&1
if grep -q 'map: Permission denied' "$tmp/out"; then
	run nobody "$cgtune" stalls --bpffs "$bpffs"
	ok "who may not read is told of them by stalls" sh -c 'head -n 1 "$1" | grep -q -e "denied; .cgtune probe start --readers"' - "$tmp/out"
	run nobody "$cgtune" top --once --interval 0.1 --bpffs "$bpffs"
	ok "and by top" sh -c 'head -n 1 "$1" | grep -q -e "denied; .cgtune probe start --readers"' - "$tmp/out"
	fails "but not who may not start it" 1 'whoever starts it must be root$' nobody "$cgtune" probe start --bpffs "$bpffs"
else
	skip "who may not read" "no other user has bpf(2) here: $(head -n 1 "$tmp/out")"
fi
"$cgtune" probe stop --bpffs "$bpffs"
chmod o+x "$bpffs"
gives "readers, where they do" 0 "$cgtune" probe start --bpffs "$bpffs" --readers all
is "are not" "$(cat "$tmp/err")" ""

done_testing
