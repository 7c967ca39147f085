/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* register - `cgtune probe register`: tell `cgtune stalls` what a container's cgroups are called */
#ifndef CGTUNE_REGISTER_H
#define CGTUNE_REGISTER_H

#include "cgtune-probe.h"

#include <stdint.h>

/* name: of the groups of that process; NULL: both are in the container's state, on standard input. An exit status. */
int register_container(const struct cgtune_probe_options *options, int32_t pid, const char *name);

#endif
