#!/bin/zsh -f
# SPDX-License-Identifier: LGPL-2.1-or-later
# complete.zsh - what an interactive zsh offers at the end of a line: complete.zsh DIRECTORY LINE TMP
# It is typed into a shell on a pseudo-terminal. There compadd, by which functions offer words, writes down those of
# them that fit.
zmodload zsh/zpty || exit 77
found=$3/found
: >$found
{
	print -r -- "fpath=(${(q)1} \$fpath) found=${(q)found}"
	print -r -- 'PROMPT= RPROMPT=; autoload -Uz compinit; compinit -u -D
compadd() {
	local -a fits
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)* ]]; then
		builtin compadd -A fits "$@"
		(( $#fits == 0 )) || print -rl -- $fits >>$found
	fi
	builtin compadd "$@"
}
offer() {
	zle complete-word
	print -r -- ENDED >>$found
	exit
}
zle -N offer; bindkey "^I" offer; print READY'
} >$found.rc
zpty shell zsh -f -i
zpty -w shell "source $found.rc"
zpty -r shell line '*READY*' || exit 1
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do :; done
sed -n '$q;p' $found | sort -u
[[ $(tail -n 1 $found) == ENDED ]]
