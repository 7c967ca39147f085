/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mount - which mount shows a cgroup, and under which directory
 *
 * A mount shows the part of its hierarchy below its root, which in a container
 * is not the hierarchy's: the cgroup's path is taken relative to that root.
 */
#ifndef CGTUNE_MOUNT_H
#define CGTUNE_MOUNT_H

#include "cgroup.h"

/*
 * Set dir, top and length of the cgroups whose version is known; version 0
 * for those that no mount shows. 0; or a fatal error of reading.
 */
int mount_find(const struct cgroup_search *search, struct cgroup *cgroups, size_t n);

#endif
