#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-preload-hazards.sh - what stopped programs under objects like the preload object: small stacks, storms, sandboxes, early calls
# shellcheck disable=SC2016 # what is in single quotes is for another shell
# shellcheck disable=SC2317 # ok() calls them
srcdir=${srcdir:-.}
# shellcheck source=tests/preload.sh
. "$srcdir/tests/preload.sh"
view=$programs/preload-view
host=$("$view" counts | value onln)

# steered [VARIABLE=VALUE...] COMMAND...: as limited(), but with no quota that slows it
steered() {
	in_group free env LD_PRELOAD="$object" CGTUNE_CPUS=0.5 CGTUNE_MEMORY=512MiB "$@"
}

echo "# storms"
cases "storm" "$programs/preload-storm" steered
files=meminfo,cpuinfo,stat,online
ok "stacks of 16 KiB: views of files" steered CGTUNE_FILES=$files "$programs/preload-storm" stacks_of_16_KiB
ok "stacks of 16 KiB: limits are read again" steered CGTUNE_REFRESH=1 "$programs/preload-storm" stacks_of_16_KiB 2300
ok "signal handlers: views of files" steered CGTUNE_FILES=$files "$programs/preload-storm" signal_handlers
ok "signal handlers: limits are read again" steered CGTUNE_REFRESH=1 "$programs/preload-storm" signal_handlers 2300
ok "malloc arenas: the user's count stays" steered MALLOC_ARENA_MAX=3 "$programs/preload-storm" malloc_arenas 3
ok "malloc arenas: as a tunable too" steered GLIBC_TUNABLES=glibc.malloc.arena_max=3 "$programs/preload-storm" malloc_arenas 3
ok "malloc arenas: nothing is done without limits" in_group free env LD_PRELOAD="$object" \
	"$programs/preload-storm" malloc_arenas $((8 * host))

echo "# sandboxes"
cases "sandbox" "$programs/preload-sandbox" limited
: | build_object empty -nostdlib
# descriptors OBJECT [VARIABLE=VALUE]...: those that a program finds open
descriptors() {
	preloaded=$1
	shift
	native LD_PRELOAD="$preloaded" "$@" "$view" all | value descriptors
}
is "no descriptor is kept" "$(descriptors "$object")" "$(descriptors "$tmp/empty.so")"
is "nor where limits are read again" "$(descriptors "$object" CGTUNE_REFRESH=1)" "$(descriptors "$tmp/empty.so")"
is "nor where 0, 1 and 2 are free" "$(native LD_PRELOAD="$object" "$view" all 0<&- 2>&- | value descriptors)" \
	"$(native LD_PRELOAD="$tmp/empty.so" "$view" all 0<&- 2>&- | value descriptors)"

# hidden DIRECTORY COMMAND...: nothing is in it, nor are the cgroups of /sys mounted elsewhere.
hidden() {
	dir=$1
	shift
	in_group half unshare -m sh -c 'test "$1" = /proc || grep -E "^[^ ]+ [^ ]+ cgroup2? " /proc/mounts | while read -r _ at _; do
			umount -l "$at"
		done
		mount -t tmpfs none "$1" && shift && exec "$@"' sh "$dir" "$@"
}
if hidden /proc true 2>/dev/null; then
	for dir in /proc /sys /sys/fs/cgroup; do
		hidden "$dir" env LD_PRELOAD="$tmp/empty.so" "$view" all >"$tmp/without" 2>"$tmp/without.err"
		hidden "$dir" env LD_PRELOAD="$object" "$view" all 2>"$tmp/with.err" | sed "s|$object|$tmp/empty.so|" >"$tmp/with"
		is "$dir is hidden: as without the object" "$(diff "$tmp/without" "$tmp/with")" ""
		is "$dir is hidden: nothing is said" "$(diff "$tmp/without.err" "$tmp/with.err")" ""
	done
	is "/sys is hidden: CGTUNE_CPUS counts" \
		"$(hidden /sys env LD_PRELOAD="$object" CGTUNE_CPUS=1 CGTUNE_MEMORY=64MiB "$view" counts | value onln)" 1
	is "/proc is hidden: CGTUNE_MEMORY counts" \
		"$(hidden /proc env LD_PRELOAD="$object" CGTUNE_CPUS=1 CGTUNE_MEMORY=64MiB "$view" counts | value phys)" $((64 * mib))
