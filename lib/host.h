/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host - what the machine has, and what the scheduler lets one thread use of it */
#ifndef CGTUNE_HOST_H
#define CGTUNE_HOST_H

#include "file.h"

/* The most CPUs that an affinity mask is asked for; Linux stops at 8,192. */
#define HOST_CPUS_MOST 65536

/* CPUs in the affinity mask of a thread (pid 0: the caller); < 0: -errno. */
int host_affinity(int32_t pid);

/* CPUs that are online; or why they are not known. slot as for file_text(),
 * text is room to read. */
int host_online(struct file_set *files, int slot, char *text, size_t size);

/* Physical memory in bytes; 0: not known. 0; or why it cannot be read. */
int host_memory(struct file_set *files, struct file_lines *lines, uint64_t *ret);

/* Scheduling class of a thread without its flags; SCHED_OTHER when it cannot be read. */
uint32_t host_scheduler(int32_t pid);

/* Whether the CPU quota leaves threads of this class alone (sched(7): only fair ones are bound). */
bool host_is_unbound(uint32_t scheduler);

#endif
