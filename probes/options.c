/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options - the caller's struct cgtune_probe_options, checked, with its defaults */
#include "probe.h"

#include <errno.h>
#include <string.h>

#define FLAGS (CGTUNE_PROBE_MOUNT | CGTUNE_PROBE_READERS_ALL | CGTUNE_PROBE_READERS_GROUP)

int probe_options(const struct cgtune_probe_options *theirs, struct cgtune_probe_options *ret)
{
	static const struct cgtune_probe_options none = { .size = sizeof(none) };
	int r = util_struct_in(ret, sizeof(*ret), theirs ? theirs : &none,
			       offsetof(struct cgtune_probe_options, tgid) + sizeof(ret->tgid));

	if (r < 0)
		return r;
	if (!ret->bpffs)
		ret->bpffs = "/sys/fs/bpf";
	if (!ret->memory_subtree)
		ret->memory_subtree = ret->subtree;
	if (!ret->slots)
		ret->slots = 2048;
	if (!ret->rungs)
		ret->rungs = UINT32_MAX;
	if (ret->flags & ~FLAGS)
		return -E2BIG;
	if (ret->slots & (ret->slots - 1) || ret->slots < 64 || ret->slots > 32768)
		return -EINVAL;
	return strlen(ret->bpffs) < PROBE_PATH - 64 ? 0 : -ENAMETOOLONG;
}
