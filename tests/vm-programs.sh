#!/bin/sh
# vm-programs.sh - the matrix of programs on 8 CPUs, with quotas of 1.5, 2 and 3, on cgroup v2 and v1: part of `make check-vm`
#
# CGTUNE_PROGRAM_VMS names other pairs of kernel and cgroup mode than the ones below. The first has the quota of 1.5, and the
# rows that run once, the others have 2 and 3; CGTUNE_PROGRAMS=all has every row with every quota in all of them. The VMs run
# at the same time.
set -u
srcdir=$(cd "${srcdir:-.}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)
export srcdir top_builddir
src=$srcdir/tests
vms=${CGTUNE_PROGRAM_VMS:-"6.1:v2 5.10:v1"}

# rows WORD...: of the matrix, without those that tests/vm/programs has one of the words for
rows() {
	[ "${CGTUNE_PROGRAMS:-}" != all ] || set -- none
	pattern=$(printf '%s\\|' "$@")
	sed -n "s/^\(${pattern%??}\) //p" "$src/vm/programs" >"$output.without"
	grep -Fvx -f "$output.without" "$output.all"
}

# A row that is gone or has another name would be run at the full price.
check_names() {
	sed -n 's/^\(once\|never\) //p' "$src/vm/programs" | grep -Fvx -f "$output.all" | while read -r name; do
		echo "# $name"
	done >"$output.unknown"
	cat "$output.unknown"
	result=ok
	[ ! -s "$output.unknown" ] || result='not ok'
	say "$result" "tests/vm/programs names rows of the matrix"
}

# matrix VM: in the background, as the emulator has one thread
matrix() {
	quotas='2 3'
	if [ "${CGTUNE_PROGRAMS:-}" = all ]; then
		quotas='1.5 2 3'
	elif [ "$1" = "$first" ]; then
		quotas=1.5
	fi
	for cpus in $quotas; do sed "s/^/$cpus /" "$output.often"; done >"$output.$1.rows"
	if [ "$1" = "$first" ]; then sed 's/^/1.5 /' "$output.once" >>"$output.$1.rows"; fi
	boot programs "$1" -H -c 8 -M 2048 -t 3000 -f "$output.$1.rows:/vm/rows" \
		-- env srcdir="$srcdir" top_builddir="$top_builddir" sh "$src/vm-programs.sh" &
}

outside() {
	# shellcheck source=tests/vm/tap
	. "$src/vm/tap"
	sh "$src/programs/run" -n | sed 's/:[^:]*$//' >"$output.all"
	check_names
	rows once never >"$output.often"
	rows never | grep -Fvx -f "$output.often" >"$output.once"
	sh "$src/programs/run" -B >&2
	first=${vms%% *} booted=
	for vm in $vms; do
		host_is_missing "$vm" && continue
		matrix "$vm"
		booted="$booted $vm"
	done
	wait
	for vm in $booted; do report programs "$vm"; done
	echo "1..$count"
}

# quota CPUS: the rows that are for it
quota() {
	grep -q "^$1 " /vm/rows || return
	sed -n "s/^$1 //p" /vm/rows | xargs -d '\n' sh "$src/programs/run" -c "$1" -s 5 >/vm/tap
	sed "s/ - programs: / - $1 CPUs: /" /vm/tap
	# It says how many there were when it came to the end of them.
	grep -q '^1\.\.' /vm/tap || failed=1
}

if [ "${CGTUNE_VM:-0}" = 1 ]; then
	failed=0
	for cpus in 1.5 2 3; do quota "$cpus"; done
	exit $failed
fi
outside
