# SPDX-License-Identifier: LGPL-2.1-or-later
# preload.sh - what the tests of the preload object share: groups made by hand, and programs in them
# shellcheck shell=sh disable=SC2034
#
#   cgtune-preload-PID
#   |-- half     0.5 CPU, 512 MiB
#   |-- less     0.25 CPU, 256 MiB
#   `-- free     no limits
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
object=$build/libcgtune-preload.so
programs=$build/tests
CC=${CC:-cc}
mib=1048576
group=cgtune-preload-$$
unset OMP_NUM_THREADS GOMAXPROCS GOMEMLIMIT CGTUNE_SET CGTUNE_LOG LD_PRELOAD LD_BIND_NOW
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

# skip_all REASON: nothing can be tested here.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# have PROGRAM NAME: it is there; otherwise the test of that name is skipped.
have() {
	command -v "$1" >/dev/null 2>&1 || {
		skip "$2" "$1 is not installed"
		return 1
	}
}

# put FILE VALUE: false where that is refused; without the shell's own complaint.
put() {
	(echo "$2" >"$1") 2>/dev/null
}

# mount_of CONTROLLER: where its hierarchy of version 1 is mounted.
mount_of() {
	awk -v c="$1" '$3 == "cgroup" && index("," $4 ",", "," c ",") { print $2; exit }' /proc/mounts
}

find_hierarchies() {
	cpu=$(mount_of cpu)
	memory=$(mount_of memory)
	version=1
	test -z "$cpu" || test -z "$memory" || return 0
	version=2
	cpu=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	memory=$cpu
	test -n "$cpu" && grep -qw cpu "$cpu/cgroup.controllers" && grep -qw memory "$cpu/cgroup.controllers"
}

# limit GROUP QUOTA-OF-100000 BYTES; -1: none
limit() {
	if test "$version" = 1; then
		put "$cpu/$group/$1/cpu.cfs_quota_us" "$2" && put "$memory/$group/$1/memory.limit_in_bytes" "$3"
	else
		put "$cpu/$group/$1/cpu.max" "$(test "$2" = -1 && echo max || echo "$2") 100000" &&
			put "$memory/$group/$1/memory.max" "$(test "$3" = -1 && echo max || echo "$3")"
	fi
}

# make_group NAME QUOTA BYTES
make_group() {
	mkdir -p "$cpu/$group/$1" "$memory/$group/$1" 2>/dev/null && limit "$@"
}

make_groups() {
	find_hierarchies && mkdir -p "$cpu/$group" "$memory/$group" 2>/dev/null || return
	test "$version" = 1 || {
		put "$cpu/cgroup.subtree_control" "+cpu +memory"
		put "$cpu/$group/cgroup.subtree_control" "+cpu +memory"
	} || return
	make_group half 50000 $((512 * mib)) && make_group less 25000 $((256 * mib)) && make_group free -1 -1
}

# What still runs in our groups ends with them.
clean() {
	for at in half less free; do
		while read -r pid; do
			kill -9 "$pid" 2>/dev/null
		done <"$cpu/$group/$at/cgroup.procs"
	done
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		for at in half less free .; do
			rmdir "$cpu/$group/$at" "$memory/$group/$at" 2>/dev/null
		done
		rmdir "$cpu/$group" "$memory/$group" 2>/dev/null
		test -d "$cpu/$group" || test -d "$memory/$group" || break
		sleep 0.1
	done
	rm -rf "$tmp"
}

# in_group NAME COMMAND...
in_group() {
	at=$1
	shift
	sh -c 'echo $$ >"$1/cgroup.procs" && echo $$ >"$2/cgroup.procs" && shift 2 && exec "$@"' sh \
		"$cpu/$group/$at" "$memory/$group/$at" "$@"
}

# limited [VARIABLE=VALUE...] COMMAND...: with the object, in 0.5 CPU and 512 MiB
limited() {
	in_group half env LD_PRELOAD="$object" "$@"
}

# native [VARIABLE=VALUE...] COMMAND...: without it, in the same group
native() {
	in_group half env "$@"
}

# cases NAME PROGRAM COMMAND...: each case of a program of case.h, by a command that runs it: limited and the like
cases() {
	cases_of=$1 program=$2
	shift 2
	for case in $("$program" --list); do
		words="$cases_of: $(echo "$case" | tr _ ' ')"
		case $case in
		with_4_CPUs_*) test "$(nproc)" -ge 4 || {
			skip "$words" "there are $(nproc)"
			continue
		} ;;
		esac
		ok "$words" "$@" "$program" "$case" "$tmp"
	done
}

# value NAME: of the output of preload-view on standard input
value() {
	sed -n "s/^$1 //p"
}

# build_object NAME FLAG...: a library from the source on standard input, to $tmp/NAME.so
build_object() {
	name=$1
	shift
	cat >"$tmp/$name.c"
	"$CC" -w -O1 -fPIC -shared -o "$tmp/$name.so" "$tmp/$name.c" "$@"
}

# build_program NAME FLAG...: the same for a program, to $tmp/NAME
build_program() {
	name=$1
	shift
	cat >"$tmp/$name.c"
	"$CC" -w -O1 -o "$tmp/$name" "$tmp/$name.c" "$@"
}

cpu='' memory=''
test "$(id -u)" = 0 || skip_all "not root"
test "$(nproc)" -ge 2 || skip_all "one CPU: there is nothing to lower"
test -f "$object" || {
	echo "Bail out! no $object"
	exit 99
}
trap clean EXIT
make_groups || skip_all "no groups with limits of CPU and memory can be made here"
