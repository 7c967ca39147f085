#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# container-crun.sh - the tests of container.sh with crun in place of runc
CGTUNE_RUNTIME=crun exec sh "${srcdir:-.}/tests/container.sh"