else
	skip "hidden directories" "no mounts can be made here"
fi

echo "# small limits of the process"
# squeezed OBJECT FLAG VALUE: the exit status of a program that has no standard input; 127: the loader gave up.
squeezed() {
	native sh -c 'ulimit "$2" "$3" && export LD_PRELOAD="$1" && shift 3 && exec "$@"' sh "$@" "$view" counts \
		0<&- >"$tmp/squeezed" 2>&1
	echo $?
}
for n in 3 4 5 6; do
	is "$n descriptors, 1 to 3 of them free" "$(squeezed "$object" -n $n)" "$(squeezed "$tmp/empty.so" -n $n)"
done
for kilobytes in 64 96 128 160 256; do
	is "a stack of $kilobytes KiB" "$(squeezed "$object" -s $kilobytes)" "$(squeezed "$tmp/empty.so" -s $kilobytes)"
done
least=2000
while test "$(squeezed "$tmp/empty.so" -v $least)" != 0 && test $least -lt 20000; do
	least=$((least + 100))
done
is "1 MiB more address space than a program needs" "$(squeezed "$object" -v $((least + 1024)))" 0
crashed=
for kilobytes in 0 100 200 300 400 500 600 700 800 900; do
	status=$(squeezed "$object" -v $((least + kilobytes)))
	case $status in 0 | 127) ;; *) crashed="$crashed $kilobytes:$status" ;; esac
done
is "with less the loader gives up, or all is well" "$crashed" ""

echo "# called before its constructor"
steered_by() {
	preloads=$1
	shift
	in_group half env LD_PRELOAD="$preloads" "$@"
}
build_object early -D_GNU_SOURCE -I"$srcdir/tests" -DEARLY <<'C'
#include "preload-calls.h"
static const char *wrong;
__attribute__((constructor)) static void early(void) { wrong = calls_check(); if (!wrong) wrong = calls_open(); }
const char *early_wrong(void) { return wrong ? wrong : "right"; }
C
build_program late -D_GNU_SOURCE -I"$srcdir/tests" -ldl <<'C'
#include "preload-calls.h"
#include <dlfcn.h>
#include <stdlib.h>
int main(void)
{
	const char *(*early)(void) = dlsym(RTLD_DEFAULT, "early_wrong");
	const char *wrong = calls_check();
	printf("%s, %s, %s\n", early ? early() : "none", wrong ? wrong : "right", getenv("OMP_NUM_THREADS"));
	return 0;
}
C
is "by a constructor of an object behind it" "$(steered_by "$object $tmp/early.so" "$tmp/late")" "right, right, 1"
is "by a constructor of an object before it" "$(steered_by "$tmp/early.so $object" "$tmp/late")" "right, right, 1"
"$CC" -w -o "$tmp/linked" -D_GNU_SOURCE -I"$srcdir/tests" "$tmp/late.c" -Wl,--no-as-needed "$tmp/early.so" -ldl
is "by a constructor of a library of the program" "$(limited "$tmp/linked")" "right, right, 1"
build_program preinit -D_GNU_SOURCE -I"$srcdir/tests" <<'C'
#include "preload-calls.h"
#include <stdlib.h>
static long seen[2];
static void early(void) { cpu_set_t set; seen[0] = sysconf(_SC_NPROCESSORS_ONLN); seen[1] = sched_getaffinity(0, sizeof(set), &set) ? -1 : CPU_COUNT(&set); }
__attribute__((section(".preinit_array"), used)) static void (*entry)(void) = early;
int main(void)
{
	const char *wrong = calls_check();
	printf("%s %s %s\n", seen[0] >= 1 && seen[1] >= 1 ? "answered" : "refused", wrong ? wrong : "right", getenv("OMP_NUM_THREADS"));
	return 0;
}
C
is "by .preinit_array" "$(limited "$tmp/preinit")" "answered right 1"
# Only one that is bound at its first call: during relocation these calls crash without the object, too.
build_object resolver -D_GNU_SOURCE -I"$srcdir/tests" -Wl,-z,lazy <<'C'
#include "preload-calls.h"
static long seen;
static int one(void) { return 1; }
static int (*pick(void))(void) { seen = sysconf(_SC_NPROCESSORS_ONLN) + get_nprocs(); return one; }
int picked(void) __attribute__((ifunc("pick")));
long picked_seen(void) { return seen; }
C
build_program resolves -D_GNU_SOURCE -I"$srcdir/tests" -Wl,-z,lazy "$tmp/resolver.so" <<'C'
#include <stdio.h>
int picked(void);
long picked_seen(void);
int main(void) { int one = picked(); printf("%d %ld\n", one, picked_seen()); return 0; }
C
is "by a resolver of a library" "$(limited "$tmp/resolves")" "1 2"
build_object clears -D_GNU_SOURCE <<'C'
#include <stdlib.h>
__attribute__((constructor)) static void clear(void) { clearenv(); }
C
is "an object behind it clears the environment" "$(steered_by "$object $tmp/clears.so" "$programs/preload-environ" exec A=1)" "A=1"
is "an object before it clears the environment" "$(steered_by "$tmp/clears.so $object" "$programs/preload-environ" exec A=1)" "A=1"

