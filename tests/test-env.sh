#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-env.sh - `cgtune env`: which assignments it prints, in which form, and that they are read back as they were
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=${top_builddir:-.}
cgtune=$build/cgtune
json=$build/tests/json
for name in $(env | sed -n 's/^\(CGTUNE[A-Z_]*\)=.*/\1/p') GOMAXPROCS GOMEMLIMIT AUTOMEMLIMIT OMP_NUM_THREADS NO_COLOR; do
	unset "$name"
done

# env_of [VARIABLE=VALUE...] -- [OPTION...]: standard output, then standard error.
env_of() {
	(
		while test "$1" != --; do
			export "${1?}"
			shift
		done
		shift
		"$cgtune" env "$@" 2>"$tmp/err" || echo "exit status $?"
		cat "$tmp/err"
	)
}

# fails NAME STATUS PATTERN COMMAND...: that status, nothing on stdout, and one line on stderr.
fails() {
	fails_name=$1 fails_status=$2 fails_pattern=$3
	shift 3
	status=0
	"$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	is "$fails_name: status" "$status" "$fails_status"
	is "$fails_name: one line on stderr" "$(wc -l <"$tmp/err" | tr -d ' ')" 1
	is "$fails_name: nothing on stdout" "$(cat "$tmp/out")" ""
	ok "$fails_name: says so" grep -Eq "$fails_pattern" "$tmp/err"
}

if "$cgtune" show --json | grep -q '"limited":true'; then
	echo "1..0 # SKIP the machine itself has limits"
	exit 0
fi
cpus=$("$cgtune" show --json | "$json" cpu.affinity)
go=$((cpus < 2 ? cpus : 2))

echo "# nothing to say"
is "no limits: nothing" "$(env_of --)" ""
is "no limits: JSON" "$(env_of -- --json)" "{}"
is "off: nothing" "$(env_of CGTUNE=off CGTUNE_CPUS=0.5 -- --json)" "{}"
is "off: what was ours is not taken back either" \
	"$(env_of CGTUNE=off OMP_NUM_THREADS=4 'CGTUNE_SET=OMP_NUM_THREADS=4;' -- --format=export)" ""

echo "# what is printed"
if test "$cpus" -lt 2; then
	skip "a CPU limit" "one CPU: no quota is below it"
else
	is "a CPU limit" "$(env_of CGTUNE_CPUS=0.5 --)" "OMP_NUM_THREADS=1
GOMAXPROCS=$go
CGTUNE_SET='OMP_NUM_THREADS=1;GOMAXPROCS=$go;'"
	is "a user's own value is left out" "$(env_of CGTUNE_CPUS=0.5 OMP_NUM_THREADS=7 --)" "GOMAXPROCS=$go
CGTUNE_SET='GOMAXPROCS=$go;'"
	is "values that hold already are printed again" \
		"$(env_of CGTUNE_CPUS=0.5 OMP_NUM_THREADS=1 "GOMAXPROCS=$go" \
			"CGTUNE_SET=OMP_NUM_THREADS=1;GOMAXPROCS=$go;" --)" "$(env_of CGTUNE_CPUS=0.5 --)"
	is "a value of ours that is no longer right" \
		"$(env_of CGTUNE_CPUS=0.5 OMP_NUM_THREADS=9 'CGTUNE_SET=OMP_NUM_THREADS=9;' --)" "$(env_of CGTUNE_CPUS=0.5 --)"
fi
is "a memory limit" "$(env_of CGTUNE_MEMORY=1G --)" "GOMEMLIMIT=921MiB
CGTUNE_SET='GOMEMLIMIT=921MiB;'"
is "a memory limit below 64 MiB is not for Go" "$(env_of CGTUNE_MEMORY=64M --)" ""
is "docker" "$(env_of CGTUNE_MEMORY=1G -- --format docker)" "GOMEMLIMIT=921MiB
CGTUNE_SET=GOMEMLIMIT=921MiB;"
is "JSON" "$(env_of CGTUNE_MEMORY=1G -- --format=json)" '{"GOMEMLIMIT":"921MiB","CGTUNE_SET":"GOMEMLIMIT=921MiB;"}'
is "--json is the same" "$(env_of CGTUNE_MEMORY=1G -- --json)" "$(env_of CGTUNE_MEMORY=1G -- --format=json)"
is "export" "$(env_of CGTUNE_MEMORY=1G -- --format=export)" "export GOMEMLIMIT=921MiB
export CGTUNE_SET='GOMEMLIMIT=921MiB;'"
is "export takes back" "$(env_of OMP_NUM_THREADS=4 'CGTUNE_SET=OMP_NUM_THREADS=4;' -- --format=export)" \
	"unset OMP_NUM_THREADS
