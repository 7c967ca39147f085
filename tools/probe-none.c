/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe-none - in a build without BPF: `cgtune probe`, and where others ask for a probe */
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
