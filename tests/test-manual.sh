#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-manual.sh - the manual: its pages are of what the headers, the command and the sources have, and of nothing else
srcdir=${srcdir:-.}
# shellcheck source=tests/tap.sh
. "$srcdir/tests/tap.sh"
# shellcheck source=tests/command.sh
. "$srcdir/tests/command.sh"
man=$srcdir/man

# said NAME FILE: it is empty.
said() {
	ok "$1" test ! -s "$2"
	sed 's/^/# /' "$2"
}

# Functions of a header, each with its type and parameters on one line, without blanks that do not matter.
prototypes() {
	awk '{
		gsub(/\/\*\*?[^*]*\*\//, "")
		if (/\/\*/) inside = 1
		if (inside) { if (/\*\//) inside = 0; next }
		if (/^typedef/) next
		if (/^[a-z].*[ *]cgtune_[a-z_]*\(/) line = ""
		else if (line == "") next
		line = line " " $0
		if (/;$/) { print line; line = "" }
	}' "$1" | blanks
}

# The same of the SYNOPSIS of pages.
synopses() {
	awk '
	/^\.Sh / { inside = ($2 == "SYNOPSIS") }
	!inside { next }
	/^\.Ft / { sub(/^\.Ft /, ""); gsub(/"/, ""); type = $0 }
	/^\.Fo / { line = type " " $2 "("; comma = "" }
	/^\.Fa / { sub(/^\.Fa /, ""); gsub(/"/, ""); line = line comma $0; comma = "," }
	/^\.Fc/ && type !~ /^typedef/ { print line ");" }' "$@" | blanks
}

blanks() {
	sed 's/[[:space:]][[:space:]]*/ /g; s/^ //; s/ \*/*/g; s/\* /*/g; s/, /,/g; s/( /(/g' | sort
}

# Constants and members of structs in a header: those words that the pages are to have.
words() {
	awk '
	{ gsub(/\/\*([^*]|\*[^\/])*\*\//, "") }
	inside_comment { if (!/\*\//) next; sub(/.*\*\//, ""); inside_comment = 0 }
	/\/\*/ { sub(/\/\*.*/, ""); inside_comment = 1 }
	/^#define CGTUNE_[A-Z_]* / && $2 !~ /_H$/ { print $2 }
	/^(enum|struct) [a-z_]* \{/ { inside = $1; next }
	/^\}/ { inside = "" }
	inside == "enum" { n = split($0, part, /,/); for (i = 1; i <= n; i++) if (match(part[i], /CGTUNE_[A-Z_0-9]+/)) print substr(part[i], RSTART, RLENGTH) }
	inside == "struct" && /;/ && !/\(/ {
		sub(/;.*/, ""); gsub(/\[[A-Z_0-9a-z]*\]/, ""); sub(/^[[:space:]]*(const )?(struct )?[a-z0-9_]+ /, "")
		n = split($0, part, /,/); for (i = 1; i <= n; i++) { gsub(/[* \t]/, "", part[i]); print part[i] }
	}' "$1" | sort -u
}

# surface HEADER PAGE...: functions, prototypes and words.
surface() {
	header=$1
	shift
	prototypes "$srcdir/$header" >"$tmp/prototypes"
	synopses "$@" >"$tmp/synopses"
	ok "$header: there are functions" test "$(wc -l <"$tmp/prototypes")" -gt 10
	diff "$tmp/prototypes" "$tmp/synopses" >"$tmp/said"
	said "$header: each has a page with its prototype, and there are no others" "$tmp/said"
	sed 's/.*[ *]\(cgtune_[a-z_]*\)(.*/\1/' "$tmp/prototypes" | sort >"$tmp/functions"
	awk '/^\.Sh / { inside = ($2 == "NAME") } inside && $1 == ".Nm" && $2 != "cgtune" { print $2 }' "$@" | sort >"$tmp/names"
	diff "$tmp/functions" "$tmp/names" >"$tmp/said"
	said "$header: and is in one page's NAME" "$tmp/said"
	words "$srcdir/$header" >"$tmp/words"
	ok "$header: there are words" test "$(wc -l <"$tmp/words")" -gt 60
	while read -r word; do
		case $word in
		CGTUNE_*) grep -qw "$word" "$@" ;;
		*) grep -q "^\\.\(It \)\{0,1\}Va .*\<$word\>" "$@" ;;
		esac || echo "$word"
	done <"$tmp/words" >"$tmp/said"
	said "$header: every constant and member is in a page" "$tmp/said"
}

library_pages() {
	find "$man" -name '*.3' ! -name 'cgtune_probe_*'
}

# shellcheck disable=SC2046
surface lib/cgtune.h $(library_pages)
surface probes/cgtune-probe.h "$man"/cgtune_probe_*.3 "$man/cgtune.3"

echo "# pages"
for page in "$man"/*.3; do
	for section in NAME SYNOPSIS DESCRIPTION 'RETURN VALUES' EXAMPLES ERRORS ATTRIBUTES 'SEE ALSO'; do
		grep -qx "\\.Sh $section" "$page" || echo "$page: no $section"
	done
	sh "$man/fill" "$page" "$srcdir" | cmp -s - "$page" || echo "$page: an example is not as in examples/ (make man-examples)"
done >"$tmp/said" 2>&1
said "each page of a function has its sections, and examples as they are in examples/" "$tmp/said"
{
	sh "$man/aliases" "$man"/*.[137] | cut -d' ' -f1
	(cd "$man" && ls ./*.[137]) | sed 's,^\./,,'
} | sort >"$tmp/pages"
sed -n 's/.*\.*Xr \(cgtune[-_a-z]*\) \([137]\).*/\1.\2/p' "$man"/*.[137] | sort -u | comm -23 - "$tmp/pages" >"$tmp/said"
said "what they refer to is there" "$tmp/said"
is "no name is that of two pages" "$(uniq -d <"$tmp/pages")" ""
find "$man" -name '*.[137]' | sed 's,.*/,man/,' | sort >"$tmp/there"
while read -r page; do
	grep -q "[ 	]$page\\([ 	]\\|\$\\)" "$srcdir/Makefile.am" || echo "$page"
done <"$tmp/there" >"$tmp/said"
said "each is installed" "$tmp/said"

echo "# the command"
# options SUBCOMMAND: those of its --help; documented PAGE: those of its page.
options() {
	# shellcheck disable=SC2086
	"$cgtune" $1 --help | sed -n 's/^\(  -., \|      \)--\([a-z-]*\).*/\2/p' | grep -vx 'help\|usage\|version' | sort
}

documented() {
	sed -n 's/^\.It Fl -\([a-z-]*\).*/\1/p' "$1" | grep -vx 'help\|usage\|version' | sort
}

"$cgtune" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *[a-z].*/\1/p' >"$tmp/commands"
ok "there are commands" grep -qx show "$tmp/commands"
is "cgtune(1) has them all" "$(sed -n 's/^\.It Cm \(.*\)/\1/p' "$man/cgtune.1" | sort)" "$(sort "$tmp/commands")"
is "so has the manual" "$(sed -n 's,^man/cgtune-\(.*\)\.1$,\1,p' "$tmp/there")" "$(sort "$tmp/commands")"
is "cgtune(1) has the options of all" "$(sed -n 's/^\.It Fl .*-\([a-z]*\)$/\1/p' "$man/cgtune.1")" "help
usage
version"
while read -r command; do
	if ! "$cgtune" "$command" --help >"$tmp/help" 2>/dev/null; then
		skip "cgtune $command" "$("$cgtune" "$command" 2>&1 | head -n 1)"
		continue
	fi
	is "cgtune-$command(1) has the options of cgtune $command --help" "$(documented "$man/cgtune-$command.1")" "$(options "$command")"
done <"$tmp/commands"
# Command lines in examples: a prompt, cgtune, a subcommand; what is behind -- is another's.
sed -n 's/^\(\.Dl \)\{0,1\}[$#] .*cgtune \([a-z]*.*\)/\2/p' "$man"/*.1 | sed 's/ -- .*//; s/ | .*//' >"$tmp/lines"
ok "there are examples" test "$(wc -l <"$tmp/lines")" -gt 10
while read -r command line; do
	"$cgtune" "$command" --help >"$tmp/help" 2>/dev/null || continue
	for word in $(echo "$line" | grep -o -- '--[a-z-]*'); do
		grep -q "^ .*$word\\([= ,]\\|\$\\)" "$tmp/help" || echo "cgtune $command $word"
	done
done <"$tmp/lines" >"$tmp/said"
said "the options in examples are options" "$tmp/said"

echo "# the environment"
cat "$srcdir"/lib/*.c "$srcdir"/lib/*.h "$srcdir"/tools/*.[ch] "$srcdir"/probes/*.[ch] |
	grep -o '"\(CGTUNE\(_[A-Z_]*\)\{0,1\}\|GOMAXPROCS\|GOMEMLIMIT\|AUTOMEMLIMIT\)["=]' | tr -d '"=' | sort -u >"$tmp/variables"
ok "there are variables" grep -qx CGTUNE_CPUS "$tmp/variables"
sed -n 's/^\.It Ev \([A-Z_]*\)$/\1/p' "$man/cgtune.7" | sort >"$tmp/told"
diff "$tmp/variables" "$tmp/told" >"$tmp/said"
said "cgtune(7) has every variable of the sources, and no other" "$tmp/said"

echo "# examples"
examples=$build/examples
for example in init limits memory throttle; do
	gives "$example" 0 "$examples/$example"
done
gives "request" 0 "$examples/request"
is "it refuses the one that finds the slot taken" "$(cat "$tmp/out")" "200
503, Retry-After: 5, X-Cgtune-Reject: capacity
200
3 admitted, 1 refused"
gives "follow" 0 "$examples/follow" 0
is "limits of a root that is not there" "$("$examples/limits" "$tmp/none" 2>&1)" "limits: no such file, directory or cgroup"
if test -x "$examples/stalls"; then
	gives "features" 0 "$examples/features"
	gives "stalls where no probe is" 1 "$examples/stalls" "$tmp"
	gives "groups of what is no directory" 1 "$examples/groups" "$tmp/none"
	ok "says so" grep -q "^groups: $tmp/none: No such file or directory$" "$tmp/err"
else
	skip "features, stalls, groups" "built without BPF"
fi

echo "# the formatters"
# Which manuals are installed beside these is not their affair; and without a name groff's footer says BSD.
if command -v mandoc >/dev/null 2>&1; then
	mandoc -T lint "$man"/*.[137] 2>"$tmp/err" |
		grep -v 'STYLE: referenced manual not found\|STYLE: operating system explicitly specified' >"$tmp/said"
	said "mandoc -T lint" "$tmp/said"
else
	skip "mandoc -T lint" "no mandoc(1)"
fi
if man --version 2>/dev/null | grep -q '^man ' && command -v groff >/dev/null 2>&1; then
	# A name as long as a line is not broken; groff 1.23 says so.
	for page in "$man"/*.[137]; do
		man --warnings=w -l "$page" 2>&1 >/dev/null | sed "s,^,$page: ,"
	done | grep -v ': cannot adjust line$' >"$tmp/said"
	said "man --warnings" "$tmp/said"
else
	skip "man --warnings" "no man-db, or no groff(1)"
fi
done_testing
