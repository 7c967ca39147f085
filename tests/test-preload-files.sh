#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-preload-files.sh - the views of CGTUNE_FILES: what they say, by which ways they are reached, and what stays real
srcdir=${srcdir:-.}
# shellcheck source=tests/preload.sh
. "$srcdir/tests/preload.sh"
cat=$programs/preload-files
all=meminfo,cpuinfo,stat,online
cpu_online=/sys/devices/system/cpu/online
shown=$(limited "$programs/preload-view" counts | value affinity)

# viewed [VARIABLE=VALUE...] COMMAND...: with every view
viewed() {
	limited CGTUNE_FILES=$all "$@"
}

# kilobytes KEY: of /proc/meminfo on standard input
kilobytes() {
	awk -v key="$1:" '$1 == key { print $2 }'
}

# tell COMMAND...: what one reader finds in all four files, in one line
tell() {
	for path in /proc/meminfo /proc/cpuinfo /proc/stat $cpu_online; do
		viewed "$@" "$path"
	done | awk '
		/^MemTotal:/ { total = $2 } /^SwapTotal:/ { swap = $2 } /^processor/ { processors = processors " " $3 }
		/^cpu  / { sum++ } /^cpu[0-9]/ { cpus = cpus " " substr($1, 4) } /^[0-9]+([-,][0-9]+)*$/ { online = $1 }
		END { print total " " swap ":" processors ":" sum cpus ":" online }'
}
wanted="524288 0: $shown:1 $shown:$shown"

echo "# every way to open them"
for way in open open64 openat openat64 __open_2 __open64_2 __openat_2 __openat64_2 fopen fopen64; do
	is "$way" "$(tell "$cat" cat $way)" "$wanted"
done
is "cat" "$(tell cat)" "$wanted"
is "grep" "$(tell grep -h .)" "$wanted"
is "awk" "$(tell awk '{ print }')" "$wanted"
is "head" "$(tell head -n 1000)" "$wanted"
have python3 "python3" && is "python3" \
	"$(tell "$(python3 -c 'import sys; print(sys.executable)')" -c 'import sys; sys.stdout.write(open(sys.argv[1]).read())')" "$wanted"
have perl "perl" && is "perl" "$(tell perl -ne print)" "$wanted"
if have "${CXX:-c++}" "std::ifstream"; then
	cat >"$tmp/stream.cc" <<-'C'
		#include <fstream>
		#include <iostream>
		int main(int, char **argv) { std::ifstream in(argv[1]); std::cout << in.rdbuf(); return in ? 0 : 1; }
	C
	"${CXX:-c++}" -o "$tmp/stream" "$tmp/stream.cc"
	is "std::ifstream" "$(tell "$tmp/stream")" "$wanted"
fi
for flags in "-O2 -D_FORTIFY_SOURCE=2" "-D_FILE_OFFSET_BITS=64"; do
	# shellcheck disable=SC2086 # a list of words
	build_program plain $flags <<-'C'
		#include <fcntl.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			char text[65536];
			volatile int flags = O_RDONLY;
			int fd = argc > 1 ? open(argv[1], flags) : -1;
			long n;
			while ((n = read(fd, text, sizeof(text))) > 0)
				if (write(1, text, n) != n)
					return 1;
			return n != 0;
		}
	C
	is "a program built with $flags" "$(tell "$tmp/plain")" "$wanted"
done
if have free "free"; then
	is "free: memory and swap" "$(viewed free -k | awk '/^Mem/ { print $2 } /^Swap/ { print $2 }' | tr '\n' ' ')" "524288 0 "
	is "free: used is the group's, or nothing" "$(viewed free -k | awk '/^Mem/ { print ($3 >= 0 && $3 <= $2) }')" 1
fi

echo "# what they say"
viewed cat /proc/meminfo >"$tmp/meminfo"
is "meminfo: the same lines" "$(cut -d: -f1 "$tmp/meminfo")" "$(cut -d: -f1 /proc/meminfo)"
is "meminfo: the same form" "$(grep -cvE '^[A-Za-z0-9_()]+: +[0-9]+( kB)?$' "$tmp/meminfo")" 0
is "meminfo: available is not more than there is, and not nothing" "$(awk '/^MemTotal/ { total = $2 }
	/^MemAvailable/ { print ($2 > 0 && $2 <= total) }' "$tmp/meminfo")" 1
is "meminfo: nothing is more than there is" "$(awk '/^MemTotal/ { total = $2 }
	/^(Mem|Buffers|Cached|Swap|Active|Inactive|Anon|Mapped|Shmem|Slab)/ && $2 > total { print $1 }' "$tmp/meminfo")" ""
is "cpuinfo: whole blocks" "$(viewed cat /proc/cpuinfo | cut -d: -f1)" \
	"$(awk 'NF == 0 { print; exit } { print }' /proc/cpuinfo | cut -d: -f1)"
is "stat: all other lines" "$(viewed cat /proc/stat | cut -d' ' -f1 | grep -v '^cpu[0-9]')" \
	"$(cut -d' ' -f1 /proc/stat | grep -v '^cpu[0-9]')"

echo "# used as files"
cases "a view" "$cat" viewed

echo "# what stays real"
# real NAME COMMAND...: no file is another.
real() {
	name=$1
	shift
	is "$name: meminfo" "$("$@" cat /proc/meminfo | kilobytes MemTotal)" "$(kilobytes MemTotal </proc/meminfo)"
	is "$name: cpuinfo" "$("$@" cat /proc/cpuinfo | grep -c ^processor)" "$(grep -c ^processor /proc/cpuinfo)"
	is "$name: stat" "$("$@" cat /proc/stat | grep -c '^cpu[0-9]')" "$(grep -c '^cpu[0-9]' /proc/stat)"
	is "$name: online" "$("$@" cat $cpu_online)" "$(cat $cpu_online)"
}
real "without CGTUNE_FILES" limited
real "CGTUNE_FILES with a wrong word" limited CGTUNE_FILES=meminfo,everything
real "CGTUNE=off" limited CGTUNE=off CGTUNE_FILES=$all
real "no limits" in_group free env LD_PRELOAD="$object" CGTUNE_FILES=$all
real "CGTUNE_SKIP" limited CGTUNE_FILES=$all CGTUNE_SKIP=cat
for path in /sys/devices/system/cpu/possible /sys/devices/system/cpu/present /proc/self/cgroup /proc/version /proc/self/status; do
	is "$path" "$(viewed cat "$path" | grep -E '^[0-9L]|^Cpus')" "$(native cat "$path" | grep -E '^[0-9L]|^Cpus')"
done
# constants: of the four files, what does not change from moment to moment
constants() {
	awk '/^(MemTotal|processor|[0-9])/ { print } /^cpu[0-9]/ { print $1 }'
}
for one in meminfo cpuinfo stat online; do
	is "CGTUNE_FILES=$one: that one alone" "$(for path in /proc/meminfo /proc/cpuinfo /proc/stat $cpu_online; do
		native cat "$path" | constants >"$tmp/native"
		limited CGTUNE_FILES=$one cat "$path" | constants >"$tmp/viewed"
		cmp -s "$tmp/native" "$tmp/viewed" || basename "$path"
	done)" "$one"
done
limit free -1 $((512 * mib))
is "memory alone is limited: meminfo" "$(in_group free env LD_PRELOAD="$object" CGTUNE_FILES=$all cat /proc/meminfo | kilobytes MemTotal)" 524288
is "memory alone is limited: online" "$(in_group free env LD_PRELOAD="$object" CGTUNE_FILES=$all cat $cpu_online)" "$(cat $cpu_online)"
limit free -1 -1

done_testing
