#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-preload.sh - the values that a program is given under the preload object, and every way to be left alone
# shellcheck disable=SC2016 # what is in single quotes is for another shell
# shellcheck disable=SC2317 # ok() calls them
srcdir=${srcdir:-.}
# shellcheck source=tests/preload.sh
. "$srcdir/tests/preload.sh"
view=$programs/preload-view
host=$("$view" counts)

host() {
	echo "$host" | value "$1"
}

# listed NUMBER LIST: it is in the list with commas.
listed() {
	case ",$2," in *",$1,"*) ;; *) return 1 ;; esac
}

# between LOW VALUE HIGH
between() {
	test "$1" -le "$2" && test "$2" -le "$3"
}

echo "# the values, in 0.5 CPU and 512 MiB"
seen=$(limited "$view" counts)
seen() {
	echo "$seen" | value "$1"
}
memory_limit=$((512 * mib))
is "sysconf(_SC_NPROCESSORS_ONLN)" "$(seen onln)" 1
is "get_nprocs()" "$(seen nprocs)" 1
is "sysconf(_SC_NPROCESSORS_CONF) is the real one" "$(seen conf)" "$(host conf)"
is "get_nprocs_conf() is the real one" "$(seen nprocs_conf)" "$(host nprocs_conf)"
is "sysconf(_SC_PHYS_PAGES)" "$(seen phys)" "$memory_limit"
is "get_phys_pages()" "$(seen get_phys)" "$memory_limit"
is "sysinfo(): totalram" "$(seen totalram)" "$memory_limit"
is "sysinfo(): swap is the real one" "$(seen totalswap)" "$(host totalswap)"
ok "sysinfo(): freeram" between 1 "$(seen freeram)" "$memory_limit"
ok "sysinfo(): bufferram" between 0 "$(seen bufferram)" "$memory_limit"
ok "sysconf(_SC_AVPHYS_PAGES)" between $((400 * mib)) "$(seen avphys)" "$memory_limit"
ok "get_avphys_pages()" between $((400 * mib)) "$(seen get_avphys)" "$memory_limit"
ok "sched_getaffinity(): one CPU that there is" listed "$(seen affinity)" "$(host affinity)"
is "pthread_getaffinity_np(): the same" "$(seen thread)" "$(seen affinity)"
is "all other names of sysconf(3), their values and errno" \
	"$(limited "$view" names | cksum)" "$("$view" names | cksum)"
ok "in groups of other names, other CPUs come first" test \
	"$(for name in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		in_group half sh -c 'mkdir -p "$1" && echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh \
			"$cpu/$group/free/$name" env LD_PRELOAD="$object" CGTUNE_CPUS=1 "$view" counts | value affinity
		rmdir "$cpu/$group/free/$name"
	done | sort -u | wc -l)" -gt 1

echo "# a limit of one resource leaves the other alone"
limit free 50000 -1
seen=$(in_group free env LD_PRELOAD="$object" "$view" counts)
is "CPU alone: ONLN" "$(seen onln)" 1
is "CPU alone: PHYS_PAGES" "$(seen phys)" "$(host phys)"
is "CPU alone: totalram" "$(seen totalram)" "$(host totalram)"
limit free -1 $((512 * mib))
seen=$(in_group free env LD_PRELOAD="$object" "$view" counts)
is "memory alone: ONLN" "$(seen onln)" "$(host onln)"
is "memory alone: affinity" "$(seen affinity)" "$(host affinity)"
is "memory alone: PHYS_PAGES" "$(seen phys)" "$memory_limit"
limit free -1 -1

echo "# left alone: bit for bit what there is without it"
: | build_object empty -nostdlib

# everything FILE OBJECT GROUP [VARIABLE=VALUE...] COMMAND: all that preload-view sees
everything() {
	file=$1 preloaded=$2 at=$3
	shift 3
	in_group "$at" env -i PATH="$PATH" A=1 LD_PRELOAD="$preloaded" "$@" all |
		sed "s|LD_PRELOAD=.*|LD_PRELOAD|" >"$tmp/$file"
}

