#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# deploy-oci.sh - the OCI hook of examples/deploy in runc: the names of containers, and that they start whatever happens
#
# In a mount namespace of its own, with an own /run, where names are kept, and an own /sys/fs/bpf.
# shellcheck disable=SC2016 # the commands are for other shells
if [ "$(id -u)" != 0 ] || ! command -v runc >/dev/null; then
	echo "1..0 # SKIP not root, or runc is not installed"
	exit 0
fi
if [ "${CGTUNE_TEST_PRIVATE:-}" != 1 ]; then
	CGTUNE_TEST_PRIVATE=1 exec unshare -m --propagation private sh "$0"
fi
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"
names=/run/cgtune-names
mount -t tmpfs tmpfs /run
mount -t bpf bpf /sys/fs/bpf || echo "# no BPF file system"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	stat=/sys/fs/cgroup/cpu.stat
else
	stat=/sys/fs/cgroup/cpu/cpu.stat
fi
for busybox in "$(command -v busybox)" /bin/busybox /usr/bin/busybox; do
	[ ! -f "$busybox" ] || break
done
mkdir -p "$tmp/rootfs/bin" "$tmp/bin"
cp "$busybox" "$tmp/rootfs/bin/busybox"
ln -s busybox "$tmp/rootfs/bin/sh"

# What a failed test leaves; frozen ones first.
# shellcheck disable=SC2317
clean_containers() {
	echo THAWED >"/sys/fs/cgroup/freezer/$me-frozen/freezer.state"
	for state in "$tmp"/state/*; do
		[ -d "$state" ] && runc --root "$tmp/state" delete --force "${state##*/}"
	done
	"$cgtune" probe stop
	umount /sys/fs/bpf
	clean
} 2>/dev/null
trap clean_containers EXIT

# hook COMMAND: the hook as it is installed, for a command in place of /usr/bin/cgtune
hook() {
	mkdir -p "$tmp/bin"
	ln -sf "$1" "$tmp/bin/cgtune"
	sed "s|@bindir@|$tmp/bin|" "$srcdir/examples/deploy/oci/oci-hook.in" >"$tmp/oci-hook"
	chmod +x "$tmp/oci-hook"
}

