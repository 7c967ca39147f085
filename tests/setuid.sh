#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# setuid.sh - setuid copies of a program with libcgtune, of one with the preload object and of cgtune, run by nobody:
# every variable that the sources know, with every kind of value, changes nothing
# shellcheck disable=SC2154,SC2317 # tap.sh sets tmp; functions are called by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
CC=${CC:-cc}
nobody=$(id -u nobody 2>/dev/null || echo 65534)
for name in $(env | sed -n 's/^\(CGTUNE[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done

# What the sources look up: every name in the table of env.c, what it is marked by, and what is asked for by name.
variables() {
	sed -n 's/^\t\[ENV_[A-Z_0-9]*\] = { "\([A-Z_0-9]*\)".*/\1/p' "$srcdir/lib/env.c"
	sed -n 's/^#define ENV_MARKER "\([A-Z_]*\)"/\1/p' "$srcdir"/lib/*.h
	cat "$srcdir"/lib/*.c "$srcdir"/tools/*.c "$srcdir"/probes/*.c | grep -oE '(getenv|env_get|env_raw)\("[A-Z_]+"' | sed 's/.*"\(.*\)"/\1/'
	# These are written, or are the loader's.
	echo OMP_NUM_THREADS LD_PRELOAD LD_LIBRARY_PATH | tr ' ' '\n'
}
variables | sort -u >"$tmp/variables"
table=$(grep -c '^	\[ENV_[A-Z_0-9]*\] = {' "$srcdir/lib/env.c")
is "all of the table of env.c is in the list, and the marker" \
	"$(sed -n 's/^\t\[ENV_[A-Z_0-9]*\] = { "\([A-Z_0-9]*\)".*/\1/p' "$srcdir/lib/env.c" | grep -c .) $(grep -c '^CGTUNE_SET$' "$tmp/variables")" "$table 1"
is "no name of ours is in the sources that is not in the list" \
	"$(cat "$srcdir"/lib/*.c "$srcdir"/tools/*.c "$srcdir"/probes/*.c | grep -oE '"(CGTUNE|CGTUNE_[A-Z_]+|AUTOMEMLIMIT|GOMAXPROCS|GOMEMLIMIT)"' |
		tr -d '"' | sort -u | grep -Fvx -f "$tmp/variables" | grep -Ev '^CGTUNE_(PREFIX|LIBDIR)')" ""

test "$(id -u)" = 0 || {
	skip "setuid programs" "not root"
	done_testing
}
# /tmp may be mounted without setuid.
chmod 755 "$tmp"
cat >"$tmp/secure.c" <<'C'
#include <cgtune.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <stdlib.h>
int main(void)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	struct cgtune_options options = { .size = sizeof(options) };
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_limiter *limiter;
	int tuned = cgtune_init();
	if (cgtune_limiter_new(NULL, &limiter) < 0 || cgtune_limiter_stats(limiter, &stats) < 0 || cgtune_read(&options, &limits) < 0)
		return 1;
	cgtune_throttle_read(&options, &throttle);
	fprintf(stderr, "secure %d\n", !!getauxval(AT_SECURE));
	printf("%d %u %llu %u %u %d %u %llu %u %u\n", tuned, cgtune_threads(), (unsigned long long)cgtune_memory(), stats.limit,
	       stats.backlog, cgtune_limiter_retry_after(limiter), limits.cpus, (unsigned long long)limits.memory, throttle.source, limits.cpu_source);
	return 0;
}
C
cat >"$tmp/preloaded.c" <<'C'
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <fcntl.h>
int main(void)
{
	struct sysinfo info;
	cpu_set_t set;
	char text[4096];
	int fd = open("/proc/meminfo", O_RDONLY), n = fd < 0 ? 0 : read(fd, text, 30);
	sysinfo(&info);
	sched_getaffinity(0, sizeof(set), &set);
	fprintf(stderr, "secure %d\n", !!getauxval(AT_SECURE));
	printf("%ld %ld %ld %d %d %lu %d %.*s\n", sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_NPROCESSORS_CONF), sysconf(_SC_PHYS_PAGES),
	       get_nprocs(), get_nprocs_conf(), info.totalram, CPU_COUNT(&set), n, text);
	return 0;
}
C
"$CC" -w -o "$tmp/with-library" -I"$srcdir/lib" "$tmp/secure.c" -L"$build/.libs" -lcgtune -Wl,-rpath,"$tmp" || exit 99
"$CC" -w -o "$tmp/with-preload" "$tmp/preloaded.c" || exit 99
# As part of the program: from a folder that the loader takes, it is loaded into setuid programs, too.
"$CC" -w -o "$tmp/with-object" "$tmp/preloaded.c" -Wl,--no-as-needed "$build/libcgtune-preload.so" -Wl,-rpath,"$tmp" || exit 99
cp -L "$build/.libs/libcgtune.so.0" "$build/libcgtune-preload.so" "$tmp/" && chmod 755 "$tmp"/*.so*
cp "$build/cgtune" "$tmp/cgtune"
preload=$tmp/libcgtune-preload.so

# by_nobody COMMAND...: in an environment that is empty but for $set
by_nobody() {
	# shellcheck disable=SC2086 # words
	setpriv --reuid "$nobody" --regid "$nobody" --clear-groups env -i PATH="$PATH" $set "$@" 2>"$tmp/err"
	echo "status $?"
	sed 's/^/err /' "$tmp/err"
}

# all VALUE: each variable has it; but the loader's own have what could do harm, and this PATH stays.
all() {
	while read -r variable; do
		case $variable in
		PATH) ;;
		LD_PRELOAD) echo "LD_PRELOAD=$preload" ;;
		LD_LIBRARY_PATH) echo "LD_LIBRARY_PATH=$tmp/other" ;;
		CGTUNE_SET) echo "CGTUNE_SET=OMP_NUM_THREADS=$1;GOMAXPROCS=$1" ;;
		*) echo "$variable=$1" ;;
		esac
	done <"$tmp/variables" | tr '\n' ' '
}

# unaffected NAME COMMAND...: the same whatever is set; and a copy that is not setuid is not, so this can be seen.
unaffected() {
	name=$1 program=$2
	shift 2
	chmod 4755 "$program"
	set=''
	by_nobody "$program" "$@" >"$tmp/before"
	for value in 77 7 1 off 0 0.5 7MiB 7M floor debug ignore meminfo,cpuinfo blas,rust "$tmp"; do
		set=$(all "$value")
		by_nobody "$program" "$@" >"$tmp/after"
		cmp -s "$tmp/before" "$tmp/after" || {
			echo "# with $value: $(diff "$tmp/before" "$tmp/after" | head -n 5 | tr '\n' ' ')"
			return 1
		}
	done
	chmod 755 "$program"
	differs=
	for value in 77 7 1 off debug 7MiB; do
		set=$(all "$value")
		by_nobody "$program" "$@" >"$tmp/after"
		cmp -s "$tmp/before" "$tmp/after" || differs=$value
	done
	test -n "$differs" || {
		echo "# $name: nothing that is set changes it even without the bit"
		return 1
	}
}

chmod 4755 "$tmp/with-preload"
set=''
if ! command -v setpriv >/dev/null 2>&1; then
	skip "setuid programs" "no setpriv(1)"
	done_testing
elif ! by_nobody "$tmp/with-preload" | grep -q 'err secure 1'; then
	skip "setuid programs" "$tmp is mounted without them"
	done_testing
fi
ok "a program with libcgtune" unaffected library "$tmp/with-library"
ok "a program with the preload object" unaffected preload "$tmp/with-preload"
ok "a program of which the object is part" unaffected object "$tmp/with-object"
ok "cgtune show" unaffected show "$tmp/cgtune" show --json
ok "cgtune env" unaffected env "$tmp/cgtune" env
chmod 4755 "$tmp/cgtune"
is "cgtune run executes nothing with the rights of another" "$(by_nobody "$tmp/cgtune" run -- id -u | tr '\n' ' ')" \
	"status 125 err cgtune: run: this is a setuid program, and the command would have its rights "
done_testing
