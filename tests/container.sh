#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Owns the tests in real containers: cgroups v1 or v2, with and without a cgroup namespace, mounts that are hidden.
# Prints TAP. Needs root, busybox, and what CGTUNE_RUNTIME names: runc (the default) or crun. $top_builddir has the built
# cgtune, tests/live-print and live-limiter.

set -eu
runtime=${CGTUNE_RUNTIME:-runc}

# crun takes a machine for hybrid and refuses, if a cgroup2 is mounted beside v1: here is a view of it without.
if [ "$runtime$(id -u)" = crun0 ] && [ -z "${CGTUNE_CONTAINER_INSIDE:-}" ] && grep -q '^[^ ]* /sys/fs/cgroup/unified ' /proc/mounts; then
    # shellcheck disable=SC2016 # for the inner shell
    CGTUNE_CONTAINER_INSIDE=1 exec unshare -m --propagation private sh -c 'umount /sys/fs/cgroup/unified && exec sh "$0"' "$0"
fi

build=$(cd "${top_builddir:-.}" && pwd)
group=cgtune-test-$$
tmp='' controls='' access='' ran=0 failed=0
sys=/sys/fs/cgroup

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

# What the runtime, and the parents that it made, leave: containers, cgroups, controllers switched on at the top of v2.
# shellcheck disable=SC2317,SC2329 # the trap calls it
clean() {
    trap '' INT TERM HUP
    for state in "$tmp"/state/*; do
        [ -d "$state" ] && run_time delete --force "${state##*/}" >/dev/null 2>&1
    done
    for try in 1 2 3 4 5 6 7 8 9 10; do
        find "$sys" -depth -type d -path "*/$group*" -exec rmdir {} \; 2>/dev/null
        [ -n "$(find "$sys" -type d -path "*/$group")" ] || break
        sleep "0.$try"
    done
    if [ -n "$controls" ]; then
        tr ' ' '\n' <"$sys/cgroup.subtree_control" | while read -r controller; do
            case " $controls " in
            *" $controller "*) ;;
            *) echo "-$controller" >"$sys/cgroup.subtree_control" ;;
            esac
        done 2>/dev/null
    fi
    rm -rf "$tmp"
}

run_time() {
    "$runtime" --root "$tmp/state" "$@"
}

is() { # NAME GOT WANTED
    ran=$((ran + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $ran - $1"
    else
        echo "not ok $ran - $1: got '$2', not '$3'"
        failed=$((failed + 1))
    fi
}

# A program that libtool built: itself, and not the script that stands for it.
program() {
    if [ -x "$build/${1%"${1##*/}"}.libs/${1##*/}" ]; then
        echo "$build/${1%"${1##*/}"}.libs/${1##*/}"
    else
        echo "$build/$1"
    fi
}

# What ldd(1), a bash script, does; then every library into one folder, and the loader where the program looks for it.
place() {
    cp "$1" "$tmp/rootfs/bin/"
    LD_TRACE_LOADED_OBJECTS=1 LD_LIBRARY_PATH="$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$1" |
        sed -nE 's/^[[:space:]]+(.* => )?(\/.*) \(0x[0-9a-f]+\)$/\2/p' | while read -r library; do
        case ${library##*/} in
        ld-*) mkdir -p "$tmp/rootfs${library%/*}" && cp -L "$library" "$tmp/rootfs$library" ;;
        *) cp -L "$library" "$tmp/rootfs/lib/cgtune/" ;;
        esac
    done
}

make_rootfs() {
    mkdir -p "$tmp/rootfs/bin" "$tmp/rootfs/lib/cgtune"
    cp "$busybox" "$tmp/rootfs/bin/busybox"
    ln -s busybox "$tmp/rootfs/bin/sh"
    ln -s busybox "$tmp/rootfs/bin/cat"
    place "$(program cgtune)"
    place "$(program tests/live-print)"
    place "$(program tests/live-limiter)"
}

config() { # NAMESPACE CGROUP LIMITS COMMAND; the way that docker makes them, but for $access to the cgroups: ro, rw, hidden, masked
    case ${access:-ro} in
    hidden) cgroup_mount='{ "destination": "/sys/fs/cgroup", "type": "tmpfs", "source": "tmpfs", "options": [ "ro" ] }' ;;
    *) cgroup_mount='{ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
      "options": [ "nosuid", "noexec", "nodev", "relatime", "'$(echo "${access:-ro}" | sed s/masked/ro/)'" ] }' ;;
    esac
    case $1 in
    private) cgroup_namespace=', { "type": "cgroup" }' ;;
    host) cgroup_namespace= ;;
    esac
    cat >"$tmp/config.json" <<END
{ "ociVersion": "1.0.2", "hostname": "box",
  "root": { "path": "rootfs", "readonly": true },
  "process": { "cwd": "/", "user": { "uid": 0, "gid": 0 }, "noNewPrivileges": true,
    "env": [ "PATH=/bin", "LD_LIBRARY_PATH=/lib/cgtune" ], "args": [ "sh", "-c", "$4" ] },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": [ "nosuid", "mode=755" ] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [ "nosuid", "noexec", "nodev", "ro" ] },
    $cgroup_mount ],
  "linux": {
    "cgroupsPath": "$2", "resources": { $3 },
    "maskedPaths": [ $([ "${access:-ro}" != masked ] || echo '"/sys/fs/cgroup", ')"/proc/kcore", "/proc/keys", "/sys/firmware" ],
    "readonlyPaths": [ "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys" ],
    "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }$cgroup_namespace ] } }
END
}

