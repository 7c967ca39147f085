#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# deploy-podman.sh - the CDI file, the hook's configuration and the pods of examples/deploy in podman, with runc and crun
#
# In a mount namespace of its own, with an own /run, /etc/cdi and /sys/fs/bpf; images are made here, no network is used.
# shellcheck disable=SC2016 # the commands are for other shells
for program in podman runc; do
	if [ "$(id -u)" != 0 ] || ! command -v "$program" >/dev/null; then
		echo "1..0 # SKIP not root, or $program is not installed"
		exit 0
	fi
done
if [ "${CGTUNE_TEST_PRIVATE:-}" != 1 ]; then
	CGTUNE_TEST_PRIVATE=1 exec unshare -m --propagation private sh "$0"
fi
srcdir=$(cd "${srcdir:-.}" && pwd)
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"
deploy=$srcdir/examples/deploy
mount -t tmpfs tmpfs /run
mount -t bpf bpf /sys/fs/bpf || echo "# no BPF file system"
# crun refuses cgroup v2 with controllers beside v1; here it is not looked for.
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
cpu=/sys/fs/cgroup/cpu
[ -d "$cpu" ] || cpu=/sys/fs/cgroup
mkdir /run/cdi "$tmp/hooks" "$tmp/lib"
cp "$build/libcgtune-preload.so" "$tmp/lib/"
# podman builds what has the name of an image and is a folder here.
cd "$tmp/hooks" || exit

# A pod's first container is one that waits, of an image that is here. podman 4.3 does not read seccompProfile.
printf '%s\n' '[containers]' 'default_ulimits = [ "nofile=1024:1024", "nproc=1024:1024" ]' 'seccomp_profile = "unconfined"' '[engine]' \
	'infra_image = "localhost/app:1"' >"$tmp/containers.conf"
export CONTAINERS_CONF="$tmp/containers.conf"

runtime=runc
pod() {
	timeout -s KILL 120 podman --root "$tmp/images" --runroot /run/podman --tmpdir /run/libpod --storage-driver vfs \
		--cgroup-manager cgroupfs --events-backend none --runtime "$runtime" --hooks-dir "$tmp/hooks" "$@"
}

# box OPTION... -- COMMAND...: in a container of the image, with half a CPU and 128 MiB unless BARE is set
box() {
	set -- --rm --network none --cgroup-parent "/$me-box" "$@"
	[ -n "${BARE:-}" ] || set -- --cpus 0.5 --memory 128m "$@"
	run pod run "$@"
}

# shellcheck disable=SC2317
clean_podman() {
	pod pod rm -f -a
	pod rm -f -t 0 -a
	umount /sys/fs/bpf
	find /sys/fs/cgroup -depth -type d \( -path "*/$me*" -o -path '*/libpod_parent*' \) -exec rmdir {} \;
	umount -R "$tmp/images/vfs"
	clean
} >/dev/null 2>&1
trap clean_podman EXIT

# place FILE: with its libraries, into the image; what has other libraries than this machine's is found by them
place() {
	cp -L "$1" "$tmp/rootfs/bin/"
	LD_TRACE_LOADED_OBJECTS=1 "$1" | sed -nE 's/^[[:space:]]+(.* => )?(\/.*) \(0x[0-9a-f]+\)$/\2/p' | while read -r library; do
		mkdir -p "$tmp/rootfs${library%/*}"
		cp -L "$library" "$tmp/rootfs$library"
	done
}

make_images() {
	mkdir -p "$tmp/rootfs/bin"
	place "$(command -v nproc)"
	place "$(command -v printenv)"
	place "$(command -v cat)"
	cp /bin/busybox "$tmp/rootfs/bin/"
	if command -v musl-gcc >/dev/null; then
		printf '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("%%ld\\n", sysconf(_SC_NPROCESSORS_ONLN)); }\n' \
			>"$tmp/musl.c"
		musl-gcc -o "$tmp/rootfs/bin/musl" "$tmp/musl.c"
		mkdir -p "$tmp/rootfs/lib"
		cp -L "$(echo /lib/ld-musl-*)" "$tmp/rootfs/lib/"
	fi
	tar -C "$tmp/rootfs" -c . | pod import -q --change 'CMD ["/bin/busybox", "sh", "-c", "trap exit TERM; sleep 100000 & wait"]' - localhost/app:1
	sed "s|@[a-z]*@|/nowhere|" "$deploy/image/make-image.in" >"$tmp/make-image"
	sh "$tmp/make-image" "$build" | pod import -q --change 'ENTRYPOINT ["/bin/cgtune"]' - localhost/cgtune:0.1.0
} >"$tmp/images.log" 2>&1

