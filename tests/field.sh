#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# field.sh - faults in the field: kill -9 at random moments, no descriptors left
#
# CGTUNE_FIELD_ROUNDS: how many are killed (20; `make check-field`: 200); CGTUNE_FIELD_SEED: to do the same again.
# shellcheck disable=SC2154,SC2317,SC3045 # tap.sh sets tmp; functions are called by name; dash(1) and bash(1) have ulimit -n
srcdir=${srcdir:-.}
if test "$(id -u)" != 0 || ! unshare -m true 2>/dev/null; then
	echo "1..0 # SKIP not root, or no mount namespace can be made"
	exit 0
fi
# In a mount namespace, with which the BPF file system that is mounted below goes.
test -n "${CGTUNE_FIELD_INSIDE:-}" || CGTUNE_FIELD_INSIDE=1 exec unshare -m --propagation private sh "$0"
rounds=${CGTUNE_FIELD_ROUNDS:-20}
seed=${CGTUNE_FIELD_SEED:-$$}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"
group=
spinner=

# A cgroup of v1 or v2 in which somebody is stopped again and again.
make_group() {
	for top in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
		mkdir "$top/$me-stopped" 2>/dev/null || continue
		if test -f "$top/$me-stopped/cpu.max"; then
			echo "5000 50000" >"$top/$me-stopped/cpu.max" && group=$top/$me-stopped && return
		elif test -f "$top/$me-stopped/cpu.cfs_quota_us"; then
			echo 50000 >"$top/$me-stopped/cpu.cfs_period_us" && echo 5000 >"$top/$me-stopped/cpu.cfs_quota_us" &&
				group=$top/$me-stopped && return
		fi
		rmdir "$top/$me-stopped"
	done
	return 1
}

# scarce N ARGUMENT...: with so few descriptors cgtune does it, or says why not; it dies of no signal, and hangs not.
scarce() {
	n=$1
	shift
	status=0
	(ulimit -n "$n" && exec timeout 120 "$cgtune" "$@") >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
	test "$status" -ne 0 || {
		# An answer that is not the usual one comes with a warning.
		test "$1" != show || cmp -s "$tmp/out" "$tmp/usual" || ! grep -q '"warnings": *\[ *\]' "$tmp/out"
		return
	}
	case $status in
	1 | 125 | 126) grep -q '^cgtune: ' "$tmp/err" ;;
	127) grep -q 'loading shared libraries' "$tmp/err" ;;
	*) false ;;
	esac || {
		echo "# $n descriptors: cgtune $*: status $status: $(head -n 1 "$tmp/err")"
		false
	}
}

# scarce_all ARGUMENT...: from none but the standard ones to enough
scarce_all() {
	for left in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		scarce "$left" "$@" || return
	done
	# Those that the test's own starter has open count, too.
	scarce 256 "$@" && test "$status" -eq 0
}

echo "# out of file descriptors"
"$cgtune" show --json >"$tmp/usual"
ok "show" scarce_all show --json
ok "env" scarce_all env
ok "run" scarce_all run -- true
ok "stalls" scarce_all stalls --json
ok "top" scarce_all top --once --json
if "$cgtune" run --cpus 0.5 true 2>/dev/null; then
	ok "run in a cgroup" scarce_all run --cpus 0.5 --name "$me" -- true
	"$cgtune" run --gc >/dev/null
	is "which leaves nothing that --gc does not clear" "$(find /sys/fs/cgroup /run/cgtune -name "$me*")" ""
fi

echo "# kill -9"
if ! command -v python3 >/dev/null 2>&1; then
	skip "kill -9" "no python3(1)"
	done_testing
fi
mkdir "$tmp/bpf"
mount -t bpf -o mode=700 bpf "$tmp/bpf" 2>/dev/null || echo "# no BPF file system can be mounted"
if make_group; then
	# shellcheck disable=SC2016 # the inner shell expands it
	sh -c 'echo $$ >"$1/cgroup.procs"; while :; do :; done' sh "$group" &
	spinner=$!
fi
python3 "$srcdir/tests/field-kill.py" "$cgtune" "$rounds" "$seed" "$tmp/bpf" "$group" \
	>"$tmp/killed" 2>&1 || sed 's/^/# /' "$tmp/killed"
grep '^# [0-9s]' "$tmp/killed"
is "killed at $rounds moments: it came to the end" "$(grep -c '^1\.\.' "$tmp/killed")" 1
is "and all was well" "$(grep -c '^not ok' "$tmp/killed")" 0
sed -n 's/^ok [0-9]* - \([a-z]*\).*/\1/p' "$tmp/killed" | sort | uniq -c | sed 's/^/# checks: /'
grep SKIP "$tmp/killed" | sed 's/^/# /'
test -z "$spinner" || kill -9 "$spinner"
umount "$tmp/bpf" 2>/dev/null
done_testing
