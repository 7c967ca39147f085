/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host - what the machine has, and what the scheduler lets one thread use of it */
#include "host.h"
#include "sys.h"

#include <errno.h>
#include <sched.h>
#include <sys/sysinfo.h>

#define MEMINFO_MOST 65536

static int affinity(int32_t pid, unsigned long *mask, size_t size)
{
	long bytes = sys3(SYS_sched_getaffinity, pid, size, mask);
	int count = 0;

	if (bytes < 0)
		return (int)bytes;
	for (size_t i = 0; i < (size_t)bytes / sizeof(mask[0]); i++)
		count += __builtin_popcountl(mask[i]);
	return count > 0 ? count : -ENODATA;
}

/* The kernel refuses a mask that is smaller than its own. Not inlined, as the
 * large one would cost every caller pages of its stack. */
static __attribute__((noinline)) int affinity_large(int32_t pid)
{
	unsigned long mask[HOST_CPUS_MOST / (8 * sizeof(unsigned long))];

	return affinity(pid, mask, sizeof(mask));
}

int host_affinity(int32_t pid)
{
	unsigned long mask[1024 / (8 * sizeof(unsigned long))];
	int r = affinity(pid, mask, sizeof(mask));

	return r == -EINVAL ? affinity_large(pid) : r;
}

int host_online(struct file_set *files, int slot, char *text, size_t size)
{
	int n = file_text(files, slot, "/sys/devices/system/cpu/online", text, size);

	if (n >= 0)
		n = parse_cpu_list(text, (size_t)n);
	return n ? n : -ENODATA;
}

int host_memory(struct file_set *files, struct file_lines *lines, uint64_t *ret)
{
	struct sysinfo info;
	struct slice line;
	int r;

	*ret = 0;
	if (files->real) {
		if (sys1(SYS_sysinfo, &info) == 0)
			*ret = (uint64_t)info.totalram * info.mem_unit;
		return 0;
	}
	r = file_lines_open(lines, files, "/proc/meminfo", true, MEMINFO_MOST);
	while (r >= 0 && (r = file_line(lines, &line)) > 0)
		if (parse_meminfo_line(line.text, line.length, "MemTotal:", ret))
			break;
	file_lines_close(lines, files);
	return r < 0 ? r : 0;
}

uint32_t host_scheduler(int32_t pid)
{
	long class = sys1(SYS_sched_getscheduler, pid);

	return class < 0 ? SCHED_OTHER : (uint32_t)class & ~(uint32_t)SCHED_RESET_ON_FORK;
}

bool host_is_unbound(uint32_t scheduler)
{
	return scheduler == SCHED_FIFO || scheduler == SCHED_RR || scheduler == SCHED_DEADLINE;
}
