#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-preload-env.sh - the environment that the preload object writes: for the program, its children, and theirs in other groups
# shellcheck disable=SC2016 # what is in single quotes is for another shell
srcdir=${srcdir:-.}
# shellcheck source=tests/preload.sh
. "$srcdir/tests/preload.sh"
cpus=$(nproc)
go=$((cpus < 2 ? cpus : 2))
LC_ALL=C
export LC_ALL
default="CGTUNE_SET=OMP_NUM_THREADS=1;GOMAXPROCS=$go;GOMEMLIMIT=460MiB;
GOMAXPROCS=$go
GOMEMLIMIT=460MiB
OMP_NUM_THREADS=1"

# ours: those variables of env(1)'s output that cgtune may write, sorted: shells do not keep an order.
ours() {
	sort | grep -E '^(CGTUNE_SET|[A-Z_]*(THREADS?|PROCS|GOMEMLIMIT|OPTIONS|AFLAGS|LIMIT|LEVEL|JOBS|COUNT|HeapHardLimit|HRTS|DEFAULTS|MAKEFLAGS|POOLSIZE))='
}

# limited_env [VARIABLE=VALUE...]: what env(1) shows of them.
limited_env() {
	limited "$@" env | ours
}

echo "# by default"
is "a program" "$(limited_env)" "$default"
is "a child of a program" "$(limited sh -c 'exec env' | ours)" "$default"
is "a child without the object" "$(limited sh -c 'unset LD_PRELOAD; env' | ours)" "$default"
is "env -i" "$(limited env -i sh -c env | ours)" ""
is "env -i with the object" "$(limited env -i LD_PRELOAD="$object" /usr/bin/env | ours)" "$default"
is "no limits: nothing" "$(in_group free env LD_PRELOAD="$object" env | ours)" ""
is "CGTUNE=off: nothing" "$(limited_env CGTUNE=off)" ""
is "a budget of less than 64 MiB is given to nobody" "$(limited_env CGTUNE_MEMORY=70MiB | grep -c GOMEMLIMIT)" 0
is "one of 64 MiB is" "$(limited_env CGTUNE_MEMORY=72MiB | grep -x GOMEMLIMIT=64MiB)" "GOMEMLIMIT=64MiB"
cases "a program's own changes" "$programs/preload-environ" limited

echo "# the user's"
is "a value of the user stays, and is not marked" "$(limited_env OMP_NUM_THREADS=5)" "CGTUNE_SET=GOMAXPROCS=$go;GOMEMLIMIT=460MiB;
GOMAXPROCS=$go
GOMEMLIMIT=460MiB
OMP_NUM_THREADS=5"
is "so does one that a child sets" "$(limited sh -c 'OMP_NUM_THREADS=2 env' | grep -E '^(OMP_NUM|CGTUNE_SET)' | sort)" \
	"CGTUNE_SET=GOMAXPROCS=$go;GOMEMLIMIT=460MiB;
OMP_NUM_THREADS=2"
is "set but empty is unset" "$(limited_env OMP_NUM_THREADS=)" "$default"
is "values with semicolons" "$(limited_env 'OMP_NUM_THREADS=1;GOMAXPROCS=2;' | grep -E '^(OMP_NUM|CGTUNE_SET)' | sort)" \
	"CGTUNE_SET=GOMAXPROCS=$go;GOMEMLIMIT=460MiB;
OMP_NUM_THREADS=1;GOMAXPROCS=2;"
is "the order of the others stays" \
	"$(native env -i B=2 A=1 LD_PRELOAD="$object" C=3 /usr/bin/env | sed "s|$object||" | head -n 4 | tr '\n' ' ')" \
	"B=2 A=1 LD_PRELOAD= C=3 "

echo "# groups"
is "CGTUNE_ENV=0" "$(limited_env CGTUNE_ENV=0)" ""
is "CGTUNE_ENV=blas" "$(limited_env CGTUNE_ENV=blas | grep -c -E '^(OPENBLAS|MKL|BLIS|NUMEXPR)_NUM_THREADS=1$')" 4
is "CGTUNE_ENV=rust" "$(limited_env CGTUNE_ENV=rust | grep -c -E '^(RAYON_NUM|TOKIO_WORKER|POLARS_MAX)_THREADS=1$')" 3
is "CGTUNE_ENV=dotnet" "$(limited CGTUNE_ENV=dotnet env | grep ^DOTNET | sort | tr '\n' ' ')" \
	"DOTNET_GCHeapHardLimit=18000000 DOTNET_PROCESSOR_COUNT=1 "
