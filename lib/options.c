/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options - take a caller's options: by the rule of their size, and within bounds */
#include "options.h"
#include "util.h"

#include <errno.h>

int options_take(const struct cgtune_options *theirs, struct cgtune_options *ours)
{
	int r = util_struct_in(ours, sizeof(*ours), theirs, sizeof(*ours));

	if (r < 0)
		return r;
	if (ours->permille > 1000 || ours->rounding > CGTUNE_ROUND_NEAREST || ours->pid < 0 ||
	    ours->cpu_milli > UINT64_MAX / 1000 || ours->memory == CGTUNE_UNLIMITED ||
	    ours->flags & ~(uint32_t)(CGTUNE_NO_ENV | CGTUNE_NO_APPLY | CGTUNE_CALL_RUNTIMES | CGTUNE_NO_PROBE |
				     CGTUNE_MAPPED) ||
	    (ours->cgroup && *ours->cgroup != '/'))
		return -EINVAL;
	return 0;
}
