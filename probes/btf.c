/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* btf - the running kernel's types, parsed once for a whole call; and the file that stands for those of a kernel without */
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define KERNEL "/sys/kernel/btf/vmlinux"

/* Of the call that this thread is in. */
static __thread struct btf *types;
static __thread int why;		/* there are no types: -errno; 0: nobody has asked */
static __thread bool is_open;
static __thread char path[PROBE_PATH];	/* "": the kernel's own */

bool probe_btf_kernel_has(void)
{
	return access(KERNEL, R_OK) == 0;
}

/* bpftool gen min_core_btf makes such files: a few kB for a kernel. */
static bool find_default(void)
{
	struct utsname name;

	return uname(&name) == 0 &&
		snprintf(path, sizeof(path), "%s/%s.btf", CGTUNE_BTF, name.release) < (int)sizeof(path) &&
		access(path, R_OK) == 0;
}

int probe_btf_begin(const char *file, struct probe_text *text)
{
	types = NULL;
	why = 0;
	path[0] = '\0';
	is_open = true;
	if (file && access(file, R_OK) < 0)
		return probe_says(text, -errno, "%s: cannot be read: %s", file, strerror(errno));
	if (file)
		snprintf(path, sizeof(path), "%s", file);
	else if (!probe_btf_kernel_has() && !find_default())
		path[0] = '\0';
	return 0;
}

void probe_btf_end(void)
{
	btf__free(types);
	types = NULL;
	path[0] = '\0';
	is_open = false;
}

const char *probe_btf_file(void)
{
	return path[0] ? path : NULL;
}

/* With a module's or a file's types in its place nothing is attached: ids are the kernel's. */
static int parse(void)
{
	if (!types && !why) {
		types = btf__parse(KERNEL, NULL);
		why = types ? 0 : -errno;
	}
	return why;
}

int probe_btf_id(enum bpf_attach_type type, const char *name)
{
	char whole[128];

	if (!is_open)
		return libbpf_find_vmlinux_btf_id(name, type);
	if (parse() < 0)
		return why;
	snprintf(whole, sizeof(whole), "%s%s", type == BPF_TRACE_RAW_TP ? "btf_trace_" :
		 type == BPF_TRACE_ITER ? "bpf_iter_" : "", name);
	return btf__find_by_name_kind(types, whole, type == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
}