is "CGTUNE_ENV=java" "$(limited_env CGTUNE_ENV=java | grep ^J)" \
	"JAVA_TOOL_OPTIONS=-XX:ActiveProcessorCount=1 -XX:MaxRAM=512m"
is "CGTUNE_ENV=node" "$(limited_env CGTUNE_ENV=node | grep ^NODE)" "NODE_OPTIONS=--max-old-space-size=384"
is "CGTUNE_ENV=erlang" "$(limited_env CGTUNE_ENV=erlang | grep ^ERL)" "ERL_AFLAGS=+S 1:1"
is "CGTUNE_ENV=magick" "$(limited_env CGTUNE_ENV=magick | grep ^MAGICK | sort | tr '\n' ' ')" \
	"MAGICK_MEMORY_LIMIT=256MiB MAGICK_THREAD_LIMIT=1 "
is "CGTUNE_ENV=build" "$(limited_env CGTUNE_ENV=build | grep -c -E '^(CMAKE_BUILD_PARALLEL_LEVEL|CARGO_BUILD_JOBS|CTEST_PARALLEL_LEVEL)=1$')" 3
is "the defaults come with them" "$(limited_env CGTUNE_ENV=rust,node | grep -c -E '^(OMP_NUM_THREADS|GOMAXPROCS|GOMEMLIMIT)=')" 3
is "those that are never set" "$(limited_env CGTUNE_ENV=blas,rust,dotnet,java,node,erlang,magick,build |
	grep -E '^(OMP_THREAD_LIMIT|GHCRTS|ZSTD_NBTHREADS|JULIA_NUM_THREADS|MAKEFLAGS|XZ_DEFAULTS|UV_THREADPOOL_SIZE)=')" ""
is "a list with a wrong word is refused whole" "$(limited_env CGTUNE_ENV=rust,rest)" "$default"

echo "# nested"
# nested GROUP COMMAND...: a program in the limits starts another in another group.
nested() {
	at=$1
	shift
	limited sh -c 'echo $$ >"$1/cgroup.procs" && echo $$ >"$2/cgroup.procs" && shift 2 && exec "$@"' sh \
		"$cpu/$group/$at" "$memory/$group/$at" "$@"
}
nested_off() {
	limited sh -c 'echo $$ >"$1/cgroup.procs" && echo $$ >"$2/cgroup.procs" && CGTUNE=off exec env' sh \
		"$cpu/$group/free" "$memory/$group/free" | ours
}
is "in a smaller group" "$(nested less env | ours)" "CGTUNE_SET=OMP_NUM_THREADS=1;GOMAXPROCS=$go;GOMEMLIMIT=230MiB;
GOMAXPROCS=$go
GOMEMLIMIT=230MiB
OMP_NUM_THREADS=1"
is "each variable once" "$(nested less env | grep -c -E '^(CGTUNE_SET|OMP_NUM_THREADS|GOMAXPROCS|GOMEMLIMIT)=')" 4
is "in a group without limits: nothing is left" "$(nested free env | ours)" ""
is "back in a group with limits" "$(nested free sh -c 'echo $$ >"$1/cgroup.procs" && echo $$ >"$2/cgroup.procs" && exec env' sh \
	"$cpu/$group/half" "$memory/$group/half" | ours)" "$default"
is "the user's is left" "$(nested free env OMP_NUM_THREADS=5 env | ours)" "OMP_NUM_THREADS=5"
is "with CGTUNE=off all is left as it is" "$(nested_off)" "$default"
is "with CGTUNE_ENV=0 what was ours goes" "$(nested half env CGTUNE_ENV=0 env | ours)" ""
is "groups of before go where they are not asked for" "$(limited CGTUNE_ENV=rust sh -c 'unset CGTUNE_ENV; env' | ours)" "$default"
ok "counts follow" test "$(nested free getconf _NPROCESSORS_ONLN)" = "$cpus"

echo "# markers that are not ours"
for marker in garbage '=' ';;;;;' 'OMP_NUM_THREADS' 'OMP_NUM_THREADS=' '=1;=2' 'X=1;Y=2;OMP_NUM_THREADS=3'; do
	is "marker '$marker': the variables" "$(limited_env CGTUNE_SET="$marker" | grep -v ^CGTUNE_SET)" \
		"$(echo "$default" | grep -v ^CGTUNE_SET)"