run() { # ID [OPTION...]: the container's output, of both kinds
    id=$1
    shift
    run_time run "$@" --bundle "$tmp" "$id" </dev/null
}

# A member of an object of "cgtune show --json" on standard input.
member() { # OBJECT MEMBER
    tr -d ' \n' | sed -nE 's|\\/|/|g; s/.*"'"$1"'":\{[^}]*"'"$2"'":("([^"]*)"|([^,}]*)).*/\2\3/p'
}

# The file that decided; "cpu" is a link to "cpu,cpuacct" on many machines.
file_of() { # OBJECT
    member "$1" from | sed 's|^/sys/fs/cgroup/cpu,cpuacct/|/sys/fs/cgroup/cpu/|'
}

# The limits that the container was given, and the very file that has them.
limits() { # NAMESPACE
    config "$1" "/$group/limits" "$half_a_cpu, $quarter_of_a_gib" \
        'exec cgtune show --json'
    run "$group-limits" >"$tmp/show" 2>"$tmp/errors" || :
    sed 's/^/# /' "$tmp/errors"
    is "$1 namespace: CPU limit" "$(member cpu limit <"$tmp/show")" 0.5
    is "$1 namespace: memory limit" "$(member memory limit <"$tmp/show")" 268435456
    is "$1 namespace: threads" "$(member threads value <"$tmp/show")" 1
    is "$1 namespace: budget" "$(member budget value <"$tmp/show")" 241591910
    where=
    if [ "$version $1" = '2 host' ]; then where=/$group/limits; fi
    is "$1 namespace: CPU limit from" "$(file_of cpu <"$tmp/show")" "$cpu$where/$quota_file"
    is "$1 namespace: memory limit from" "$(file_of memory <"$tmp/show")" "$memory$where/$memory_file"
    is "$1 namespace: no warning" "$(tr -d ' \n' <"$tmp/show" | grep -c '"warnings":\[\]')" 1
}

# What may be written is read alike; where nothing can be seen no limit is known, which is no error, and a variable stands in.
access_to_cgroups() { # NAMESPACE
    for access in rw hidden masked; do
        wanted='null null null'
        [ $access != rw ] || wanted='0.5 268435456 1'
        config "$1" "/$group/limits" "$half_a_cpu, $quarter_of_a_gib" \
            'cgtune show --json; echo \"status $?\"; CGTUNE_CPUS=0.5 CGTUNE_MEMORY=64M exec cgtune show --json'
        run "$group-limits" >"$tmp/show" 2>"$tmp/errors" || :
        sed 's/^/# /' "$tmp/errors"
        sed '/^status/,$d' "$tmp/show" >"$tmp/plain"
        threads=$(member threads value <"$tmp/plain")
        [ $access = rw ] || [ "$threads" != "$(nproc)" ] || threads=null
        is "$1 namespace, $access: what is seen" "$(member cpu limit <"$tmp/plain") $(member memory limit <"$tmp/plain") $threads" "$wanted"
        is "$1 namespace, $access: status, warnings" \
            "$(grep '^status' "$tmp/show") $(tr -d ' \n' <"$tmp/plain" | grep -c '"warnings":\[\]')" 'status 0 1'
        is "$1 namespace, $access: variables" "$(sed '1,/^status/d' "$tmp/show" | member budget value)" 60397977
    done
    access=
}

