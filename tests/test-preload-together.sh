#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-preload-together.sh - the preload object with debuggers, allocators and sanitizers, and under other C libraries
# shellcheck disable=SC2016 # what is in single quotes is for another shell
srcdir=${srcdir:-.}
# shellcheck source=tests/preload.sh
. "$srcdir/tests/preload.sh"
view=$programs/preload-view

# online COMMAND...: what preload-view, somewhere in COMMAND, says of its CPUs
online() {
	limited "$@" 2>"$tmp/errors" | tee "$tmp/output" | value onln
}

# library NAME: its path, as the loader finds it; nothing: not installed
library() {
	PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | awk -v name="$1" '$1 == name && /x86-64|aarch64/ { print $NF; exit }'
}

echo "# debuggers"
if have gdb "gdb"; then
	is "gdb, preloaded itself" "$(online gdb -nx -batch -ex run --args "$view" counts)" 1
	is "gdb, with the program preloaded" "$(in_group half gdb -nx -batch -ex "set environment LD_PRELOAD=$object" -ex run \
		--args "$view" counts 2>/dev/null | value onln)" 1
	is "gdb stops in an interposer and sees its caller" "$(in_group half gdb -nx -batch -ex "set environment LD_PRELOAD=$object" \
		-ex 'set breakpoint pending on' -ex 'break sched_getaffinity' -ex run -ex backtrace \
		--args "$view" counts 2>/dev/null | grep -c '^#[12] .* \(print_masks\|main\|counts\)')" 2
fi
if have strace "strace"; then
	is "strace" "$(online strace -f -o "$tmp/strace" "$view" counts)" 1
fi
if have valgrind "valgrind"; then
	for case in "preload-view all" "preload-affinity save_pin_restore" "preload-environ setenv_works" \
		"preload-files opened_a_thousand_times"; do
		# shellcheck disable=SC2086 # a program and its argument
		limited CGTUNE_FILES=online valgrind -q --error-exitcode=9 "$programs"/$case >"$tmp/output" 2>"$tmp/errors"
		# It also says which system calls it is too old for.
		is "valgrind finds nothing: $case" "$? $(grep -v '^--' "$tmp/errors")" "0 "
	done
fi