done
is "a marker cannot take away what cgtune never writes" \
	"$(in_group free env CGTUNE_SET="PATH=$PATH;A=1;LD_PRELOAD=$object;" A=1 LD_PRELOAD="$object" env |
		grep -c -E '^(PATH|A|LD_PRELOAD)=.')" 3
is "a marker without the last semicolon" "$(in_group free env CGTUNE_SET=OMP_NUM_THREADS=9 OMP_NUM_THREADS=9 \
	LD_PRELOAD="$object" env | ours)" ""
is "a marker with another value than the variable" "$(in_group free env 'CGTUNE_SET=OMP_NUM_THREADS=9;' OMP_NUM_THREADS=99 \
	LD_PRELOAD="$object" env | ours)" "OMP_NUM_THREADS=99"
# long_marker LENGTH: a marker full of what is not ours.
long_marker() {
	awk -v n="$1" 'BEGIN { while (n-- > 1) printf "x"; print ";" }'
}
for length in 3900 4000 4040 4080 4090 4100 70000; do
	is "a marker of $length bytes: what it lists of ours is taken back" \
		"$(limited CGTUNE_SET="$(long_marker $length)" sh -c \
			'echo $$ >"$1/cgroup.procs" && echo $$ >"$2/cgroup.procs" && exec env' sh \
			"$cpu/$group/free" "$memory/$group/free" | ours | grep -v ^CGTUNE_SET)" ""
done

echo "# environments made by hand"
by_hand() {
	native "$programs/preload-environ" exec "$@"
}
is "an empty one" "$(by_hand)" ""
is "the object alone" "$(by_hand LD_PRELOAD="$object" | ours)" "$default"
is "entries without a name or a value" "$(by_hand A =B '' C= '=' LD_PRELOAD="$object" | head -n 5 | tr '\n' ' ')" "A =B  C= = "
is "a variable twice: the first counts, and it is the user's" \
	"$(by_hand OMP_NUM_THREADS=3 OMP_NUM_THREADS=4 LD_PRELOAD="$object" | grep -E '^(OMP_NUM|CGTUNE_SET)' | tr '\n' ' ')" \
	"OMP_NUM_THREADS=3 OMP_NUM_THREADS=4 CGTUNE_SET=GOMAXPROCS=$go;GOMEMLIMIT=460MiB; "
many() {
	native LD_PRELOAD="$1" "$programs/preload-environ" exec-many
}
ok "10,000 variables, in their order" test "$(many "$object" | grep -c '^VARIABLE_')" = 10000
is "and ours behind them" "$(many "$object" | sed -n '10002,$p' | ours)" "$default"

echo "# shells and interpreters pass it on"
for shell in bash dash zsh ksh tcsh fish; do
	have $shell "$shell" && is "$shell" "$(limited $shell -c 'exec env' | ours)" "$default"
done
have perl "perl" && is "perl" "$(limited perl -e 'exec "env"' | ours)" "$default"
is "bash changes ours" "$(limited bash -c 'export OMP_NUM_THREADS=7 GOMEMLIMIT+=x; unset GOMAXPROCS LD_PRELOAD; exec env' |
	ours | grep -v SET)" "GOMEMLIMIT=460MiBx
OMP_NUM_THREADS=7"
have python3 "python3: os.environ" &&
	is "python3: os.environ" "$(limited "$(python3 -c 'import sys; print(sys.executable)')" -c \
		'import os; print(os.environ["OMP_NUM_THREADS"], os.getenv("GOMEMLIMIT"))')" "1 460MiB"
have busybox "busybox sh, which is static: of its parent" &&
	is "busybox sh, which is static: of its parent" "$(limited sh -c 'busybox sh -c env' | ours)" "$default"
if have musl-gcc "a program of musl"; then
	echo 'extern char **environ; int puts(const char *); int main(void) { for (char **e = environ; *e; e++) puts(*e); return 0; }' >"$tmp/musl.c"
	musl-gcc -w -o "$tmp/musl" "$tmp/musl.c"
	is "a program of musl" "$(limited "$tmp/musl" | ours)" "$default"
	is "a program of musl, no limits" "$(in_group free env LD_PRELOAD="$object" "$tmp/musl" | ours)" ""
fi

done_testing
