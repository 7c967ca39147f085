#!/bin/sh
# vm.sh - the real-cgroup and container tests on real kernels, in one TAP stream: `make check-vm`
#
# CGTUNE_VMS names other pairs of kernel and cgroup mode than the ones below.
set -u
src=$(cd "${srcdir:-.}/tests" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
vms=${CGTUNE_VMS:-"5.10:v1 5.10:v2 6.1:v1 6.1:v2 6.1:hybrid 6.12:hybrid-mem 6.12:v2 newest:v2"}
count=0

say() {
	count=$((count + 1))
	echo "$1 $count - $2"
}

# Give the TAP of one program in one VM our numbers, and its name to every line.
renumber() {
	while read -r line; do
		case $line in
		"1..0 # SKIP"*) say ok "$1 # SKIP ${line#*SKIP}" ;;
		"1.."*) ;;
		"ok "*) say ok "$1: ${line#ok * - }" ;;
		"not ok "*) say "not ok" "$1: ${line#not ok * - }" ;;
		*) echo "# $1: $line" ;;
		esac
	done
}

# program VM NAME COMMAND...: one boot. The lines go through a file, as count must outlive the loop.
program() {
	vm=$1 name=$2
	shift 2
	sh "$src/vm/run" -k "${vm%:*}" -m "${vm#*:}" -L "$build/.libs" -t 600 "$@" >"$output" 2>"$output.err" </dev/null
	status=$?
	tr -d '\r' <"$output" >"$output.tap"
	renumber "$vm $name" <"$output.tap"
	if grep -q '^not ok' "$output.tap"; then
		return
	fi
	# A program that died says nothing of the tests that it did not come to.
	if [ $status -ne 0 ]; then
		sed "s/^/# /" "$output.err"
		say "not ok" "$vm $name: ended with status $status"
	elif ! grep -Eq '^(ok|1\.\.0)' "$output.tap"; then
		say "not ok" "$vm $name: no test ran"
	fi
}

output=$(mktemp) || exit 1
trap 'rm -f "$output" "$output.err" "$output.tap"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for vm in $vms; do
	if ! command -v qemu-system-x86_64 >/dev/null; then
		say ok "$vm # SKIP qemu-system-x86 is not installed"
	elif ! sh "$src/vm/kernels" "${vm%:*}" >/dev/null 2>"$output"; then
		say ok "$vm # SKIP $(head -n 1 "$output")"
	else
		program "$vm" limits -- "$build/tests/real-limits"
		program "$vm" usage -- "$build/tests/real-usage"
		program "$vm" live -- "$build/tests/real-live"
		program "$vm" told -- "$build/tests/real-told"
		program "$vm" container -C -f "$build/cgtune" -f "$build/tests/live-print" -f "$src/container.sh" \
			-- env top_builddir="$build" sh "$src/container.sh"
	fi
done
echo "1..$count"
