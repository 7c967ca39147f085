# SPDX-License-Identifier: LGPL-2.1-or-later
# apt.sh - packages of another Debian suite, from this machine's own mirror, with a private state below $work
# shellcheck shell=sh disable=SC2154 # $work is the caller's

# The machine's sources with another suite in the place of its own: mirrors, keys and options stay what they are.
sources() {
    own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    own="${own:-stable}|oldoldstable|oldstable|stable|testing|unstable|sid"
    list='' parts=''
    eval "$(apt-config shell list Dir::Etc::SourceList/f parts Dir::Etc::SourceParts/d)"

    deb='deb[[:space:]]+(\[[^]]*\][[:space:]]*)?[^[:space:]]+[[:space:]]+'
    cat "$list" "$parts"/*.list 2>/dev/null |
        sed -nE "s/^($deb)($own)[[:space:]].*\<main\>.*/\1$1 main/p" >"$2/other.list"

    for file in "$parts"/*.sources; do
        [ -f "$file" ] || continue
        sed '/^#/d' "$file"
        echo
    done | awk -v RS= -v ORS='\n\n' -v own="$own" -v suite="$1" '
        /(^|\n)Enabled:[ \t]*no/ || !/(^|\n)Types:[ \t]*([^\n]*[ \t])?deb([ \t\n]|$)/ { next }
        !/(^|\n)Components:[^\n]*[ \t]main([ \t\n]|$)/ { next }
        $0 ~ "(^|\n)Suites:([^\n]*[ \t])?(" own ")([ \t\n]|$)" {
            sub(/Types:[^\n]*/, "Types: deb")
            sub(/Suites:[^\n]*/, "Suites: " suite)
            sub(/Components:[^\n]*/, "Components: main")
            print
        }' >"$2/other.sources"
}

# An apt program on the private state below $work. Only the machine's apt.conf and keys still count.
private() {
    program=$1
    shift
    "$program" -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
        -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" "$@" 2>>"$work/log"
}

# Read the suite's lists into $work. A third party's source without this suite makes update fail although the mirror was
# read: whether there is a package decides.
read_suite() {
    mkdir -p "$work/sources" "$work/state/lists/partial" "$work/cache/archives/partial"
    : >"$work/status"
    sources "$1" "$work/sources"
    private apt-get update || :
}