# same NAME GROUP [VARIABLE=VALUE...] COMMAND
same() {
	name=$1
	shift
	everything without "$tmp/empty.so" "$@"
	everything with "$object" "$@"
	ok "$name: something was seen" test "$(wc -l <"$tmp/without")" -gt 300
	is "$name" "$(diff "$tmp/without" "$tmp/with")" ""
}
everything with "$object" half "$view"
everything without "$tmp/empty.so" half "$view"
ok "in limits it differs" test -n "$(diff "$tmp/without" "$tmp/with")"
same "no limits" free "$view"
same "CGTUNE=off" half CGTUNE=off "$view"
same "CGTUNE=0" half CGTUNE=0 "$view"
same "CGTUNE=off, with every other variable" half CGTUNE=off CGTUNE_CPUS=1 CGTUNE_MEMORY=64MiB CGTUNE_THREADS=1 \
	CGTUNE_CONF=1 CGTUNE_PIN=ignore CGTUNE_FILES=meminfo,cpuinfo,stat,online CGTUNE_ENV=blas "$view"
same "CGTUNE_SKIP with its name" half CGTUNE_SKIP=other,preload-view "$view"
everything with "$object" half CGTUNE_SKIP=other,preload-vie "$view"
ok "CGTUNE_SKIP with others' names" grep -qx 'onln 1' "$tmp/with"

echo "# loaded by /etc/ld.so.preload"
mkdir "$tmp/etc"
cp /etc/ld.so.cache /etc/passwd /etc/group "$tmp/etc"

# system_wide OBJECT COMMAND...: in the limits, where /etc is one of our own
system_wide() {
	echo "$1" >"$tmp/etc/ld.so.preload"
	shift
	in_group half unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1/etc" /etc && shift && exec "$@"' sh "$tmp" "$@"
}

# system_wide_same NAME COMMAND...: all that it sees is as without the object
system_wide_same() {
	name=$1
	shift
	system_wide "$tmp/empty.so" "$@" all >"$tmp/without"
	system_wide "$object" "$@" all >"$tmp/with"
	ok "$name: something was seen" test "$(wc -l <"$tmp/without")" -gt 300
	is "$name" "$(diff "$tmp/without" "$tmp/with")" ""
}
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
chmod 755 "$tmp"
cp "$view" "$tmp/preload-setuid"
if ! system_wide "$tmp/empty.so" true 2>/dev/null; then
	skip "/etc/ld.so.preload" "no mounts can be made here"
elif have setpriv "/etc/ld.so.preload"; then
	# shellcheck disable=SC2086 # a list of words
	is "a program of another user" "$(system_wide "$object" $as_nobody "$tmp/preload-setuid" counts | value onln)" 1
	chmod 4755 "$tmp/preload-setuid"
	if grep -q " $(stat -c %m "$tmp") .*nosuid" /proc/mounts; then
		skip "a setuid program" "$(stat -c %m "$tmp") is mounted nosuid"
	else
		# shellcheck disable=SC2086
		system_wide_same "a setuid program" $as_nobody env -i A=1 "$tmp/preload-setuid"
		# shellcheck disable=SC2086
		system_wide_same "a setuid program that is told of limits" $as_nobody env -i A=1 CGTUNE_CPUS=1 CGTUNE_MEMORY=64MiB \
			CGTUNE_SET='A=1;OMP_NUM_THREADS=1;' OMP_NUM_THREADS=1 CGTUNE_LOG=debug "$tmp/preload-setuid"
	fi
fi

echo "# what else decides"
if have chrt "a class without a quota"; then
	if in_group free chrt -f 1 true 2>/dev/null && native chrt -f 1 true 2>/dev/null; then
		seen=$(limited chrt -f 1 "$view" counts)
		is "class FIFO: the quota does not count" "$(seen onln)" "$(host onln)"
		is "class FIFO: the memory limit does" "$(seen phys)" "$memory_limit"
	else
		skip "a class without a quota" "this group has no time for it"
	fi
