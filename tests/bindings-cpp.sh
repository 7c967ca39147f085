#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bindings-cpp.sh - cgtune.hpp by each C++ compiler that is here: it compiles without a word, its test and its example run
# shellcheck disable=SC2016,SC2317 # backquotes of a README; functions are called by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
cpp=$srcdir/bindings/cpp
for name in $(env | sed -n 's/^\(CGTUNE[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done
LD_LIBRARY_PATH=$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

# compile COMPILER STANDARD OUTPUT ARGUMENT...
compile() {
	compiler=$1 standard=$2 output=$3
	shift 3
	"$compiler" -std="$standard" -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -isystem "$srcdir/lib" -I"$cpp" "$@" \
		-o "$output" -L"$build/.libs" -lcgtune -pthread >"$tmp/said" 2>&1 || {
		sed 's/^/# /' "$tmp/said"
		return 1
	}
}

# results COMPILER: of the test program, one line each.
results() {
	"$tmp/test" "$tmp/root-$1" >"$tmp/out"
	status=$?
	while read -r line; do
		case $line in
		"ok "*) ok "$1: ${line#* - }" true ;;
		"not ok "*) ok "$1: ${line#* - }" false ;;
		esac
	done <"$tmp/out"
	is "$1: all of them" "$status $(tail -n 1 "$tmp/out")" "0 1..$(grep -c '^ok' "$tmp/out")"
}

for compiler in g++ clang++; do
	if ! command -v $compiler >/dev/null 2>&1; then
		skip "$compiler" "no such compiler"
		continue
	fi
	ok "$compiler: compiles the test" compile $compiler c++17 "$tmp/test" -fno-exceptions -fno-rtti "$cpp/tests/test.cpp"
	results $compiler
	ok "$compiler: compiles the example as C++20" compile $compiler c++20 "$tmp/service" "$cpp/examples/service.cpp"
	ok "$compiler: it runs" sh -c "'$tmp/service' | grep -Eq '^[0-9]+ threads: [1-9][0-9]* served, 0 refused$'"
done
sed '1,2d' "$cpp/examples/service.cpp" >"$tmp/example"
is "the README shows the example" "$(sed -n '/^```cpp$/,/^```$/{/^```/!p}' "$cpp/README.md")" "$(cat "$tmp/example")"
done_testing
