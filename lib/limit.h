/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limit - the smallest limit over a cgroup and its visible ancestors */
#ifndef CGTUNE_LIMIT_H
#define CGTUNE_LIMIT_H

#include "pass.h"

/* Read every level and the host. 0; -ENODEV: the cgroup was removed, find again; or -errno. */
int limit_walk(struct pass *pass, struct cgtune_limits *ret);

/* Find and walk, again where the cgroup was removed in between. */
int limit_read(struct pass *pass, struct cgtune_limits *ret);

#endif