test_cdi() {
	sed "s|@libdir@|$tmp/lib|" "$deploy/cdi/cgtune.json.in" >"$1/cgtune.json"
	box --device cgtune/tune=preload localhost/app:1 nproc
	is "$runtime, $1: a container with the device sees its quota" "$status $(cat "$tmp/out")" "0 1" || sed 's/^/# /' "$tmp/err"
	box --device cgtune/tune=preload localhost/app:1 printenv GOMEMLIMIT
	is "$runtime, $1: and its memory" "$(cat "$tmp/out")" 115MiB
	box localhost/app:1 nproc
	is "$runtime, $1: one without the device sees the machine" "$(cat "$tmp/out")" "$(nproc)"
	BARE=1
	box --device cgtune/tune=preload localhost/app:1 nproc
	is "$runtime, $1: so does one without limits" "$(cat "$tmp/out")$(cat "$tmp/err")" "$(nproc)"
	BARE=
	box --device cgtune/tune=preload localhost/app:1 busybox true
	is "$runtime, $1: a static program runs as it did" "$status$(cat "$tmp/out" "$tmp/err")" 0
	if [ -e "$tmp/rootfs/bin/musl" ]; then
		box --device cgtune/tune=preload localhost/app:1 musl
		is "$runtime, $1: one of musl sees its quota" "$status $(cat "$tmp/out" "$tmp/err")" "0 1"
	fi
	box --device cgtune/tune=preload --user 65534 --read-only --cap-drop ALL --security-opt no-new-privileges \
		localhost/app:1 nproc
	is "$runtime, $1: without rights, too" "$status $(cat "$tmp/out" "$tmp/err")" "0 1"
	rm "$1/cgtune.json"
}

# What README says of a removal in the wrong order.
test_cdi_removed() {
	sed "s|@libdir@|$tmp/nowhere|" "$deploy/cdi/cgtune.json.in" >/run/cdi/cgtune.json
	box --device cgtune/tune=preload localhost/app:1 nproc
	ok "without the object a container that asks for it does not start" test "$status" -ne 0
	box localhost/app:1 nproc
	is "others do" "$status $(cat "$tmp/out")" "0 $(nproc)"
	rm /run/cdi/cgtune.json
}

