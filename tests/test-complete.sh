#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-complete.sh - what bash, zsh and fish offer at the end of a line is what cgtune's --help and messages tell of
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
build=$(cd "${top_builddir:-.}" && pwd)
PATH=$build:$PATH
export PATH
completions=$(cd "$srcdir" && pwd)/completions

# offers_SHELL LINE: a word on each line. Bash has "=" as a word of its own.
# shellcheck disable=SC2317 # called by name
offers_bash() {
	# shellcheck disable=SC2016
	bash --norc -c '. "$1" && COMP_LINE=$2 && read -ra COMP_WORDS <<<"${2//=/ = }" &&
		{ [[ $2 != *" " ]] || COMP_WORDS+=(""); } && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) &&
		{ _cgtune; printf "%s\n" "${COMPREPLY[@]}"; }' bash "$completions/bash/cgtune" "$1"
}

# shellcheck disable=SC2317
offers_zsh() {
	timeout 120 zsh -f "$srcdir/tests/complete.zsh" "$completions/zsh" "$1" "$tmp"
}

# It has the name of the option before each value.
# shellcheck disable=SC2317
offers_fish() {
	# shellcheck disable=SC2016
	HOME=$tmp fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$completions/fish/cgtune.fish" "$1" |
		sed 's/	.*//; s/^--[a-z-]*=\(.\)/\1/'
}

# offers LINE: sorted; whether an option takes a value is not compared.
offers() {
	"offers_$shell" "$1" 2>&1 | sed 's/=$//' | grep . | sort -u
}

# help_options [COMMAND]
help_options() {
	cgtune "$@" --help 2>/dev/null | sed -n 's/^\(  -., \|      \)\(--[a-z-]*\).*/\2/p' | sort
}

# The words that a message has: "--rung wants fentry, kprobe, tracepoint or raw".
wanted() {
	"$@" 2>&1 | sed 's/.* wants //; s/0 or a list of /0, /; s/ or /, /; s/, /\n/g' | sort
}

compare() {
	echo "# $shell"
	cgtune --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *[a-z].*/\1/p' | sort >"$tmp/commands"
	is "$shell: the commands" "$(offers 'cgtune ' | grep -v '^--')" "$(cat "$tmp/commands")"
	is "$shell: a command that is begun" "$(offers 'cgtune sho')" show
	is "$shell: the options of cgtune" "$(offers 'cgtune --')" "$(help_options)"
	while read -r command; do
		is "$shell: the options of $command" "$(offers "cgtune $command --")" "$(help_options "$command")"
	done <"$tmp/commands"
	is "$shell: formats" "$(offers 'cgtune env --format=')" "$(wanted cgtune env --format=none)"
	is "$shell: one that is begun" "$(offers 'cgtune env --format=do')" docker
	is "$shell: groups of variables" "$(offers 'cgtune env --runtime ')" "$(wanted cgtune env --runtime=none)"
	is "$shell: columns of top" "$(offers 'cgtune top --sort=')" "$(wanted cgtune top --sort=none)"
	is "$shell: one that is begun in small letters" "$(offers 'cgtune top --sort qu')" QUOTA
	is "$shell: processes" "$(offers "cgtune show --pid=$$" | grep -x $$)" $$
	is "$shell: a command behind --" "$(offers 'cgtune run --cpus 1 -- printen' | grep -x printenv)" printenv
	if cgtune probe --help >/dev/null 2>&1; then
		is "$shell: actions" "$(offers 'cgtune probe s')" "$(printf 'spec\nstart\nstatus\nstop')"
		is "$shell: rungs" "$(offers 'cgtune probe --rung=')" "$(wanted cgtune probe --rung=none)"
		is "$shell: rungs of bpfdist" "$(offers 'cgtune bpfdist --rung=')" "$(wanted cgtune bpfdist --rung=none)"
	else
		skip "$shell: cgtune probe" "built without BPF"
	fi
}

for shell in bash zsh fish; do
	if command -v "$shell" >/dev/null 2>&1; then
		compare
	else
		skip "$shell" "no $shell(1)"
	fi
done
done_testing
