#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# real-top.sh - `cgtune top` on a terminal: its keys, its sizes, and that it leaves the terminal as it was
# shellcheck disable=SC2016 # the commands are for other shells
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"
screen=$build/tests/screen
export LC_ALL=C.UTF-8 TERM=xterm-256color

if ! grep -q "^HAVE_NCURSES_TRUE=''" "$build/config.log"; then
	"$screen" -g 132x200 -e 'built without ncurses' -e '0 of ' -k 2 -- "$cgtune" top --filter "$me-" >"$tmp/out"
	is "without ncurses a table" "$?" 130
	done_testing
fi
needs_cgroups
for limit in a=0.2 b=0.3 c=0.1; do
	start "$cgtune" run --name "$me-${limit%=*}" --cpus "${limit#*=}" -- sh -c 'echo ready; exec sleep 600'
done

# on STATUS NAME STEP... -- COMMAND...: what the terminal shows at the end into $tmp/out
on() {
	expected=$1 name=$2
	shift 2
	status=0
	"$screen" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
	is "$name" "$status" "$expected"
	test "$status" = "$expected" || sed 's/^/# /' "$tmp/err" "$tmp/out"
}

# groups FILE: those of ours, in order, by the letter in their name
groups() {
	sed -n "s|.*$me-\\([abc]\\)\$|\\1|p" "$1" | tr -d '\n'
}

echo "# keys"
on 0 "each key does what the help says" -e 'sort STOPPED' -s '<' -e 'sort THR%' -s '\033OD' -e 'sort USE' -s '>' -e 'sort THR%' \
	-s '\033OC' -e 'sort STOPPED' -s N -e 'sort CGROUP' -s r -e 'sort -CGROUP' -s r -n 'sort -CGROUP' -s M -e 'sort MEMORY' \
	-s U -e 'sort USE' -s S -e 'sort STOPPED' -s N -s '>' -e 'sort QUOTA' -s '<' -e 'sort CGROUP' \
	-s t -e ', tree' -s t -n ', tree' -s p -e ', PAUSED' -s ' ' -n ', PAUSED' -s c -e 'cgroups, since' -s c -e 'cgroups, over' \
	-s h -e 'this help' -s '?' -n 'this help' -s '\033OP' -e 'this help' -s '\033' -n 'this help' -s '\014' -e 'h help' -s q -- "$cgtune" top
is "and it leaves the terminal's own screen" "$(tail -n 1 "$tmp/out")" "screen: main, cursor seen"
on 0 "any column sorts, round and round" -g 200x20 -e 'sort QUOTA' -s '>' -e 'sort USE' -s '>' -e 'sort THR%' -s '>' -e 'sort STOPPED' -s '>' \
	-e 'sort WALL' -s '>' -e 'sort STALLS' -s '>' -e 'sort MEMORY' -s '>' -e 'sort MEM%' -s '>' -e 'sort HIGH' -s '>' -e 'sort LIMIT' \
	-s '>' -e 'sort HIGHS' -s '>' -e 'sort MAXES' -s '>' -e 'sort KILLS' -s '>' -e 'sort CGROUP' -s '>' -e 'sort QUOTA' -s q \
	-- "$cgtune" top --sort quota
on 0 "the filter is typed" -e 'h help' -s / -e 'Filter:' -s "${me}x" -e "filter ${me}x" -s '\177-a' -e ' 1 of ' -s '\025' -n "filter $me" \
	-s "$me-" -e ' 3 of ' -s '\015' -e 'h help' -s '\033' -n ', filter' -s / -e 'Filter:' -s 'xyz' -e ' 0 of ' -s '\033' -n ', filter' -s q -- "$cgtune" top
on 0 "the order, seen through a window of one line" -g 80x5 -e "$me-b" -s j -e "$me-a" -s j -e "$me-c" -s r -s k -s k -e 'sort -QUOTA' -e "$me-c" \
	-s j -e "$me-a" -s j -e "$me-b" -s N -e "$me-a" -n "$me-b" -s j -e "$me-b" -s q -- "$cgtune" top --sort QUOTA --filter "$me-"
on 0 "a tree has what is above" -e ', tree' -e "  $me-b" -d "$tmp/tree" -s q -- "$cgtune" top --tree --filter "$me-b"
is "and parts of paths" "$(grep -c "^.* /\$" "$tmp/tree") $(grep -c "^ .*[^/]$me-b\$" "$tmp/tree")" "1 1"
on 0 "it scrolls" -g 80x6 -e "$me-a" -e "$me-b" -s j -e "$me-c" -n "$me-a" -s k -e "$me-a" -s '\033OF' -n "$me-a" -s '\033OH' -e "$me-a" \
	-s '\033[6~' -e "$me-c" -s '\033[5~' -e "$me-a" -s ']' -n "$me-a" -s '[' -e "$me-a" -s q -- "$cgtune" top --sort CGROUP --filter "$me-"

echo "# figures"
on 0 "the quotas, again and again" -g 120x10 -e ' 3 of ' -e '0.20' -e '0.30' -e '0.10' -e 'over 0.' -s + -s q -- "$cgtune" top --interval 0.2 --filter "$me-"
on 0 "what it is from" -g 200x10 -e 'from the kernel' -s q -- "$cgtune" top
on 0 "by files, and why there are no single stops" -g 200x10 -e "from cpu.stat and memory's files; no single stops, as " -s q \
	-- "$cgtune" top --files --bpffs "$tmp/nothing"