wait_for() { # LINE FILE: and what it came to
    for try in $(seq 100); do
        [ "$(tail -n 1 "$2" 2>/dev/null)" != "$1" ] || break
        sleep 0.1
    done
    tail -n 1 "$2"
}

write() { # VALUE DIRECTORY FILE
    echo "$1" >"$2/$3"
}

# Limits on the parent only. A v1 container sees no more than its own cgroup, but there the kernel sums up memory.
nested() {
    slice=$group/slice
    if [ "$version" = 2 ]; then
        write '+cpu +memory' "$sys" cgroup.subtree_control
        mkdir -p "$sys/$group"
        write '+cpu +memory' "$sys/$group" cgroup.subtree_control
        mkdir "$sys/$slice"
        write '50000 100000' "$sys/$slice" cpu.max
        write 268435456 "$sys/$slice" memory.max
    else
        mkdir -p "$sys/cpu/$slice" "$sys/memory/$slice"
        write 50000 "$sys/cpu/$slice" cpu.cfs_quota_us
        write 268435456 "$sys/memory/$slice" memory.limit_in_bytes
    fi
    config host "/$slice/child" '' 'cgtune show --json; echo shown; exec busybox sleep 1000'
    run "$group-nested" --detach --pid-file "$tmp/pid" >"$tmp/show" 2>"$tmp/errors"
    wait_for shown "$tmp/show" >/dev/null
    is 'parent: memory limit' "$(member memory limit <"$tmp/show")" 268435456
    if [ "$version" = 2 ]; then
        is 'parent: CPU limit' "$(member cpu limit <"$tmp/show")" 0.5
        is 'parent: CPU limit from' "$(file_of cpu <"$tmp/show")" "$sys/$slice/cpu.max"
        is 'parent: memory limit from' "$(file_of memory <"$tmp/show")" "$sys/$slice/memory.max"
    else
        is 'parent: memory limit from' "$(file_of memory <"$tmp/show")" "$memory/memory.stat"
        is 'parent: CPU limit is out of sight' "$(member cpu limit <"$tmp/show")" null
    fi
    "$build/cgtune" show --json --pid "$(cat "$tmp/pid")" >"$tmp/show"
    is 'parent, from the host: CPU limit' "$(member cpu limit <"$tmp/show")" 0.5
    is 'parent, from the host: memory limit' "$(member memory limit <"$tmp/show")" 268435456
    run_time delete --force "$group-nested"
}

# A quota that the container cannot see shows in what it did: the kernel counts all stops since 6.6.
# While the container computes it is so small that it is used up on any machine, however little of its CPUs we get.
out_of_sight() {
    quota=$sys/cpu/$slice/cpu.cfs_quota_us stat=$sys/cpu/$slice/cpu.stat
    if [ "$version" = 2 ]; then quota=$sys/$slice/cpu.max stat=$sys/$slice/cpu.stat; fi
    config private "/$slice/hidden" '' 'echo ready; busybox timeout 300 sh -c \"while cat /sys/fs/cgroup/cpu.stat.local /sys/fs/cgroup/cpu/cpu.stat.local 2>/dev/null | grep -qw 0; do :; done\"; cgtune show --json --why; echo done; exec busybox sleep 1000'
    run "$group-hidden" --detach >"$tmp/show" 2>"$tmp/errors" || :
    for try in $(seq 3000); do
        ! grep -q ready "$tmp/show" || break
        sleep 0.1
    done
    stopped=$(sed -n 's/^nr_throttled //p' "$stat")
    echo 2000 >"$quota"
    for try in $(seq 3000); do
        [ "$(tail -n 1 "$tmp/show")" != "done" ] || break
        # A few stops will do.
        [ "$(sed -n 's/^nr_throttled //p' "$stat")" -lt $((stopped + 5)) ] || echo 50000 >"$quota"
        sleep 0.1
    done
    run_time delete --force "$group-hidden"
    is 'quota out of sight: CPU limit' "$(member cpu limit <"$tmp/show")" null
    [ -e "$cpu/$slice/cpu.stat.local" ] || return 0
    is 'quota out of sight: hint' "$(member throttle hint <"$tmp/show" | cut -c 1-31)" 'throttledthoughnoquotaisvisible'
}

