#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# project.sh - a user's project (project/) is built against what is installed, by pkg-config and by CMake
# shellcheck disable=SC2317 # functions are called by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
project=$srcdir/tests/project

if ! MAKEFLAGS='' ${MAKE:-make} -s -C "$build" install DESTDIR="$tmp/stage" >"$tmp/install" 2>&1; then
	sed 's/^/# /' "$tmp/install"
	ok "make install" false
	done_testing
fi
pc=$(find "$tmp/stage" -name cgtune.pc)
prefix=$tmp/stage$(sed -n 's/^prefix=//p' "$pc")
libdir=$(dirname "$(dirname "$pc")")
LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PKG_CONFIG_PATH=$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} PKG_CONFIG_SYSROOT_DIR=$tmp/stage
export LD_LIBRARY_PATH PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
version=$(pkg-config --modversion cgtune)
probe=
! test -f "$libdir/libcgtune-probe.so" || probe=1

# by_pkg_config PACKAGE COMPILER SOURCE
by_pkg_config() {
	# shellcheck disable=SC2046 # words
	"$2" "$project/$3" -o "$tmp/program" $(pkg-config --cflags --libs "$1") >"$tmp/said" 2>&1 && return
	sed 's/^/# /' "$tmp/said"
	return 1
}

ok "pkg-config: the library" by_pkg_config cgtune "${CC:-cc}" limits.c
ok "it runs" sh -c "'$tmp/program' | grep -Eq '^$version: [1-9][0-9]* threads$'"
if test "$probe"; then
	ok "pkg-config: the probe" by_pkg_config cgtune-probe "${CC:-cc}" probe.c
	is "it runs" "$("$tmp/program")" "$version: no probe"
else
	skip "pkg-config: the probe" "it was not built"
fi
if command -v g++ >/dev/null 2>&1; then
	ok "pkg-config: cgtune.hpp" by_pkg_config "cgtune" "g++" ../../bindings/cpp/examples/service.cpp
else
	skip "pkg-config: cgtune.hpp" "no g++"
fi

if command -v cmake >/dev/null 2>&1; then
	# Moved: nothing in it may name where it was installed.
	mv "$prefix" "$tmp/moved"
	LD_LIBRARY_PATH=
	ok "cmake finds it, and neither a later one nor a part that is none" sh -c \
		"cmake -S '$project' -B '$tmp/cmake' -DCMAKE_PREFIX_PATH='$tmp/moved' -DCMAKE_C_COMPILER='${CC:-cc}' >'$tmp/said' 2>&1 ||
			{ sed 's/^/# /' '$tmp/said'; false; }"
	ok "it builds" sh -c "cmake --build '$tmp/cmake' >'$tmp/said' 2>&1 || { sed 's/^/# /' '$tmp/said'; false; }"
	ok "cgtune::cgtune runs" sh -c "'$tmp/cmake/limits' | grep -Eq '^$version: [1-9][0-9]* threads$'"
	if test "$probe"; then
		is "cgtune::probe runs" "$("$tmp/cmake/probe")" "$version: no probe"
	else
		skip "cgtune::probe runs" "it was not built"
	fi
	rm "$tmp/moved/include/cgtune.h"
	ok "without the header it is not found" sh -c "! cmake -S '$project' -B '$tmp/none' -DCMAKE_PREFIX_PATH='$tmp/moved' \
		-DCMAKE_C_COMPILER='${CC:-cc}' >'$tmp/said' 2>&1 && tr -s ' \n' '  ' <'$tmp/said' | grep -q 'no include/cgtune.h beside it'"
else
	skip "cmake" "no cmake(1)"
fi
done_testing