test_hook() {
	sed "s|@bindir@|$build|" "$deploy/oci/oci-hook.in" >"$tmp/oci-hook"
	chmod +x "$tmp/oci-hook"
	sed "s|@pkglibexecdir@|$tmp|" "$deploy/oci/50-cgtune.json.in" >"$tmp/hooks/50-cgtune.json"
	box --cidfile "$tmp/id.$runtime" localhost/app:1 nproc
	is "$runtime: a container with the hook starts" "$status $(cat "$tmp/out")" "0 $(nproc)" || sed 's/^/# /' "$tmp/err"
	ok "$runtime: its id is its cgroup's name" grep -qx "$(cat "$tmp/id.$runtime")" /run/cgtune-names/*
	rm -r "$tmp/oci-hook" /run/cgtune-names
	box localhost/app:1 nproc
	is "$runtime: without the hook's program, too" "$status $(cat "$tmp/out")" "0 $(nproc)" || sed 's/^/# /' "$tmp/err"
	rm "$tmp/hooks/50-cgtune.json"
}

# play FILE KIND PART [EDIT...]: the pod of a file of examples/deploy/kubernetes, after the one that was played before
play() {
	file=$1
	shift
	python3 "$srcdir/tests/deploy-kube.py" pod "$deploy/kubernetes/$file" "$@" >"$tmp/pod.yaml"
	pod pod rm -f -a >/dev/null 2>&1
	run pod play kube --network none "$tmp/pod.yaml"
	[ "$status" = 0 ] || sed 's/^/# /' "$tmp/err"
}

# play_init FILE KIND [EDIT...]: the init containers, to their end; what the last of them says is in $tmp/out
play_init() {
	file=$1 kind=$2
	shift 2
	play "$file" "$kind" init "$@"
	last=$(pod ps -a --format '{{.Names}}' | grep -- "-$init_container\$")
	pod wait "$last" >"$tmp/init" 2>&1
	is "its init container ends in order" "$status $(cat "$tmp/init")" "0 0"
	pod logs "$last" >"$tmp/out" 2>&1
}

# pod_says CONTAINER PATTERN: in the end
# shellcheck disable=SC2317
pod_says() {
	[ "$status" = 0 ] || return 1
	for _ in $(seq 60); do
		! pod logs "$1" 2>&1 | grep -Eq "$2" || return 0
		sleep 0.5
	done
	pod logs "$1" 2>&1 | sed 's/^/# /'
	return 1
}

# The application is one that says what it sees. podman 4.3 has no emptyDir, does not put values in place of $(NAME), and
# wants a network for ports.
test_app_pods() {
	init_container=cgtune
	mkdir -m 777 "$tmp/empty"
	play_init app-preload.yaml Deployment emptyDir="$tmp/empty"
	play app-preload.yaml Deployment main emptyDir="$tmp/empty" app='["/bin/nproc"]'
	ok "a pod that brings the preload object sees its quota" pod_says app-app '^1$'
	rm "$tmp/empty/libcgtune-preload.so"
	mkdir "$tmp/empty/libcgtune-preload.so"
	chmod 000 "$tmp/empty/libcgtune-preload.so"
	play_init app-preload.yaml Deployment emptyDir="$tmp/empty"
	play app-preload.yaml Deployment main emptyDir="$tmp/empty" app='["/bin/nproc"]'
	ok "one that cannot starts without it" pod_says app-app "^$(nproc)\$"
	set --
	for variable in $(python3 "$srcdir/tests/deploy-kube.py" env "$deploy/kubernetes/app-downward.yaml" 500 268435456); do
		set -- "$@" --env "$variable"
	done
	sed "s|@libdir@|$tmp/lib|" "$deploy/cdi/cgtune.json.in" >/run/cdi/cgtune.json
	BARE=1
	box --device cgtune/tune=preload "$@" localhost/app:1 nproc
	is "the limits that the kubelet tells stand in for those of the cgroup" "$status $(cat "$tmp/out")" "0 1"
	box --device cgtune/tune=preload "$@" localhost/app:1 printenv GOMEMLIMIT
	is "of memory, too" "$status $(cat "$tmp/out")" "0 230MiB"
	BARE=
}

# get PATH: of the exporter, which has no network but its own
get() {
	nsenter -t "$(pod inspect -f '{{.State.Pid}}' cgtune-export)" -n curl -s --max-time 60 "http://127.0.0.1:9778$1"
}

test_node_pod() {
	mkdir "$cpu/$me-other"
	init_container=probe
	play_init cgtune.yaml DaemonSet
	ok "the pod of the node: its probe is started, or it says that there is none" \
		grep -Eq '^rung|^counting goes by files' "$tmp/out"
	started=$("$cgtune" probe status 2>/dev/null | sed -n '1s/^rung \([a-z]*\), .*/\1/p')
	sed 's/^/# /' "$tmp/out"
	play cgtune.yaml DaemonSet main without=ports without=readinessProbe without=livenessProbe
	ok "its exporter listens" pod_says cgtune-export '^listening on 0\.0\.0\.0:9778$'
	is "and is healthy" "$(get /healthz)" ok
	get /metrics >"$tmp/metrics"
	ok "it tells of the cgroups of the machine" grep -q "cgroup=\"/$me-other\"" "$tmp/metrics"
	is "by the probe, where there is one" "$(sed -n 's/^cgtune_source_info.*stalls="\([a-z]*\)".*/\1/p' "$tmp/metrics")" "${started:-none}"
	is "its capabilities" "$(sed -n 's/^CapBnd:\t//p' "/proc/$(pod inspect -f '{{.State.Pid}}' cgtune-export)/status")" 000000c000000000
	# shellcheck disable=SC2046 # words of a command
	run pod exec cgtune-export $(python3 "$srcdir/tests/deploy-kube.py" prestop "$deploy/kubernetes/cgtune.yaml")
	ok "what it runs before it ends takes the probe away" sh -c '! "$1" probe status >/dev/null 2>&1' - "$cgtune"
}

make_images
box localhost/app:1 nproc
if [ "$status" != 0 ]; then
	sed 's/^/# /' "$tmp/images.log"
	echo "1..0 # SKIP podman runs no container here: $(tail -n 1 "$tmp/err")"
	exit 0
fi
test_cdi /run/cdi
test_hook
if command -v crun >/dev/null; then
	runtime=crun
	box localhost/app:1 nproc
	if [ "$status" = 0 ]; then
		test_cdi /run/cdi
		test_hook
	else
		skip "crun" "it runs no container here: $(tail -n 1 "$tmp/err")"
	fi
	runtime=runc
fi
test_cdi_removed
test_node_pod
test_app_pods
done_testing