update() {
    run_time update "$@" "$group-live" >"$tmp/errors" 2>&1 || sed 's/^/# /' "$tmp/errors"
}

# Limits that are changed from outside wake a program inside.
live() { # NAMESPACE
    config "$1" "/$group/live" "$half_a_cpu, $quarter_of_a_gib" 'exec live-print'
    run "$group-live" --detach >"$tmp/lines" 2>&1
    is "$1 namespace, live: at the start" "$(wait_for 'threads 1 budget 241591910' "$tmp/lines")" \
        'threads 1 budget 241591910'
    update --memory 134217728
    is "$1 namespace, live: less memory" "$(wait_for 'threads 1 budget 120795955' "$tmp/lines")" \
        'threads 1 budget 120795955'
    update --cpu-quota 150000
    is "$1 namespace, live: more CPU time" "$(wait_for "threads $two budget 120795955" "$tmp/lines")" \
        "threads $two budget 120795955"
    update --cpu-quota 70000
    is "$1 namespace, live: less CPU time" "$(wait_for 'threads 1 budget 120795955' "$tmp/lines")" \
        'threads 1 budget 120795955'
    run_time delete --force "$group-live"
}

# A limiter follows, and loses neither who waits nor a slot.
limiter() {
    config private "/$group/live" "$half_a_cpu, $quarter_of_a_gib" 'exec live-limiter'
    run "$group-live" --detach >"$tmp/lines" 2>&1
    line='0: limit 8 backlog 64 in 8 waiting 32'
    is 'limiter: at the start' "$(wait_for "$line" "$tmp/lines")" "$line"
    update --cpu-quota 150000
    in=$((8 * two))
    line="1: limit $in backlog $((8 * in)) in $in waiting $((40 - in))"
    is 'limiter: more CPU time' "$(wait_for "$line" "$tmp/lines")" "$line"
    update --cpu-quota 50000
    wait_for 'admitted 40 slots 8' "$tmp/lines" >/dev/null
    is 'limiter: less CPU time, and all were admitted' "$(tail -n 2 "$tmp/lines")" \
        "2: limit 8 backlog 64 in $in waiting $((40 - in))
admitted 40 slots 8"
    run_time delete --force "$group-live"
}

[ "$(id -u)" = 0 ] || skip not root
command -v "$runtime" >/dev/null || skip "$runtime" is not installed
# A busybox shell has it built in.
for busybox in "$(command -v busybox)" /bin/busybox /usr/bin/busybox ''; do
    [ ! -f "$busybox" ] || break
done
[ -n "$busybox" ] || skip busybox is not installed
tmp=$(mktemp -d "${TMPDIR:-/tmp}/$group.XXXXXX")
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

half_a_cpu='"cpu": { "quota": 50000, "period": 100000 }'
quarter_of_a_gib='"memory": { "limit": 268435456 }'
two=$(($(nproc) > 1 ? 2 : 1))
if [ -e "$sys/cgroup.controllers" ]; then
    version=2 controls=$(cat "$sys/cgroup.subtree_control") quota_file=cpu.max memory_file=memory.max
    cpu=$sys memory=$sys
elif [ -d "$sys/cpu" ] && [ -d "$sys/memory" ]; then
    version=1 quota_file=cpu.cfs_quota_us memory_file=memory.limit_in_bytes
    cpu=$sys/cpu memory=$sys/memory
else
    skip cpu and memory are not both on v1, nor both on v2
fi
make_rootfs
config private "/$group/try" '' true
run "$group-try" >"$tmp/errors" 2>&1 || skip "$runtime runs no container here: $(tail -n 1 "$tmp/errors")"

limits private
limits host
access_to_cgroups private
access_to_cgroups host
nested
out_of_sight
live private
live host
limiter
echo "1..$ran"
[ "$failed" = 0 ]