echo "# how it is bound"
is "LD_BIND_NOW=1" "$(limited LD_BIND_NOW=1 "$view" counts | value onln)" 1
for program in sh bash dash perl python3 awk sed grep tar gzip ls env git openssl curl; do
	if path=$(command -v $program) && LD_BIND_NOW=1 "$path" --version >"$tmp/without" 2>&1 </dev/null; then
		limited LD_BIND_NOW=1 "$path" --version >"$tmp/with" 2>&1 </dev/null
		is "LD_BIND_NOW=1: $program" "$? $(diff "$tmp/without" "$tmp/with")" "0 "
	fi
done
# As others do it that lower counts: what they call must not call them.
build_object others -D_GNU_SOURCE <<'C'
#include <dlfcn.h>
#include <sys/sysinfo.h>
#include <unistd.h>
long sysconf(int name)
{
	static long (*next)(int);
	if (name == _SC_NPROCESSORS_ONLN)
		return get_nprocs();
	if (name == _SC_PHYS_PAGES)
		return get_phys_pages();
	if (!next)
		next = dlsym(RTLD_NEXT, "sysconf");
	return next(name);
}
C
is "an object before it answers sysconf(3) by get_nprocs(3)" \
	"$(steered_by "$tmp/others.so $object" "$view" counts | grep -E '^(onln|phys) ' | tr '\n' ' ')" "onln 1 phys $((512 * mib)) "
is "an object behind it does" \
	"$(steered_by "$object $tmp/others.so" "$view" counts | grep -E '^(onln|phys) ' | tr '\n' ' ')" "onln 1 phys $((512 * mib)) "
build_object deep -D_GNU_SOURCE <<'C'
#include <unistd.h>
long online(void) { return sysconf(_SC_NPROCESSORS_ONLN); }
C
build_program opens -D_GNU_SOURCE -ldl <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *deep = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND), *plain = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
	long (*in_deep)(void) = deep ? dlsym(deep, "online") : 0, (*in_plain)(void) = plain ? dlsym(plain, "online") : 0;
	printf("%ld %ld\n", in_deep ? in_deep() : -1, in_plain ? in_plain() : -1);
	return 0;
}
C
is "RTLD_DEEPBIND and a namespace of its own see the C library" "$(limited "$tmp/opens" "$tmp/deep.so")" "$host $host"

done_testing