# config ARGUMENTS ANNOTATIONS: with the hook of examples/deploy/oci, as podman and CRI-O put it there
config() {
	cat >"$tmp/config.json" <<-END
		{ "ociVersion": "1.0.2", "hostname": "box", "annotations": { $2 },
		  "root": { "path": "rootfs", "readonly": true },
		  "process": { "cwd": "/", "user": { "uid": 0, "gid": 0 }, "env": [ "PATH=/bin" ], "args": [ $1 ] },
		  "hooks": { "createRuntime": [ $(sed "s|@pkglibexecdir@|$tmp|" "$srcdir/examples/deploy/oci/50-cgtune.json.in" |
			"$json" hook) ] },
		  "mounts": [
		    { "destination": "/proc", "type": "proc", "source": "proc" },
		    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [ "ro" ] },
		    { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": [ "ro" ] } ],
		  "linux": { "cgroupsPath": "/$me/box", "resources": { "cpu": { "quota": 10000, "period": 100000 } },
		    "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "uts" }, { "type": "cgroup" } ] } }
	END
}

# container ID [OPTION...]: what it says in $tmp/out; in a minute it has started or never will
container() {
	id=$1
	shift
	run timeout -s KILL 60 runc --root "$tmp/state" run "$@" --bundle "$tmp" "$id"
}

# starts NAME: in spite of what the hook does
starts() {
	container "$me-try"
	is "$1: the container starts" "$status $(cat "$tmp/out")" "0 started" || sed 's/^/# /' "$tmp/err"
}

# false_command NAME BODY: starts with a command that does that
false_command() {
	printf '#!/bin/sh\n%s\n' "$2" >"$tmp/false"
	chmod +x "$tmp/false"
	hook "$tmp/false"
	starts "$1"
}

started='"sh", "-c", "echo started"'
hook "$cgtune"
config "$started" ''
container "$me-try"
if [ "$status" != 0 ] && ! grep -q hook "$tmp/err"; then
	echo "1..0 # SKIP runc runs no container here: $(tail -n 1 "$tmp/err")"
	exit 0
fi

echo "# the hook"
starts "no probe"
is "its groups have the name" "$(sed -n 1p "$names"/* | sort -u)" "$me-try"
is "and their path" "$(sed -n 2p "$names"/* | sort -u)" "/$me/box"
false_command "a command that fails" 'echo noise; echo noise >&2; exit 1'
false_command "a command that dies" 'kill -SEGV $$'
false_command "a command that is none" 'syntax ) error'
false_command "a command that stops reading" 'exec <&-; sleep 0.1'
hook "$tmp/nowhere"
starts "no command"
false_command "a command that hangs" "echo \$\$ >'$tmp/pid'; trap '' TERM INT HUP; while :; do sleep 1; done"
ok "it is killed" await sh -c '! kill -0 "$(cat "$1/pid")"' - "$tmp"
frozen=/sys/fs/cgroup/freezer/$me-frozen
if mkdir "$frozen" 2>/dev/null; then
	false_command "a command that cannot be killed" "echo 0 >$frozen/cgroup.procs; echo FROZEN >$frozen/freezer.state; sleep 9"
	ok "it is left behind" test -n "$(cat "$frozen/cgroup.procs")"
	echo THAWED >"$frozen/freezer.state"
	ok "it ends when it can" await sh -c 'test -z "$(cat "$1/cgroup.procs")"' - "$frozen"
else
	skip "a command that cannot be killed" "a frozen process can be on v2"
fi
hook "$cgtune"
chmod -x "$tmp/oci-hook"
starts "a hook that is not executable"
rm "$tmp/oci-hook"
starts "no hook"

echo "# what register is told"
fails "nothing" 1 'no state of a container' "$cgtune" probe register
fails "a name without a process" 2 'go together' "$cgtune" probe register --name x
fails "a process without a name" 2 'go together' "$cgtune" probe register --pid 1
fails "no such process" 1 "the container's cgroups: no such process" "$cgtune" probe register --name x --pid 4194305
fails "a name of two lines" 2 'one line' "$cgtune" probe register --name 'x
y' --pid $$
fails "a name that is too long" 2 'at most 767' "$cgtune" probe register --name "$(head -c 1000 /dev/zero | tr '\0' x)" --pid $$
# refused NAME TEXT: as a state
refused() {
	printf %s "$2" >"$tmp/in"
	run sh -c '"$1" probe register <"$2"' - "$cgtune" "$tmp/in"
	is "$1" "$status $(grep -c 'no state of a container' "$tmp/err")" "1 1"
}
refused "no JSON" '{ "id": "x", "pid": '
refused "no object" '[ 1 ]'
refused "no pid" '{ "id": "x" }'
refused "no pid that is a number" '{ "id": "x", "pid": "1" }'
refused "a pid below 1" '{ "id": "x", "pid": 0 }'
refused "no id" "{ \"pid\": $$ }"

# state PID ID ANNOTATIONS: the names that this gives, with their paths
state() {
	rm -rf "$names"
	printf '{ "ociVersion": "1.0.2", "id": "%s", "pid": %s, "bundle": "/b", "status": "creating", "annotations": { %s } }' \
		"$2" "$1" "$3" >"$tmp/in"
	run sh -c '"$1" probe register <"$2"' - "$cgtune" "$tmp/in"
	for file in "$names"/*; do paste -s -d' ' "$file"; done | sort -u | paste -s -d, -
}
start "$cgtune" run --name "$me-a" --cpus 1 -- sh -c 'echo "ready $$"; exec sleep 600' || await grep -q ready "$tmp/said"
pid=$(sed -n 's/^ready //p' "$tmp/said")
path=$("$cgtune" stalls --pid "$pid" --json | "$json" groups.0.path)
is "containerd's pods" "$(state "$pid" 0123 '"io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.sandbox-name": "web-1",
	"io.kubernetes.cri.sandbox-namespace": "default"' | grep -o "^default/web-1/app $path")" "default/web-1/app $path"
is "CRI-O's pods" "$(state "$pid" 0123 '"io.kubernetes.container.name": "app", "io.kubernetes.pod.name": "web-1",
	"io.kubernetes.pod.namespace": "default"' | grep -o "^default/web-1/app $path")" "default/web-1/app $path"
is "a pod's own container" "$(state "$pid" 0123 '"io.kubernetes.cri.sandbox-name": "web-1",
	"io.kubernetes.cri.sandbox-namespace": "default"' | grep -o "^default/web-1 $path")" "default/web-1 $path"
is "annotations that are no strings" "$(state "$pid" 0123 '"io.kubernetes.pod.name": 1, "io.kubernetes.pod.namespace": []' |
	grep -o "^0123 $path")" "0123 $path"
is "stalls tells it" "$("$cgtune" stalls --cgroup "$path" --json | "$json" groups.0.name)" 0123
ok "in its table, too" sh -c '"$1" stalls --cgroup "$2" | grep -q "$2 = 0123\$"' - "$cgtune" "$path"
run "$cgtune" top --once --json --interval 0.1 --filter 'by name'
is "top finds none by a name that there is not" "$("$json" -n groups <"$tmp/out")" 0
exported() {
	grep -c "^cgtune_cpu_limit_cpus{cgroup=\"$path\"$1} 1\$" "$tmp/names.prom"
}
"$cgtune" export --textfile "$tmp/names.prom" --interval 1 --bpffs "$tmp" &
writer=$!
await exported ',name="0123"' >/dev/null
is "export labels it" "$(exported ',name="0123"')" 1
"$cgtune" probe register --name 'by name "x"' --pid "$pid"
run "$cgtune" top --once --json --interval 0.1 --filter 'BY NAME'
is "top finds it by a new one" "$("$json" groups.0.path groups.0.name <"$tmp/out" | paste -s -d'|')" "$path|by name \"x\""
run "$cgtune" top --once --interval 0.1 --tree --filter 'by name'
ok "in a tree, too" grep -q "^ .* ${path##*/} = by name \"x\"\$" "$tmp/out"
await exported ',name="by name \\"x\\""' >/dev/null
is "export labels it anew" "$(exported ',name="by name \\"x\\""') $(exported ',name="0123"')" "1 0"
rm -rf "$names"
await exported '' >/dev/null
is "and has no label where there is no name" "$(exported '')" 1
kill "$writer"
wait "$writer"
run "$cgtune" probe register --name x --pid "$pid"
chmod 777 "$names"
fails "a folder that others may write" 1 'not permitted' "$cgtune" probe register --name x --pid "$pid"
is "is not read" "$("$cgtune" stalls --cgroup "$path" --json | "$json" groups.0.name)" null
rm -rf "$names"
kill "$started"
mkdir -p "${stat%/*}/$me-box.77aa/container"
sleep 600 &
started=$!
echo "$started" >"${stat%/*}/$me-box.77aa/container/cgroup.procs"
is "the groups of the container above the process" "$(state "$started" 77aa '' | tr , '\n' | grep "^77aa /$me-" | paste -s -d, -)" \
	"77aa /$me-box.77aa,77aa /$me-box.77aa/container"
kill "$started"
wait "$started"
rmdir "${stat%/*}/$me-box.77aa/container" "${stat%/*}/$me-box.77aa"
rm -rf "$names"

# Of our groups alone: a removed group's place in the probe's array is taken by the next one that is stopped.
echo "# with a probe"
mkdir -p "${stat%/*}/$me"
if ! "$cgtune" probe start --subtree "/$me" >"$tmp/out" 2>&1; then
	skip "the probe" "$(cat "$tmp/out")"
	done_testing
fi
"$cgtune" stalls --follow --json >"$tmp/follow" &
follower=$!
hook "$cgtune"
config "\"sh\", \"-c\", \"until busybox grep -Eq 'nr_throttled ([3-9]|[1-9][0-9])' $stat; do :; done; echo started\"" ''
container "$me-one"
is "a container that its quota stops" "$status $(cat "$tmp/out")" "0 started" || sed 's/^/# /' "$tmp/err"
run "$cgtune" stalls --json
for i in $(seq 0 $(($("$json" -n groups <"$tmp/out") - 1))); do
	"$json" "groups.$i.name" "groups.$i.path" "groups.$i.throttles" <"$tmp/out" | paste -s -d' ' -
done | grep "^$me-one " >"$tmp/row"
ok "its counts have its name when it is gone" grep -Eq "^$me-one null [1-9]" "$tmp/row" || sed 's/^/# /' "$tmp/out"
ok "in the table, too" sh -c '"$1" stalls | grep -Eq "  $2-one \(removed, inode [0-9]+\)\$"' - "$cgtune" "$me"
ok "and each of its stops" await grep -q "\"limit_name\":\"$me-one\"" "$tmp/follow"
sleep 600 &
started=$!
"$cgtune" probe register --name other --pid "$started"
ok "the name stays while it is counted" grep -q "^$me-one\$" "$names"/*
"$cgtune" probe stop
wait "$follower"
"$cgtune" probe register --name other --pid "$started"
ok "and not longer" sh -c '! cat "$1"/* | grep -q "^$2-one\$"' - "$names" "$me"
kill "$started"

done_testing
