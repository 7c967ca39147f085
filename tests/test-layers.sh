#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-layers.sh - the shape of lib/: who includes whom, who alone may do what, and how long anything is
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
lib=$srcdir/lib

# A file includes files of its own line and of those above.
layers='util sys sys-arch shared usdt parse grammar cgtune
file env log names options
cgroup mount statmount host published
pass
levels plan
limit usage table
apply runtimes
limiter limiter-enter limiter-wait limiter-size limiter-stats limiter-adapt
process throttle change feedback live watch
preload-libc preload-mask preload
preload-next preload-environ preload-counts preload-affinity preload-files preload-open'

# layer NAME: number of its line; 0: not listed.
layer() {
	echo "$layers" | awk -v name="$1" '{ for (i = 1; i <= NF; i++) if ($i == name) n = NR } END { print n + 0 }'
}

# Code without comments.
code() {
	sed -e 's|/\*.*\*/||' -e '/\/\*/,/\*\//d' "$1"
}

# uses PATTERN: files of lib/ whose code holds it.
uses() {
	for file in "$lib"/*.[ch]; do
		code "$file" | grep -Eq "$1" && basename "$file"
	done | tr '\n' ' ' | sed 's/ $//'
}

# upward: each include that leads to a higher layer.
upward() {
	for file in "$lib"/*.[ch]; do
		from=$(basename "$file" | sed 's/\.[ch]$//')
		test "$(layer "$from")" != 0 || echo "$from is in no layer"
		sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$file" | while read -r to; do
			test "$(layer "$to")" -le "$(layer "$from")" || echo "$from includes $to"
		done
	done
}

# long_functions: those of more than 60 lines.
long_functions() {
	for file in "$lib"/*.c; do
		awk -v file="$(basename "$file")" '/^[a-z_].*\(/ { name = $0 } /^{/ { start = NR }
			/^}/ && start { if (NR - start > 60) print file ": " name; start = 0 }' "$file"
	done
}

# long_files: .c files of more than 500 lines.
long_files() {
	for file in "$lib"/*.c; do
		test "$(wc -l <"$file")" -le 500 || basename "$file"
	done
}

# unowned: files whose first lines do not say the licence and what they own.
unowned() {
	for file in "$lib"/*.[ch] "$srcdir"/probes/*.[ch] "$srcdir"/tools/*.[ch] "$srcdir"/tests/*.[ch]; do
		sed -n 1p "$file" | grep -q '^/\* SPDX-License-Identifier: LGPL-2.1-or-later \*/$' || echo "$file: licence"
		sed -n 2,3p "$file" | grep -q " $(basename "$file" | sed 's/\.[ch]$//') - " || echo "$file: what it owns"
	done
}

is "includes lead down" "$(upward)" ""
is "the parsers include no layer but the lowest" \
	"$(sed -n 's/^#include "\(.*\)"$/\1/p' "$lib/parse.c" "$lib/grammar.c" | sort -u | tr '\n' ' ')" \
	"cgtune.h grammar.h parse.h "
is "the parsers do no I/O, allocate nothing, know no locale" \
	"$(grep -El '#include <(stdio|stdlib|unistd|fcntl|locale|time|sys/.*)\.h>' "$lib/parse.c" "$lib/grammar.c")" ""
is "file.c alone opens, and what stands in for those that do" \
	"$(uses '\bSYS_open(at|at2)?\b|\b(open|openat|fopen|opendir)\(')" "file.c preload-open.c sys.h"
is "sys.c alone enters the kernel" "$(uses '\bsys_enter\(|\bsyscall\(')" "sys-arch.h sys.c"
is "env.c alone reads the environment; the preload object puts another in its place" \
	"$(uses '\b(secure_)?getenv\(|\benviron\b')" "env.c preload-environ.c preload-libc.h preload.c"
is "apply.c alone writes it" "$(uses '\b(setenv|unsetenv|putenv|clearenv)\(')" "apply.c"
is "nothing is printed" "$(uses '\b(v?f?printf|v?dprintf|f?puts|f?putc|putchar|perror|errx?|warnx)\(|<err\.h>')" ""
is "stdio is there only to be stood in for" "$(uses '<stdio\.h>')" "preload-open.c"
is "nothing is formatted by stdio" "$(uses '\b(v?s(n)?printf|v?asprintf|v?sscanf|strto(d|l|ul|ll|ull)|ato[if])\(')" ""
is "nothing is allocated, but what setenv(3) would allocate as well" \
	"$(uses '\b(malloc|calloc|realloc|reallocarray|strdup|strndup|free|alloca)\(')" "apply.c"
is "nothing depends on the locale" "$(uses '\b(setlocale|strerror|isdigit|isspace|tolower|strcasecmp)\(')" ""
is "nothing ends the process" "$(uses '\b(abort|exit|_exit|assert|raise)\(')" ""
is "no signal handler, no atfork" "$(uses '\b(sigaction|signal|pthread_atfork|atexit)\(')" ""
is "no feature switches in .c files" "$(cd "$lib" && grep -lE '^[[:space:]]*#[[:space:]]*if' ./*.c)" ""
is "no function above 60 lines" "$(long_functions)" ""
is "no .c file above 500 lines" "$(long_files)" ""
is "each file says its licence and what it owns" "$(unowned)" ""
is "no trailing blanks" "$(grep -lE '[[:space:]]+$' "$lib"/*.[ch] "$srcdir"/probes/*.[ch] "$srcdir"/tools/*.[ch] "$srcdir"/tests/*.[ch] "$srcdir"/tests/*.sh)" ""

done_testing
