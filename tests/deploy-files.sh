#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# deploy-files.sh - the files of examples/deploy, read: units by systemd, Kubernetes by its API's fields, JSON by a parser
# shellcheck disable=SC2016,SC2317 # commands are for other shells, and called by ok()
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
deploy=$srcdir/examples/deploy

# silent COMMAND...: it succeeds, and says nothing
silent() {
	quiet "$@" && [ ! -s "$tmp/said" ] && return
	sed 's/^/# /' "$tmp/said"
	return 1
}

# quiet COMMAND...: it succeeds
quiet() {
	"$@" >"$tmp/said" 2>&1 || { sed 's/^/# /' "$tmp/said" && false; }
}

# Exposure as systemd-analyze(1) of Debian 12 reckons it, of 10: what is left is network, root without its rights, BPF.
test_units() {
	mkdir "$tmp/units" "$tmp/bin"
	ln -s /bin/true "$tmp/bin/cgtune"
	for file in "$deploy"/systemd/*.service.in; do
		sed "s|@bindir@|$tmp/bin|" "$file" >"$tmp/units/$(basename "$file" .in)"
	done
	mv "$tmp/units/cgtune-agent@.service" "$tmp/units/cgtune-agent@web.service"
	printf '%s\n' '[Service]' "ExecStart=$tmp/bin/cgtune" >"$tmp/units/web.service"
	for unit in cgtune-probe:1.5 cgtune-export:2.4 cgtune-agent@web:1.2; do
		name=${unit%:*} most=${unit#*:}
		ok "$name: systemd finds nothing wrong with it" \
			silent env SYSTEMD_UNIT_PATH="$tmp/units:" systemd-analyze verify --man=no --recursive-errors=no "$name.service"
		ok "$name: its exposure is at most $most of 10" \
			quiet systemd-analyze security --no-pager --offline=yes --threshold="$(echo "$most" | tr -d .)" "$tmp/units/$name.service"
	done
	sed -i 's/^NoNewPrivileges=.*/NoSuchSetting=1/; /^Protect/d; /^CapabilityBoundingSet/d' "$tmp/units/cgtune-probe.service"
	ok "a wrong setting is found" sh -c '! SYSTEMD_UNIT_PATH="$1:" systemd-analyze verify --man=no --recursive-errors=no \
		cgtune-probe.service 2>&1 | cmp -s - /dev/null' - "$tmp/units"
	ok "so is exposure" sh -c '! systemd-analyze security --no-pager --offline=yes --threshold=15 "$1" >/dev/null 2>&1' - \
		"$tmp/units/cgtune-probe.service"
	for file in preload env; do
		is "cgtune-$file.conf: settings are known" "$(grep -vE '^(#|$|\[Service\]|(Environment|EnvironmentFile|RuntimeDirectory|RuntimeDirectoryPreserve|ExecStartPre)=)' \
			"$deploy/systemd/cgtune-$file.conf.in")" ""
	done
}

# bad NAME COMMAND-OF-SED: what is wrong with the file then is found
bad() {
	sed "$2" "$deploy/kubernetes/${3:-cgtune}.yaml" >"$tmp/bad.yaml"
	found=0
	python3 "$srcdir/tests/deploy-kube.py" check "$tmp/bad.yaml" "$deploy/kubernetes/podmonitor.yaml" >"$tmp/problems" 2>&1 || found=$?
	is "$1 is found" "$found" 3
}

test_kubernetes() {
	ok "every field is one of the API's" silent python3 "$srcdir/tests/deploy-kube.py" check "$deploy"/kubernetes/*.yaml
	bad "a field that is none" 's/readOnlyRootFilesystem/readonlyRootFilesystem/'
	bad "a number for a text" 's/"9778"/9778/'
	bad "a text for a number" 's/runAsUser: 0/runAsUser: root/'
	bad "another version of the API" 's|apps/v1|apps/v1beta1|'
	bad "a missing field" '/selector:/,+2d'
	bad "a volume that is none" 's/- name: bpf$/- name: bpff/; T; :a; n; ba'
	bad "another port" 's/port: 9778/port: 9779/'
	bad "another label" '0,/name: cgtune$/! s|app.kubernetes.io/name: cgtune|app.kubernetes.io/name: other|'
	bad "a capability more" 's/"PERFMON"/"PERFMON", "SYS_ADMIN"/'
	bad "a limit that is not there" '/cpu: 1500m/d' app-downward
	bad "a variable that is not there" 's/(LIMIT_CPU_MILLI)/(LIMIT)/' app-downward
	is "the limits as the kubelet tells them" \
		"$(python3 "$srcdir/tests/deploy-kube.py" env "$deploy/kubernetes/app-downward.yaml" 1500 268435456 | paste -s -d' ' -)" \
		"LIMIT_CPU_MILLI=1500 CGTUNE_CPUS=1500m CGTUNE_MEMORY=268435456"
	is "what cgtune makes of them" \
		"$(env CGTUNE_CPUS=1500m CGTUNE_MEMORY=268435456 "$build/cgtune" show --json |
			"$build/tests/json" cpu.limit memory.limit warnings | paste -s -d' ' -)" "1.5 268435456 []"
}

# The API's own client has its fields of the API's own description.
test_api() {
	ok "what is known of the API here is what its client knows" silent python3 "$srcdir/tests/deploy-kube.py" api
	sed 's/readOnlyRootFilesystem:/readonlyRootFilesystem:/; s/runAsUser:int/runAsUser:str/; s/containers!:/containers:/' \
		"$srcdir/tests/deploy-kube.py" >"$tmp/other.py"
	is "what is not is found" "$(python3 "$tmp/other.py" api | sort -u | wc -l)" 3
}

test_containerd() {
	is "containerd's runtime is the one of the class" \
		"$(sed -n 's/^\[plugins.*runtimes\.\([a-z]*\)\]$/\1/p' "$deploy/containerd/cgtune.toml")" \
		"$(sed -n 's/^handler: //p' "$deploy/kubernetes/app-runtimeclass.yaml")"
	is "and of the pod" "$(sed -n 's/^  name: //p' "$deploy/kubernetes/app-runtimeclass.yaml" | head -n 1)" \
		"$(sed -n 's/^  runtimeClassName: //p' "$deploy/kubernetes/app-runtimeclass.yaml")"
}

test_json() {
	is "the CDI file" "$("$build/tests/json" cdiVersion kind devices.0.name <"$deploy/cdi/cgtune.json.in" | paste -s -d' ' -)" \
		"0.3.0 cgtune/tune preload"
	is "the object is found where it is mounted" \
		"$("$build/tests/json" devices.0.containerEdits.env.0 <"$deploy/cdi/cgtune.json.in")" \
		"LD_PRELOAD=$("$build/tests/json" devices.0.containerEdits.mounts.0.containerPath <"$deploy/cdi/cgtune.json.in")"
	is "the hook" "$("$build/tests/json" version hook.path stages when.always <"$deploy/oci/50-cgtune.json.in" | paste -s -d' ' -)" \
		'1.0.0 /bin/sh ["createRuntime"] true'
}

if command -v systemd-analyze >/dev/null; then
	test_units
else
	skip "the units" "systemd is not installed"
fi
if python3 -c 'import yaml' 2>/dev/null; then
	test_kubernetes
else
	skip "Kubernetes" "python3-yaml is not installed"
fi
if python3 -c 'import kubernetes' 2>/dev/null; then
	test_api
else
	skip "the API" "python3-kubernetes is not installed"
fi
test_containerd
test_json
done_testing
