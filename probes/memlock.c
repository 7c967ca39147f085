/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memlock - before Linux 5.11 programs and maps are locked memory of the user: the limit, raised for a while */
#include "probe.h"

void probe_memlock_raise(struct probe_memlock *ret)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	ret->raised = getrlimit(RLIMIT_MEMLOCK, &ret->before) == 0 && probe_has_memcg_accounting() != 1 &&
		setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0;
}

void probe_memlock_restore(const struct probe_memlock *memlock)
{
	if (memlock->raised)
		setrlimit(RLIMIT_MEMLOCK, &memlock->before);
}