echo "# sizes"
on 0 "from 1x1 to 500x200 and back" -e 'h help' -w 1x1 -e q -w 500x200 -e 'MAXES KILLS' -w 3x500 -e q -w 500x1 -e 'h help' -w 132x24 -e CGROUP -s q -- "$cgtune" top
for size in 1x1 2x2 30x4 80x3 500x200 0x0; do
	on 0 "it begins at $size" -g $size -e q -s h -s t -s / -s '\033' -s q -- "$cgtune" top
	is "and ends in order" "$(tail -n 1 "$tmp/out")" "screen: main, cursor seen"
done

echo "# the terminal is as it was"
cat >"$tmp/kept" <<'END'
ulimit -c 0
before=$(stty -g)
trap : HUP INT QUIT ILL ABRT FPE SEGV TERM BUS
"$1" top
status=$?
test "$(stty -g)" = "$before" && echo "status $status, the same terminal"
END
for signal in 1:129 2:0 3:131 15:143 6:134 11:139; do
	on 0 "signal ${signal%:*}" -e 'h help' -s t -e ', tree' -k "${signal%:*}" -e "status ${signal#*:}, the same terminal" -- sh "$tmp/kept" "$cgtune"
	is "its screen is gone" "$(tail -n 1 "$tmp/out")" "screen: main, cursor seen"
done
on 0 "in the filter" -e 'h help' -s / -e Filter: -k 15 -e 'status 143, the same terminal' -- sh "$tmp/kept" "$cgtune"
on 0 "Ctrl-C" -e 'h help' -s '\003' -e 'status 0, the same terminal' -- sh "$tmp/kept" "$cgtune"
on 0 "q" -e 'h help' -s q -e 'status 0, the same terminal' -- sh "$tmp/kept" "$cgtune"

echo "# terminals that are none"
# A table of all cgroups may be longer than the screen, and tables follow each other: that of ours, on a high one, is seen.
on 130 "dumb" -g 132x200 -e 'no screen, as the terminal "dumb" cannot move its cursor (TERM)' -e 'QUOTA' -k 2 -- env TERM=dumb "$cgtune" top --interval 0.1 --filter "$me-"
on 130 "no TERM" -g 132x200 -e 'no screen, as TERM is not set' -e 'QUOTA' -k 2 -- env -u TERM "$cgtune" top --interval 0.1 --filter "$me-"
on 130 "an unknown one" -g 132x200 -e 'no screen, as the terminal "none-such" is not known' -e 'QUOTA' -k 2 -- env TERM=none-such "$cgtune" top --interval 0.1 --filter "$me-"
on 130 "no input" -g 132x200 -e 'no screen, as standard input is no terminal' -e 'QUOTA' -k 2 -- sh -c 'exec "$1" top --interval 0.1 --filter "$2" </dev/null' - "$cgtune" "$me-"
on 130 "--plain" -g 132x200 -e QUOTA -k 2 -- "$cgtune" top --plain --interval 0.1 --filter "$me-"
is "says nothing" "$(grep -c 'no screen' "$tmp/out")" 0
for term in vt100 linux screen xterm; do
	run "$pty" -e 'help' -s q -- env TERM=$term "$cgtune" top
	is "$term" "$status" 0
done

echo "# colours, characters"
# What comes of start_color(3): "back to the terminal's own".
run "$pty" -e 'help' -s q -- "$cgtune" top
ok "colours" grep -q "$(printf '\033\\[39;49m')" "$tmp/out"
run "$pty" -e 'help' -s q -- env NO_COLOR=1 "$cgtune" top
is "NO_COLOR: none" "$status $(grep -Ec "$(printf '\033\\[(3|4)[0-9]m')" "$tmp/out")" "0 0"
run "$cgtune" top --once --interval 0.1 --sort -cgroup --filter "$me-"
is "--sort, --filter" "$status $(groups "$tmp/out")" "0 cba"
run "$cgtune" top --once --interval 0.1 --tree --filter "$me-a"
is "--tree" "$status $(groups "$tmp/out") $(grep -c ' /$' "$tmp/out")" "0 a 1"
run "$cgtune" top --once --json --interval 0.1 --sort quota --filter "$me-"
is "of JSON, too" "$("$json" groups.0.quota groups.1.quota groups.2.quota <"$tmp/out" | tr '\n' ' ')" "0.3 0.2 0.1 "
run "$cgtune" top --once --interval 0.1 --filter "$me-none"
is "nothing matches: no heading over nothing" "$(sed 's/ of [1-9].*//' "$tmp/out")" 0
run "$cgtune" top --once --json --interval 0.1 --filter "$me-none"
is "of JSON an array of nothing" "$("$json" -n groups <"$tmp/out")" 0
fails "no such column" 2 'sort wants' "$cgtune" top --sort nothing
fails "a filter that is too long" 2 'at most 255' "$cgtune" top --filter "$(printf '%0256d' 0)"

echo "# any keys, in any order"
for seed in 1 2 3; do
	on 0 "seed $seed" -e 'h help' -f "$seed" -w 1x1 -f "1$seed" -w 500x200 -f "2$seed" -w 20x5 -f "3$seed" -w 132x24 -s '\033' -s '\015' -s q \
		-e 'status 0, the same terminal' -- sh "$tmp/kept" "$cgtune"
done

done_testing
