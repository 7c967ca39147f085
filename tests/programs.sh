#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# programs.sh - the matrix of real programs in a real cgroup, in TAP: half a CPU and 512 MiB
#
# CGTUNE_PROGRAM_ROWS names other files of programs/rows/ than all of them, as a pattern.
exec sh "${srcdir:-.}/tests/programs/run" -f "${CGTUNE_PROGRAM_ROWS:-*}"
