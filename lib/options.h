/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options - take a caller's options: by the rule of their size, and within bounds */
#ifndef CGTUNE_OPTIONS_H
#define CGTUNE_OPTIONS_H

#include "cgtune.h"

/* Complete options out of a caller's, NULL for the defaults. 0; -EINVAL; -E2BIG. */
int options_take(const struct cgtune_options *theirs, struct cgtune_options *ours);

#endif
