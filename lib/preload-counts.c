/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-counts - how many CPUs, how much memory: sysconf(3), get_nprocs(3), sysinfo(2) and the like
 *
 * The configured CPUs stay real unless asked for: they size arrays that are
 * indexed by CPU, and masks that the kernel refuses when they are too small.
 */
#include "preload.h"
#include "sys.h"

#include <errno.h>
#include <sys/sysinfo.h>
#include <unistd.h>

int preload_result(long r)
{
	if (r >= 0)
		return (int)r;
	errno = (int)-r;
	return -1;
}

/* What the C library says; -1 where there is none. */
static long real_sysconf(int name)
{
	long (*next)(int) = __sysconf;

	if (!next)
		next = PRELOAD_NEXT("sysconf");
	return next ? next(name) : -1;
}

static long pages(const struct preload_answers *answers, uint64_t bytes)
{
	return (long)util_min(bytes / answers->page_size, __LONG_MAX__);
}

/* Not through the loader, which may have put another object's sysconf(3) before ours. */
static long answer(int name)
{
	const struct preload_answers *answers = preload_answers();

	if (name == _SC_NPROCESSORS_ONLN && answers->threads)
		return answers->threads;
	if (name == _SC_NPROCESSORS_CONF && answers->conf && answers->threads)
		return answers->threads;
	if (name == _SC_PHYS_PAGES && answers->memory)
		return pages(answers, answers->memory);
	if (name == _SC_AVPHYS_PAGES && answers->memory)
		return pages(answers, answers->available);
	return real_sysconf(name);
}

_public_ long sysconf(int name)
{
	return answer(name);
}

_public_ int get_nprocs(void)
{
	return (int)answer(_SC_NPROCESSORS_ONLN);
}

_public_ int get_nprocs_conf(void)
{
	return (int)answer(_SC_NPROCESSORS_CONF);
}

_public_ long get_phys_pages(void)
{
	return answer(_SC_PHYS_PAGES);
}

_public_ long get_avphys_pages(void)
{
	return answer(_SC_AVPHYS_PAGES);
}

static void lower(unsigned long *units, uint64_t bytes, unsigned unit)
{
	if (*units > bytes / unit)
		*units = (unsigned long)(bytes / unit);
}

/* Swap is not memory: it stays as it is. */
_public_ int sysinfo(struct sysinfo *info)
{
	const struct preload_answers *answers = preload_answers();
	long r = sys1(SYS_sysinfo, info);
	unsigned unit;

	if (r < 0 || !answers->memory)
		return preload_result(r);
	unit = info->mem_unit ? info->mem_unit : 1;
	lower(&info->totalram, answers->memory, unit);
	lower(&info->freeram, answers->available, unit);
	lower(&info->bufferram, answers->memory - util_min(answers->memory, answers->available), unit);
	lower(&info->sharedram, answers->memory, unit);
	return 0;
}
