/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usage - what a cgroup uses, what is left of its memory, what its quota did to it */
#ifndef CGTUNE_USAGE_H
#define CGTUNE_USAGE_H

#include "pass.h"

/* Bytes left below a limit at one level of the memory cgroup: limit - (use - inactive_file), at
 * least 0; CGTUNE_UNKNOWN. length: of the level's path. */
uint64_t usage_left(struct pass *pass, size_t length, uint64_t limit);

#endif
