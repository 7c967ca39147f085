#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-preload-affinity.sh - masks under the preload object: what is saved can be restored, what is pinned is pinned
# shellcheck disable=SC2016 # what is in single quotes is for another shell
srcdir=${srcdir:-.}
# shellcheck source=tests/preload.sh
. "$srcdir/tests/preload.sh"

# The truth, as the kernel says it of the shell that asks.
allowed='sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status'
all=$(sh -c "$allowed")

ok "limited: one CPU is shown" limited "$programs/preload-affinity" as_many_real_ids_as_threads 1
cases limited "$programs/preload-affinity" limited
cases natively "$programs/preload-affinity" native
some=$(($(nproc) - 1))
if test "$some" -gt 1; then
	cases "$some CPUs" "$programs/preload-affinity" limited CGTUNE_CPUS="$some"
	is "CGTUNE_CPUS=$some" "$(limited CGTUNE_CPUS="$some" "$programs/preload-view" counts | value onln)" "$some"
else
	skip "more than one CPU of more" "there are two"
fi
ok "CGTUNE_AFFINITY=0: the mask is the real one" limited CGTUNE_AFFINITY=0 "$programs/preload-affinity" \
	as_many_real_ids_as_threads "$(nproc)"

echo "# taskset"
if have taskset "taskset"; then
	first=$(taskset -c -p $$ | sed 's/.*: //; s/[-,].*//')
	last=$(taskset -c -p $$ | sed 's/.*[-, ]//')
	for one in "$first" "$last"; do
		is "taskset -c $one pins" "$(limited taskset -c "$one" sh -c "$allowed")" "$one"
		is "and the program is shown that" "$(limited taskset -c "$one" nproc)" 1
	done
	is "taskset -c with all CPUs" "$(limited taskset -c "$all" sh -c "$allowed")" "$all"
	is "taskset -p of another process shows the truth" "$(limited taskset -c -p $$)" "$(taskset -c -p $$)"
	sleep 60 &
	sleeper=$!
	ok "taskset -p sets another process's" limited sh -c 'exec taskset -c -p "$1" "$2" >/dev/null' sh "$last" "$sleeper"
	is "to what was asked for" "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$sleeper/status")" "$last"
	kill "$sleeper"
	is "a mask of as many CPUs as threads is shown whole" \
		"$(in_group half taskset -c "$last" env LD_PRELOAD="$object" "$programs/preload-view" counts | value affinity)" "$last"
fi

echo "# CGTUNE_PIN=ignore"
if have taskset "CGTUNE_PIN=ignore"; then
	is "taskset does nothing" "$(limited CGTUNE_PIN=ignore taskset -c "$last" sh -c "$allowed")" "$all"
	is "and says that it is well" "$(limited CGTUNE_PIN=ignore taskset -c "$last" sh -c 'echo $?')" 0
	is "without limits it pins" "$(in_group free env LD_PRELOAD="$object" CGTUNE_PIN=ignore taskset -c "$last" sh -c "$allowed")" "$last"
fi
if have python3 "python3 saves and restores"; then
	python=$(python3 -c 'import sys; print(sys.executable)')
	is "python3 saves and restores" "$(limited "$python" -c '
import os
mask = os.sched_getaffinity(0)
os.sched_setaffinity(0, {max(os.sched_getaffinity(os.getppid()))})
os.sched_setaffinity(0, mask)
print(len(mask), [l.split()[1] for l in open("/proc/self/status") if l.startswith("Cpus_allowed_list")][0])')" "1 $all"
fi

done_testing
