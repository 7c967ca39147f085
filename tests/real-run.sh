#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# real-run.sh - `cgtune run` in cgroups of this kernel: what is written, who is inside, the summary, what is left
# shellcheck disable=SC2016,SC2317 # the commands are for other shells; functions are called by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"

needs_cgroups
is "nothing is said" "$(cat "$tmp/err")" ""
v2=$("$cgtune" run --name "$me" --memory 512M --dry-run true | grep -c 'memory.max =')
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
	run "$cgtune" run --memory 512M --memory-high 64M "$cgtune" show --json
	is "--memory-high" "$("$json" memory.high <"$tmp/out")" 67108864
else
	fails "--memory-high" 125 'cgroup v1, which has no such limit' "$cgtune" run --memory-high 64M true
fi
run "$cgtune" run --memory 64 --dry-run true
says "--memory without a unit" '^cgtune: warning: --memory: "64" is 64 bytes, with which no command can start; 64M is 64 MiB$'
gives "--cpus of all" 0 "$cgtune" run --cpus "$cpus" true
is "is nothing to be warned of" "$(cat "$tmp/err")" ""
run "$cgtune" run --cpus "$((cpus + 1))" true
says "--cpus above all" "^cgtune: warning: --cpus $((cpus + 1)) limits nothing, as $cpus CPUs? may be used here\$"
if test ! -d /run/systemd/system && said=$(nobody "$cgtune" run true 2>&1) && test -z "$said"; then
	fails "no right to a cgroup" 125 'it takes root, or a cgroup that is delegated to this user$' nobody "$cgtune" run --cpus 1 true
else
	skip "no right to a cgroup" "systemd gives one, or $cgtune cannot be run by nobody"
fi

echo "# in one another"
is "a limit within a smaller one" "$("$cgtune" run --cpus 0.25 --memory 64M "$cgtune" run --cpus 0.5 --memory 128M \
	"$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" "0.25 67108864 "
is "a smaller limit within one" "$("$cgtune" run --cpus 0.5 --memory 128M "$cgtune" run --cpus 0.25 --memory 64M \
	"$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" "0.25 67108864 "
is "one limit keeps the other" "$("$cgtune" run --cpus 0.5 --memory 64M "$cgtune" run --memory 32M \
	"$cgtune" show --json | "$json" cpu.limit memory.limit | tr '\n' ' ')" "0.5 33554432 "
is "values of ours follow the inner limits" \
	"$("$cgtune" run --memory 512M "$cgtune" run --memory 256M sh -c 'echo $GOMEMLIMIT')" 230MiB
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

top=/sys/fs/cgroup
if test -f $top/cgroup.controllers && grep -q 'cpuset.*pids' $top/cgroup.subtree_control; then
	# A group with processes holds no others on v2: the new one is beside it, and has its limits.
	mkdir "$top/$me"
	echo 50 >"$top/$me/pids.max"
	echo 0 >"$top/$me/cpuset.cpus"
	echo 40M >"$top/$me/memory.high"
	cat >"$tmp/beside" <<'EOF'
echo $$ >"$1/cgroup.procs"
exec "$2" run --memory 64M -- sh -c 'cd "/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)" &&
	cat pids.max cpuset.cpus.effective memory.high memory.max'
EOF
	is "all that the caller's group limits" "$(sh "$tmp/beside" "$top/$me" "$cgtune" | tr '\n' ' ')" "50 0 41943040 67108864 "
	rmdir "$top/$me"
else
	skip "all that the caller's group limits" "not cgroup v2, or without cpuset and pids"
fi
if unshare -C true 2>/dev/null; then
	fails "mounts from outside of a cgroup namespace" 125 'no cgroup hierarchy with this controller can be seen' \
		"$cgtune" run --cpus 0.5 unshare -C "$cgtune" run --cpus 1 true
else
	skip "mounts from outside of a cgroup namespace" "no such namespace can be made"
fi

echo "# the summary"
run "$cgtune" run --cpus 0.2 --memory 64M --summary -- sh -c 'timeout 1 sh -c "while :; do :; done"; exit 3'
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
	says "as an OOM kill" '; [1-9][0-9]* OOM kills?$'
	gives "without a summary" 137 "$cgtune" run --memory 32M -- dd if=/dev/zero of=/dev/null bs=200M count=1
	says "a line says so, too" '^cgtune: dd: killed for want of memory: the limit is 32 MiB$'
else
	skip "beyond the limit it is killed" "there is swap"
fi
gives "killed by somebody else" 137 "$cgtune" run --memory 32M -- sh -c 'kill -9 $$'
is "is no kill for want of memory" "$(grep -c 'killed for want' "$tmp/err")" 0
run "$cgtune" run --summary true
says "without a cgroup of its own" 'of all programs in the cgroup'

echo "# what is left"
# A process that is gone from /proc is in its cgroup for a moment longer (Linux 6.18). What --gc says goes to $tmp/cleared.
gc_clears() {
	"$cgtune" run --gc >>"$tmp/cleared"
	test -z "$(find /sys/fs/cgroup /run/cgtune -name "$me*")"
}
run "$cgtune" run --name "$me" --cpus 0.5 -- sh -c 'sleep 30 >/dev/null 2>&1 & echo $!'
is "a process that stays: the status all the same" "$status" 0
says "which is said" "^cgtune: warning: .*/$me is left: something is still in it"
sleeper=$(cat "$tmp/out")
run "$cgtune" run --gc
ok "--gc leaves it, and says so" grep -q "^left .*/$me: something is still in it" "$tmp/out"
kill "$sleeper"
: >"$tmp/cleared"
await gc_clears
ok "--gc removes it then" grep -q "^removed .*/$me\$" "$tmp/cleared"
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
cp "$tmp/out" "$tmp/first"
kill -9 "$sleeper"
: >"$tmp/cleared"
await gc_clears
# On v2 they are beside each other, and the outer one is empty at once.
is "--gc removes both" "$(cat "$tmp/first" "$tmp/cleared" | grep -c "^removed .*$me")" 2
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
	# Records that nobody but root can have written, and what they name all the same: another's cgroup, by ways round.
	other=${dir%/*}/$me-other
	mkdir "$other" "$other/below"
	ok "no symbolic link can be made in a cgroup" sh -c '! ln -s "$1" "$1/link" 2>/dev/null' sh "$other"
	mkdir -p "$tmp/real/below"
	ln -s "$other" "$tmp/link"
	ln -s "$other/below" "$tmp/straight"
	unshare -m sh -c 'mount -t tmpfs none /run; mkdir -m 700 /run/cgtune
		printf "%s/link/below\0" "$2" >/run/cgtune/a
		printf "%s/straight\0" "$2" >/run/cgtune/b
		printf "%s/real/below\0" "$2" >/run/cgtune/c
		printf "/sys/fs/cgroup\0/\0relative\0/proc/self/cwd\0" >/run/cgtune/d
		exec "$1" run --gc' sh "$cgtune" "$tmp" >"$tmp/out" 2>"$tmp/err"
	is "--gc removes nothing of another by a symbolic link" "$(find "$other" "$tmp/real" -name below | wc -l)" 2
	is "nor anything but a cgroup" "$(grep -c '^removed' "$tmp/out")" 0
	rmdir "$other/below" "$other"
fi

done_testing