unset CGTUNE_SET"
is "what others put into the marker stays" \
	"$(env_of OMP_NUM_THREADS=4 'CGTUNE_SET=X=it'\''s;OMP_NUM_THREADS=4;' -- --format=export)" \
	"export CGTUNE_SET='X=it'\\''s;'
unset OMP_NUM_THREADS"

echo "# groups"
is "--runtime" "$(env_of CGTUNE_MEMORY=1G -- --runtime node,java --json | "$json" NODE_OPTIONS JAVA_TOOL_OPTIONS GOMEMLIMIT)" \
	"--max-old-space-size=768
-XX:MaxRAM=1024m
921MiB"
is "--runtime 0: none" "$(env_of CGTUNE_MEMORY=1G -- --runtime 0)" ""
is "CGTUNE_ENV" "$(env_of CGTUNE_MEMORY=1G CGTUNE_ENV=node -- --json | "$json" NODE_OPTIONS)" "--max-old-space-size=768"
is "the groups are told, too, or the preload object would take them back" \
	"$(env_of CGTUNE_MEMORY=1G CGTUNE_ENV=node -- --json | "$json" CGTUNE_ENV)" node
is "--runtime goes before CGTUNE_ENV" "$(env_of CGTUNE_MEMORY=1G CGTUNE_ENV=node -- --runtime 0)" ""
is "a group that was dropped is taken back" \
	"$(env_of NODE_OPTIONS=a 'CGTUNE_SET=NODE_OPTIONS=a;' -- --format=export)" "unset NODE_OPTIONS
unset CGTUNE_SET"

echo "# read back"
CGTUNE_MEMORY=1G "$cgtune" env --runtime java,node >"$tmp/file"
cat >"$tmp/print" <<'EOF'
set -a
eval "$(cat)"
printf '%s|%s|%s\n' "$NODE_OPTIONS" "$JAVA_TOOL_OPTIONS" "$(env | sed -n 's/^CGTUNE_SET=//p')"
EOF
is "set -a; eval" "$(sh "$tmp/print" <"$tmp/file")" \
	"--max-old-space-size=768|-XX:MaxRAM=1024m|GOMEMLIMIT=921MiB;JAVA_TOOL_OPTIONS=-XX:MaxRAM=1024m;NODE_OPTIONS=--max-old-space-size=768;"
is "export: eval" "$(CGTUNE_MEMORY=1G "$cgtune" env --runtime java,node --format=export |
	sed '1i set -u' | sh -c 'eval "$(cat)"; env' | grep -c '^NODE_OPTIONS=--max-old-space-size=768$')" 1
is "then there is nothing to change" \
	"$(set -a && eval "$(cat "$tmp/file")" && CGTUNE_MEMORY=1G "$cgtune" env --runtime java,node)" "$(cat "$tmp/file")"

echo "# warnings and wrong usage"
is "a bad CGTUNE_ENV" "$(env_of CGTUNE_MEMORY=1G CGTUNE_ENV=fortran --)" "GOMEMLIMIT=921MiB
CGTUNE_SET='GOMEMLIMIT=921MiB;'
cgtune: warning: CGTUNE_ENV=fortran is not 0 or a list of blas, rust, dotnet, java, node, erlang, magick, build, python;\
 used instead: the default variables"
fails "a group that is none" 2 '^cgtune: fortran: --runtime wants 0 or a list' "$cgtune" env --runtime fortran
fails "a format that is none" 2 '^cgtune: yaml: --format wants' "$cgtune" env --format yaml
fails "an argument" 2 '^cgtune: x: env takes no argument' "$cgtune" env x
fails "an option that is none" 2 'unrecognized option' "$cgtune" env --frob
fails "standard output is full" 1 '^cgtune: standard output: No space left' sh -c "CGTUNE_MEMORY=1G '$cgtune' env >/dev/full"
ok "--help" sh -c "'$cgtune' env --help | grep -q -e --runtime"

done_testing