fi
cp "$object" "$tmp/copy.so"
seen=$(in_group half env LD_PRELOAD="$object $tmp/copy.so" "$view" all)
is "loaded twice: counts" "$(seen onln) $(seen phys)" "1 $memory_limit"
is "loaded twice: each variable once" "$(echo "$seen" | grep -c -E '^environ (OMP_NUM_THREADS|GOMAXPROCS|GOMEMLIMIT|CGTUNE_SET)=')" 4

echo "# options"
seen=$(limited CGTUNE_AFFINITY=0 "$view" counts)
is "CGTUNE_AFFINITY=0: affinity" "$(seen affinity)" "$(host affinity)"
is "CGTUNE_AFFINITY=0: threads" "$(seen thread)" "$(host affinity)"
is "CGTUNE_AFFINITY=0: counts are still answered" "$(seen onln)" 1
seen=$(limited CGTUNE_CONF=1 "$view" counts)
is "CGTUNE_CONF=1: sysconf" "$(seen conf)" 1
is "CGTUNE_CONF=1: get_nprocs_conf" "$(seen nprocs_conf)" 1
seen=$(in_group free env LD_PRELOAD="$object" CGTUNE_CPUS=0.3 CGTUNE_MEMORY=128MiB "$view" counts)
is "CGTUNE_CPUS without limits" "$(seen onln)" 1
is "CGTUNE_MEMORY without limits" "$(seen phys)" $((128 * mib))
ok "CGTUNE_MEMORY: what is available of it" between 1 "$(seen avphys)" $((128 * mib))
seen=$(in_group free env LD_PRELOAD="$object" CGTUNE_THREADS=1 "$view" counts)
is "CGTUNE_THREADS" "$(seen onln)" 1
seen=$(limited CGTUNE_THREADS=4096 CGTUNE_MEMORY=4096TiB "$view" counts)
is "never more CPUs than there are" "$(seen onln)" "$(host onln)"
is "never more in the mask" "$(seen affinity)" "$(host affinity)"
is "never more memory than there is" "$(seen phys)" "$(host phys)"
seen=$(limited GOMAXPROCS=1 GOMEMLIMIT=100MiB CGTUNE=on "$view" counts)
is "GOMEMLIMIT is a budget: the limit stays" "$(seen phys)" "$memory_limit"
for value in 0 -1 1.5 many 99999999999999999999; do
	is "CGTUNE_REFRESH=$value changes no answer" "$(limited CGTUNE_REFRESH=$value "$view" counts | value onln)" 1
done
is "a word that is none is named" "$(limited CGTUNE_LOG=warning CGTUNE_FILES=meminfo,nothing "$view" names 2>&1 >/dev/null |
	grep -c 'CGTUNE_FILES.*meminfo,nothing')" 1
is "and CGTUNE_CPUS" "$(limited CGTUNE_LOG=warning CGTUNE_CPUS=many "$view" names 2>&1 >/dev/null |
	grep -c 'CGTUNE_CPUS.*many')" 1
is "without CGTUNE_LOG nothing is said" "$(limited CGTUNE_CPUS=many CGTUNE_FILES=nothing "$view" names 2>&1 >/dev/null)" ""

# With the first answer, then with that of other limits.
refreshed() {
	limit less 50000 $((300 * mib))
	in_group less env LD_PRELOAD="$object" CGTUNE_REFRESH=1 "$programs/preload-follow" \
		"$cpu/$group/less/$(test "$version" = 1 && echo cpu.cfs_quota_us || echo cpu.max)" \
		"$memory/$group/less/$(test "$version" = 1 && echo memory.limit_in_bytes || echo memory.max)"
	limit less 25000 $((256 * mib))
}
is "CGTUNE_REFRESH=1: new limits are seen" "$(refreshed)" "1 $((300 * mib))
$(host onln) $((400 * mib))"

done_testing