echo "# allocators and clocks"
for name in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
	path=$(library $name)
	if test -z "$path"; then
		skip "$name" "it is not installed"
		continue
	fi
	for order in "$path $object" "$object $path"; do
		is "$name, $(test "${order#"$path"}" = "$order" && echo last || echo first)" \
			"$(in_group half env LD_PRELOAD="$order" "$view" counts | value onln)" 1
		ok "and a storm of signals" in_group free env LD_PRELOAD="$order" CGTUNE_CPUS=0.5 CGTUNE_MEMORY=512MiB \
			"$programs/preload-storm" signal_handlers 200
	done
done
if have faketime "libfaketime"; then
	is "libfaketime" "$(limited faketime '2010-01-02 03:04:05' sh -c 'date +%Y; nproc' | tr '\n' ' ')" "2010 1 "
	is "libfaketime, and what it is asked" "$(online faketime '2010-01-02 03:04:05' "$view" counts)" 1
	is "and limits that are read again" "$(online CGTUNE_REFRESH=1 faketime '2010-01-02 03:04:05' "$view" counts)" 1
fi

echo "# sanitizers"
# sanitized COMPILER SANITIZER: preload-view with it, at $tmp/sanitized
sanitized() {
	command -v "$1" >/dev/null 2>&1 &&
		"$1" -w -D_GNU_SOURCE "-fsanitize=$2" -o "$tmp/sanitized" "$srcdir/tests/preload-view.c" -lpthread 2>"$tmp/errors" &&
		native "$tmp/sanitized" counts >"$tmp/output" 2>"$tmp/errors"
}
if sanitized gcc address; then
	is "gcc's ASan refuses whatever comes before it" "$(online "$tmp/sanitized" counts)$(grep -c 'does not come first' "$tmp/errors")" 1
	is "ASAN_OPTIONS=verify_asan_link_order=0 lets it" "$(online ASAN_OPTIONS=verify_asan_link_order=0 "$tmp/sanitized" counts)" 1
	is "so does libasan before it" "$(in_group half env LD_PRELOAD="$(gcc -print-file-name=libasan.so) $object" \
		"$tmp/sanitized" counts | value onln)" 1
else
	skip "ASan" "no gcc with it, or it does not run here"
fi
for pair in "gcc thread" "gcc undefined" "clang address" "clang thread" "clang memory"; do
	# shellcheck disable=SC2086 # two words
	if sanitized $pair; then
		is "$pair" "$(online "$tmp/sanitized" counts)" 1
	else
		skip "$pair" "there is none, or it does not run here"
	fi
done

echo "# other C libraries, other words"
# program NAME COMPILER FLAG...: one of ours by another compiler, with $libraries, at $tmp/NAME; false: there is none
libraries=
program() {
	name=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	command -v "$1" >/dev/null 2>&1 && rm -f "$tmp/$name" &&
		"$@" -w -O1 -D_GNU_SOURCE -I"$srcdir/tests" -o "$tmp/$name" "$srcdir/tests/$name.c" $libraries 2>"$tmp/errors"
}

# others WHAT OBJECT COMMAND...: the programs that COMMAND builds, under that object
others() {
	what=$1 their_object=$2
	shift 2
	for name in preload-view preload-affinity preload-environ preload-sandbox; do
		if ! test -f "$their_object"; then
			skip "$what: $name" "the object was not built for it"
			continue
		elif ! program $name "$@"; then
			skip "$what: $name" "no compiler for it"
			continue
		fi
		if test "$name" = preload-view; then
			is "$what: counts" "$(in_group half env LD_PRELOAD="$their_object" "$tmp/$name" counts |
				grep -E '^(onln|nprocs|phys|totalram) ' | tr '\n' ' ')" \
				"onln 1 nprocs 1 phys $((512 * mib)) totalram $((512 * mib)) "
			is "$what: every other name of sysconf(3)" \
				"$(in_group half env LD_PRELOAD="$their_object" "$tmp/$name" names | cksum)" \
				"$(native "$tmp/$name" names | cksum)"
			continue
		fi
		cases "$what" "$tmp/$name" in_group half env LD_PRELOAD="$their_object"
	done
}
others musl "$object" musl-gcc -idirafter /usr/include -idirafter "/usr/include/$("$CC" -print-multiarch)"	# of the kernel
others "32 bits" "$build/32/libcgtune-preload.so" "$CC" -m32
if "$CC" -w -static -D_GNU_SOURCE -o "$tmp/static" "$srcdir/tests/preload-view.c" 2>/dev/null; then
	is "a static program is not reached, nor hurt" "$(limited "$tmp/static" counts | value onln)" "$(nproc)"
else
	skip "a static program" "no static libc"
fi

# Those of other Debian releases, each run by its own loader.
for suite in bullseye trixie sid; do
	if ! libc=$(sh "$srcdir/tests/libc" $suite 2>"$tmp/errors"); then
		skip "glibc of $suite" "$(head -n 1 "$tmp/errors")"
		continue
	fi
	version=$("$libc/ld.so" --library-path "$libc" "$libc/libc.so.6" | sed -n '1s/.*version \([0-9.]*[0-9]\).*/\1/p')
	libraries="$libc/libc.so.6 $(ls "$libc"/libpthread.so.0 2>/dev/null) $libc/ld.so -lgcc"
	# Linked with that very library, as its symbols have other versions in newer ones.
	for name in preload-view preload-affinity preload-storm; do
		program $name "$CC" -nodefaultlibs || skip "glibc $version: $name" "it cannot be linked: $(head -n 1 "$tmp/errors")"
	done
	# started OBJECT PROGRAM ARGUMENT...
	started() {
		preloaded=$1
		shift
		in_group half "$libc/ld.so" --library-path "$libc" --preload "$preloaded" "$@"
	}
	if ! started '' "$tmp/preload-view" counts >/dev/null 2>"$tmp/errors"; then
		skip "glibc $version" "$(head -n 1 "$tmp/errors")"
		continue
	fi
	is "glibc $version: counts" "$(started "$object" "$tmp/preload-view" counts | value onln)" 1
	is "glibc $version: every other name of sysconf(3)" "$(started "$object" "$tmp/preload-view" names | cksum)" \
		"$(started '' "$tmp/preload-view" names | cksum)"
	cases "glibc $version" "$tmp/preload-affinity" started "$object"
	ok "glibc $version: threads" started "$object" "$tmp/preload-storm" stacks_of_16_KiB
done

done_testing
