/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe-none - in a build without BPF: `cgtune probe`, and where others ask for a probe */
#include "counts.h"
#include "register.h"
#include "stalls.h"
#include "tool.h"

#include <errno.h>

#define WITHOUT "this cgtune was built without BPF (configure --with-bpf)"

int tool_probe(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("cgtune: probe: " WITHOUT "\n", stderr);
	return TOOL_FAILED;
}

int tool_bpfdist(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("cgtune: bpfdist: " WITHOUT "\n", stderr);
	return TOOL_FAILED;
}

const struct rows_source *rows_walk_open(void)
{
	return NULL;
}

int stalls_probe_open(const char *bpffs, struct stalls_probe *ret, char *why, size_t size)
{
	(void)bpffs;
	(void)ret;
	snprintf(why, size, WITHOUT);
	return -EOPNOTSUPP;
}

int counts_read(struct counts_source *source, const char *bpffs, struct counts *ret)
{
	(void)bpffs;
	snprintf(source->why, sizeof(source->why), WITHOUT);
	*ret = (struct counts){ .groups = NULL };
	return 0;
}

void counts_close(struct counts_source *source)
{
	(void)source;
}

const struct cgtune_stalls *counts_find(const struct counts *counts, uint64_t id, uint32_t hierarchy)
{
	(void)counts;
	(void)id;
	(void)hierarchy;
	return NULL;
}

void register_removed(const char *const paths[2], const char *name)
{
	(void)paths;
	(void)name;
}
