#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bpftrace.sh - bpftrace(8) traces the library's tracepoints, as cgtune(7) says, while examples pass them
# shellcheck disable=SC2016,SC2317 # commands for other shells; functions by name
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"
library=$build/.libs/libcgtune.so.0
examples=$build/examples

# cannot WHY: the test ends here.
cannot() {
	echo "1..0 # SKIP $1"
	exit 0
}
command -v bpftrace >/dev/null || cannot "no bpftrace(8)"
grep -q '^#define HAVE_SYS_SDT_H 1' "$build/config.log" || cannot "the library was built without <sys/sdt.h>"
test -x "$examples/httpd" || cannot "libmicrohttpd is not here"
needs_cgroups
# Any function of the library: where that is refused no tool can trace it.
bpftrace -e "uprobe:$library:cgtune_version { }" -c /bin/true >"$tmp/out" 2>&1 || cannot "$(tail -n 1 "$tmp/out")"

children=
clean_all() {
	for child in $children; do kill "$child" 2>/dev/null; done
	wait
	clean
}
trap clean_all EXIT

# traced PATTERN: the first such line
traced() {
	grep -E -m 1 "$1" "$tmp/traced"
}

bpftrace -B line -e "
usdt:$library:cgtune:limit_change { printf(\"limit_change %d %lu %lu %lu %lu\\n\", arg0, arg1, arg2, arg3, arg4); }
usdt:$library:cgtune:throttle { printf(\"throttle %lu %lu %lu\\n\", arg0, arg1, arg2); }
usdt:$library:cgtune:admit_full { printf(\"admit_full %s %d %d %d %d\\n\", str(arg0), arg1, arg2, arg3, arg4); }
usdt:$library:cgtune:admit_timeout { printf(\"admit_timeout %s %lu %d %d %d\\n\", str(arg0), arg1, arg2, arg3, arg4); }
" >"$tmp/traced" 2>"$tmp/tracing" &
tracer=$!
children=$tracer

# Again and again, as nobody tells when bpftrace sees what happens: it does when it has seen one.
"$examples/httpd" -l 1 -b 1 -t 50 >"$tmp/httpd" 2>&1 &
children="$children $!"
await grep -q listening "$tmp/httpd"
url=http://127.0.0.1:$(sed -n 's/listening on //p' "$tmp/httpd")
crowd() {
	asked=
	for _ in 1 2 3 4; do
		curl -s -o /dev/null "$url/job?wait=300" &
		asked="$asked $!"
	done
	# shellcheck disable=SC2086 # a list of words
	wait $asked
	kill -0 "$tracer" && traced '^admit_full' && traced '^admit_timeout'
}
ok "a crowd is refused, and waits in vain" long crowd >"$tmp/crowd"
tail -n 1 "$tmp/crowd"
ok "admit_full: the limiter, EBUSY, its limit, who is in, who waits" traced '^admit_full httpd 16 1 1 1$'
ok "admit_timeout: the limiter, 50 ms at least, its limit, who is in, who waits" traced '^admit_timeout httpd [1-9][0-9]{7,} 1 [01] [01]$'

run "$cgtune" run --name "$me-t" --cpus 0.1 -- "$examples/throttle"
ok "throttle" await traced '^throttle '
stopped=$(sed -n 's/stopped for \([0-9]*\) ns/\1/p' "$tmp/out")
all_traced() {
	test "$(sed -n 's/^throttle .* //p' "$tmp/traced" | tail -n 1)" -ge "$stopped"
}
ok "its nanoseconds" await all_traced
ok "its periods, and those before it, are all of them" awk '/^throttle/ { n += $2; all = $3 } END { exit !(all && n == all) }' "$tmp/traced"

"$cgtune" run --name "$me-f" --cpus 0.5 -- sh -c 'echo "$$"; exec "$1" 1' - "$examples/follow" >"$tmp/follow" &
children="$children $!"
ok "one that follows its limits" long grep -q threads "$tmp/follow"
group_of "$(head -n 1 "$tmp/follow")"
if test -e "${stat%.stat}.max"; then echo "25000 100000" >"${stat%.stat}.max"; else echo 25000 >"${stat%.stat}.cfs_quota_us"; fi
ok "limit_change: CPU, 500 and 250 of 1000, one thread still" long traced '^limit_change 1 500 250 1 1$'
sed 's/^/# /' "$tmp/tracing"
done_testing
