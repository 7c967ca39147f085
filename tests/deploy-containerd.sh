#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# deploy-containerd.sh - the runtime of examples/deploy/containerd, asked for as the kubelet does: part of `make check-deploy`
#
# A containerd of its own, in a mount namespace with an own /run and /sys/fs/bpf; images are made here, no network is used.
# shellcheck disable=SC2016 # the commands are for other shells
for program in containerd ctr runc podman jq curl; do
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
mkdir -p "$tmp/lib" "$tmp/rootfs/bin"
cp "$build/libcgtune-preload.so" "$tmp/lib/"
containerd=

# shellcheck disable=SC2317
clean_containerd() {
	[ -z "$containerd" ] || kill "$containerd"
	wait
	"$cgtune" probe stop
	umount /sys/fs/bpf
	clean
} >/dev/null 2>&1
trap clean_containerd EXIT

# place FILE: with its libraries, into the image
place() {
	cp -L "$1" "$tmp/rootfs/bin/"
	LD_TRACE_LOADED_OBJECTS=1 "$1" | sed -nE 's/^[[:space:]]+(.* => )?(\/.*) \(0x[0-9a-f]+\)$/\2/p' | while read -r library; do
		mkdir -p "$tmp/rootfs${library%/*}"
		cp -L "$library" "$tmp/rootfs$library"
	done
}

# The image of the container and of its pod's sandbox, which waits.
make_image() {
	place "$(command -v nproc)"
	place "$(command -v printenv)"
	cp /bin/busybox "$tmp/rootfs/bin/"
	set -- podman --root "$tmp/images" --runroot /run/podman --tmpdir /run/libpod --storage-driver vfs --events-backend none
	tar -C "$tmp/rootfs" -c . | "$@" import -q --change 'CMD ["/bin/busybox", "sleep", "100000"]' - localhost/app:1
	"$@" save -q --format oci-archive -o "$tmp/app.tar" localhost/app:1
} >"$tmp/image.log" 2>&1

configure() {
	printf '%s\n' 'version = 2' "root = '$tmp/root'" "state = '/run/state'" '[grpc]' "address = '/run/sock'" \
		'[plugins."io.containerd.grpc.v1.cri"]' 'sandbox_image = "localhost/app:1"' 'restrict_oom_score_adj = true' \
		'[plugins."io.containerd.grpc.v1.cri".containerd]' 'snapshotter = "native"' \
		'[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]' 'runtime_type = "io.containerd.runc.v2"'
	sed "s|/etc/containerd/cgtune.json|$tmp/spec.json|" "$deploy/containerd/cgtune.toml"
}

# control WORD...: of that containerd
# shellcheck disable=SC2317
control() {
	ctr --address /run/sock -n k8s.io "$@" >"$tmp/said" 2>&1
}

# pod HANDLER: what a container of one with that runtime says
pod() {
	mkdir -p "$tmp/logs"
	rm -f "$tmp/logs/app.log"
	run python3 "$srcdir/tests/deploy-cri.py" /run/sock "$1" "$me" "$tmp/logs" \
		/bin/busybox sh -c '/bin/nproc; /bin/printenv GOMEMLIMIT; echo end; busybox sleep 100000'
	[ "$status" = 0 ] || sed 's/^/# /' "$tmp/err"
}

make_image
sed "s|@bindir@|$build|" "$deploy/oci/oci-hook.in" >"$tmp/oci-hook"
chmod +x "$tmp/oci-hook"
sed "s|@libdir@|$tmp/lib|; s|@pkglibexecdir@|$tmp|" "$deploy/containerd/make-spec.in" >"$tmp/make-spec"
ok "the specification is made" sh -c 'sh "$1/make-spec" >"$1/spec.json"' - "$tmp"
configure >"$tmp/config.toml"
containerd --config "$tmp/config.toml" >"$tmp/log" 2>&1 &
containerd=$!
echo "# $(containerd --version | cut -d' ' -f2,3)"
ok "containerd starts" await control version || sed 's/^/# /' "$tmp/log"
ok "it has the image" await control image import --snapshotter native "$tmp/app.tar" || sed 's/^/# /' "$tmp/said"
pod ""
if [ "$status" != 0 ]; then
	skip "pods" "containerd runs none here"
	done_testing
fi
is "a pod without the class sees the machine" "$(cat "$tmp/out")" "$(nproc)"
ok "and has no name" test ! -e /run/cgtune-names
pod cgtune
is "one with it sees its quota and its memory" "$(paste -s -d' ' "$tmp/out")" "1 115MiB"
is "its container has the pod's name" "$(sed -n 1p /run/cgtune-names/* | grep -x default/web/app | sort -u)" default/web/app
rm "$tmp/oci-hook"
pod cgtune
is "without the hook it starts, too" "$status $(paste -s -d' ' "$tmp/out")" "0 1 115MiB"
rm "$tmp/lib/libcgtune-preload.so"
run python3 "$srcdir/tests/deploy-cri.py" /run/sock cgtune "$me" "$tmp/logs" /bin/nproc
ok "without the object those of the class do not" grep -q 'libcgtune-preload' "$tmp/err"
pod ""
is "and others do" "$status $(cat "$tmp/out")" "0 $(nproc)"
done_testing
