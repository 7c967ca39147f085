/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* register - `cgtune probe register`: tell `cgtune stalls` what a container's cgroups are called */
#ifndef CGTUNE_REGISTER_H
#define CGTUNE_REGISTER_H

#include "cgtune-probe.h"

#include <stdint.h>

/* name: of the groups of that process; NULL: both are in the container's state, on standard input. An exit status. */
int register_container(const struct cgtune_probe_options *options, int32_t pid, const char *name);

/*
 * Name a cgroup that is about to go away, by its paths for cpu and for memory, NULL: it has none, where a probe has counted
 * something of it: who is not root, or asks where no probe is, need not be told.
 */
void register_removed(const char *const paths[2], const char *name);

#endif
