#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-symbols.sh - what the libraries export, what libcgtune.so needs, and that a user's program compiles against what is installed
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
header=$srcdir/lib/cgtune.h
library=$build/.libs/libcgtune.so

# Functions that a header declares.
declared() {
	grep -v '^typedef' "$1" | sed -n 's/^[a-z][a-z0-9_ ]*[ *]\(cgtune_[a-z_]*\)(.*/\1/p' | sort
}

mapped() {
	sed -n 's/^[[:space:]]*\(cgtune_[a-z_]*\);$/\1/p' "$1" | sort
}

exported() {
	nm -D --defined-only "$1" | sed -n 's/.* [^AU] \([^@]*\).*/\1/p' | sort
}

# Functions without a comment "NAME() - what it does" right above, or with another's.
undocumented() {
	awk '/^\/\*\*/ { comment = "" } { comment = comment $0 }
		/^[a-z].*[ *]cgtune_[a-z_]*\(/ && !/^typedef/ {
			name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
			if (index(comment, name "() - ") == 0) print name
			comment = ""
		}' "$1"
}

# surface HEADER MAP LIBRARY: what is declared is what is listed and what is exported.
surface() {
	echo "# $1"
	is "the header declares what the map lists" "$(declared "$srcdir/$1")" "$(mapped "$srcdir/$2")"
	ok "there are such functions" test "$(declared "$srcdir/$1" | wc -l)" -gt 10
	is "each has a comment" "$(undocumented "$srcdir/$1")" ""
	ok "the map has no second list of locals" grep -q '^	\*;$' "$srcdir/$2"
	if test -f "$3" && command -v nm >/dev/null 2>&1; then
		is "the library exports that" "$(exported "$3")" "$(mapped "$srcdir/$2")"
		is "each in a version" "$(nm -D --defined-only "$3" | grep ' T ' | grep -cv '@@CGTUNE_')" 0
	else
		skip "the library exports that" "no shared library, or no nm(1)"
	fi
}

surface lib/cgtune.h lib/cgtune.map "$library"
surface probes/cgtune-probe.h probes/cgtune-probe.map "$build/.libs/libcgtune-probe.so"

instrumented() {
	nm -D "$library" | grep -Eq '__(asan|tsan|ubsan|msan|gcov|llvm)_'
}

if ! command -v readelf >/dev/null 2>&1; then
	skip "the library needs libc alone" "no readelf(1)"
elif instrumented; then
	skip "the library needs libc alone" "it is instrumented"
else
	is "the library needs libc alone" \
		"$(readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')" "libc.so.6 "
	is "no executable stack, no text relocation" "$(readelf -ldW "$library" | grep -c 'GNU_STACK.*RWE\|TEXTREL')" 0
	is "no constructor, no thread-local storage" "$(readelf -lW "$library" | grep -c ' TLS ')" 0
fi

echo "# a program of a user"
if ! MAKEFLAGS='' ${MAKE:-make} -s -C "$build" install DESTDIR="$tmp/stage" >"$tmp/install" 2>&1; then
	sed 's/^/# /' "$tmp/install"
	ok "make install" false
	done_testing
fi
ok "make install" true
pc=$(find "$tmp/stage" -name cgtune.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
ok "cgtune.pc" test -f "$pc"
ok "cgtune.h" test -f "$tmp/stage$prefix/include/cgtune.h"
ok "cgtune" test -x "$tmp/stage$prefix/bin/cgtune"
ok "libcgtune-preload.so" test -f "$tmp/stage$prefix/lib/libcgtune-preload.so"
is "it has no version, and no other name" "$(cd "$tmp/stage$prefix/lib" && echo libcgtune-preload*)" libcgtune-preload.so
is "nothing internal is installed" "$(find "$tmp/stage" -name '*.h' ! -name cgtune-probe.h | wc -l | tr -d ' ')" 1
ok "no path of the build" sh -c "! grep -rq '$tmp' '$tmp/stage'"

{
	echo '#include <cgtune.h>'
	echo 'typedef void function(void);'
	echo 'function *all[] = {'
	declared "$header" | sed 's/.*/	(function *)&,/'
	echo '};'
	echo 'int main(void)'
	echo '{'
	echo '	struct cgtune_limits limits;'
	echo '	limits.size = sizeof(limits);'
	echo '	return cgtune_read(0, &limits) == 0 && cgtune_threads() >= 1 && all[0] ? 0 : 1;'
	echo '}'
} >"$tmp/user.c"
cp "$tmp/user.c" "$tmp/user.cc"
PKG_CONFIG_LIBDIR=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$tmp/stage
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
cflags=$(pkg-config --cflags cgtune)
libs=$(pkg-config --libs cgtune)
ok "pkg-config" test -n "$libs"

# compiles COMPILER STANDARD FILE: without a word.
compiles() {
	if ! command -v "$1" >/dev/null 2>&1; then
		skip "$1 -std=$2" "no such compiler"
		return
	fi
	# shellcheck disable=SC2086
	is "$1 -std=$2" "$("$1" -std="$2" -pedantic -Wall -Wextra -Wconversion -I"$tmp/stage$prefix/include" $cflags \
		-c "$tmp/$3" -o "$tmp/user.o" 2>&1)" ""
}

compiles "${CC:-cc}" c99 user.c
compiles "${CC:-cc}" c11 user.c
compiles "${CC:-cc}" gnu17 user.c
compiles clang c99 user.c
compiles "${CXX:-c++}" c++17 user.cc
compiles "${CXX:-c++}" c++11 user.cc
if instrumented; then
	skip "it runs" "the library is instrumented"
else
	# shellcheck disable=SC2086
	ok "it links" "${CC:-cc}" $cflags "$tmp/user.c" -o "$tmp/user" $libs
	ok "it runs" env LD_LIBRARY_PATH="$tmp/stage$prefix/lib" "$tmp/user"
	is "the installed command runs" \
		"$(LD_LIBRARY_PATH="$tmp/stage$prefix/lib" "$tmp/stage$prefix/bin/cgtune" --version | cut -d' ' -f1)" cgtune
fi

done_testing
