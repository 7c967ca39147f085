# SPDX-License-Identifier: LGPL-2.1-or-later
# cgtune - completion for fish: commands and options are those that cgtune itself tells of

function __cgtune_cgroups
    set -l base /sys/fs/cgroup
    test -e $base/cgroup.controllers; or set base $base/cpu
    set -l at (commandline -ct | string replace -r '^--[a-z]*=' '')
    for path in $base$at*/
        string replace $base '' $path
    end
end

# The words that an option of a command takes.
function __cgtune_values
    switch "$argv"
        case '* format'
            echo 'shell export docker json'
        case '* runtime'
            echo '0 blas rust dotnet java node erlang magick build python'
        case '* sort'
            echo 'QUOTA USE THR% STOPPED WALL STALLS MEMORY MEM% HIGH LIMIT HIGHS MAXES KILLS CGROUP'
        case 'bpfdist rung'
            echo 'tracepoint raw'
        case '* rung'
            echo 'fentry kprobe tracepoint raw'
        case '* cgroup' '* subtree'
            echo '(__cgtune_cgroups)'
        case '* pid'
            echo '(string match -r "[0-9]+\$" /proc/*)'
        case '* user'
            echo '(__fish_complete_users)'
        case '* readers'
            echo 'all (__fish_complete_groups)'
        case '* root' '* bpffs'
            echo '(__fish_complete_directories)'
        case '*'
            return 1
    end
end

# Behind run -- stands another command.
function __cgtune_command
    set -l words (commandline -opc)
    set -l at (contains -i -- -- $words); or return
    complete -C (string join -- ' ' $words[(math $at + 1)..] (commandline -ct))
end

# __cgtune_options CONDITION [COMMAND]: those that --help lists.
function __cgtune_options
    for line in (cgtune $argv[2..] --help 2>/dev/null)
        set -l part (string match -r '^(?:  -., |      )--([a-z-]*)(=?)(?:\S*) *(.*)' -- $line); or continue
        set -l option -c cgtune -n $argv[1] -l $part[2] -d $part[4]
        if test -z "$part[3]"
            complete $option
        else if contains -- $part[2] btf textfile
            complete $option -r -F
        else if set -l values (__cgtune_values $argv[2] $part[2])
            complete $option -x -a "$values"
        else
            complete $option -x
        end
    end
end

complete -c cgtune -f
__cgtune_options __fish_use_subcommand
for line in (cgtune --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\([a-z].*\)/\1 \2/p')
    set -l command (string split -m 1 ' ' -- $line)
    complete -c cgtune -n __fish_use_subcommand -a $command[1] -d $command[2]
    __cgtune_options "__fish_seen_subcommand_from $command[1]" $command[1]
    for action in (cgtune $command[1] --help 2>/dev/null | head -n 2 | tr -s '\n ' ' ' | sed -n 's/^Usage: [^]]*\] \([a-z |]*|[a-z |]*\).*/\1/p' | tr -d '|' | string split -n ' ')
        complete -c cgtune -n "__fish_seen_subcommand_from $command[1]" -a $action
    end
end
complete -c cgtune -n '__fish_seen_subcommand_from run' -a '(__cgtune_command)'
