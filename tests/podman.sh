#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# podman.sh - limits in containers of podman, by crun and by runc, v1 or v2, with and without a cgroup namespace: `make check-podman`
#
# It needs no image but one of busybox that it makes, no network, and leaves nothing: storage, state and mounts are its own.
# shellcheck disable=SC2154,SC2317 # tap.sh sets tmp; functions are called by name
srcdir=${srcdir:-.}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

test "$(id -u)" = 0 || skip_all "not root"
for program in podman conmon busybox; do
	command -v $program >/dev/null || skip_all "$program is not installed"
done
if test -z "${CGTUNE_PODMAN_INSIDE:-}"; then
	unshare -m true 2>/dev/null || skip_all "no mount namespace can be made"
	# crun refuses a cgroup2 beside v1: what is here is without.
	# shellcheck disable=SC2016 # for the inner shell
	CGTUNE_PODMAN_INSIDE=1 exec unshare -m --propagation private sh -c \
		'! grep -q " /sys/fs/cgroup/unified " /proc/mounts || umount /sys/fs/cgroup/unified; exec sh "$0"' "$0"
fi
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
json=$build/tests/json
group=cgtune-podman-$$
image=localhost/$group
mount -t tmpfs -o mode=755 none "$tmp"

# shellcheck disable=SC2329 # the trap calls it
clean() {
	pod rm --all --force --time 0 >/dev/null 2>&1
	pod rmi --all --force >/dev/null 2>&1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} \; 2>/dev/null
		test -n "$(find /sys/fs/cgroup -type d -path "*/$group*" | head -n 1)" || break
		sleep 0.2
	done
	umount -l "$tmp"
	rmdir "$tmp"
}

pod() {
	CONTAINERS_CONF=$tmp/containers.conf timeout 120 podman --root "$tmp/storage" --runroot "$tmp/run" --tmpdir "$tmp/tmp" \
		--storage-driver vfs --cgroup-manager cgroupfs --runtime "$runtime" --conmon "$(command -v conmon)" "$@" </dev/null
}

# The programs come from here; the image has the links to where they find their libraries.
make_image() {
	test ! -e "$tmp/image.tar" || return 0
	mkdir -p "$tmp/root/bin" "$tmp/root/usr" "$tmp/root/sys" "$tmp/root/proc"
	cp "$(command -v busybox)" "$tmp/root/bin/"
	for name in lib lib64; do
		test ! -L /$name || ln -s usr/$name "$tmp/root/$name"
	done
	tar -C "$tmp/root" -cf "$tmp/image.tar" . && pod import -q "$tmp/image.tar" "$image" >/dev/null
}

# in_pod OPTION... -- COMMAND...: half a CPU, 256 MiB
in_pod() {
	pod run --network none --cgroup-parent "/$group" --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --cpus 0.5 \
		--memory 256m -v /usr:/usr:ro -v "$build:$build:ro" -e LD_LIBRARY_PATH="$build/.libs:${LD_LIBRARY_PATH:-}" "$@"
}

values() {
	"$json" cpu.limit memory.limit threads.value budget.value cpu.hierarchy warnings <"$1" | tr '\n' ' '
}

# eventually_says LINE: the last of what the container has said
eventually_says() {
	for _ in $(seq 400); do
		test "$(pod logs "$group" 2>/dev/null | tail -n 1)" = "$1" && return
		sleep 0.05
	done
	return 1
}

by() {
	runtime=$(PATH=$PATH:/usr/sbin command -v "$1") || {
		skip "podman with $1" "$1 is not installed"
		return
	}
	make_image || {
		ok "podman with $1: an image" false
		return
	}
	for namespace in private host; do
		in_pod --rm --cgroupns $namespace "$image" "$build/cgtune" show --json >"$tmp/out" 2>"$tmp/err"
		sed 's/^/# /' "$tmp/err"
		is "podman with $1, $namespace namespace: the limits" "$(values "$tmp/out")" "0.5 268435456 1 241591910 $version [] "
	done
	in_pod --rm --security-opt mask=/sys/fs/cgroup -e CGTUNE_CPUS=0.5 "$image" "$build/cgtune" show --json >"$tmp/out" 2>"$tmp/err"
	is "podman with $1, cgroups hidden: a variable stands in" "$("$json" memory.limit cpu.limit warnings <"$tmp/out" | tr '\n' ' ')" "null 0.5 [] "
	if pod update --help >/dev/null 2>&1; then
		in_pod --detach --name "$group" "$image" "$build/$live" >/dev/null
		ok "podman with $1, live: at the start" eventually_says "threads 1 budget 241591910"
		pod update --memory 128m "$group" >/dev/null
		ok "podman with $1, live: less memory" eventually_says "threads 1 budget 120795955"
		pod rm --force --time 0 "$group" >/dev/null
	else
		skip "podman with $1, live" "this podman has no update"
	fi
}

runtime=runc
trap clean EXIT
printf '[engine]\nevents_logger = "none"\n[containers]\nlog_driver = "k8s-file"\n' >"$tmp/containers.conf"
live=tests/live-print
test ! -x "$build/tests/.libs/live-print" || live=tests/.libs/live-print
version=1
test ! -e /sys/fs/cgroup/cgroup.controllers || version=2
by crun
by runc
done_testing
