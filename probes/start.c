/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* start - the ladder: the best rung that loads, attaches and can be pinned is published, or what was before is taken */
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

_public_ const char *cgtune_probe_rung_name(uint32_t rung)
{
	static const char *const names[] = { "none", "fentry", "kprobe", "tracepoint", "raw" };

	return rung < ARRAY_SIZE(names) ? names[rung] : "unknown";
}

/* Programs may be writing to it already: their words are left alone. No mapping may be left when it is frozen. */
static int write_header(const struct cgtune_probe_options *options, const struct probe_programs *programs)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct probe_header *header = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, programs->shared_fd, 0);
	struct timespec now;

	if (header == MAP_FAILED)
		return -errno;
	clock_gettime(CLOCK_MONOTONIC, &now);
	header->abi = PROBE_ABI;
	header->element = PROBE_ELEMENT;
	header->slots = options->slots;
	header->events = PROBE_EVENTS;
	header->rung = programs->rung;
	header->memory_rung = programs->memory_rung;
	header->memory_sleeps = programs->memory_sleeps;
	header->loaded_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	header->subtree = options->subtree;
	header->tgid = options->tgid;
	header->min_event_ns = options->min_event_ns;
	header->magic = PROBE_MAGIC;
	munmap(header, size);
	return bpf_map_freeze(programs->shared_fd) < 0 ? -errno : 0;
}

/* Loaded and attached: what counts memory, the header, the pins. */
static int finish(const struct cgtune_probe_options *options, uint32_t rung, struct probe_programs *programs,
		  struct probe_text *text)
{
	int r = probe_memory_load(options, programs);

	if (r < 0)
		return probe_says(text, r, "memory limits: cannot be counted: %s", strerror(-r));
	r = write_header(options, programs);
	if (r < 0)
		return probe_says(text, r, "%s: the array cannot be written: %s", cgtune_probe_rung_name(rung), strerror(-r));
	return probe_pin_publish(options, programs, text);
}

static int try_rung(const struct cgtune_probe_options *options, uint32_t rung, struct probe_text *text)
{
	struct probe_programs programs;
	int r = probe_rung_try(rung);

	if (r == 0)
		r = probe_programs_load(options, rung, &programs);
	if (r < 0)
		return probe_says(text, r, "%s: cannot be loaded or attached: %s", cgtune_probe_rung_name(rung),
				  strerror(-r));
	r = finish(options, rung, &programs, text);
	probe_programs_drop(&programs);
	return r;
}

/* Why nothing could be had: which of the answers of all rungs is the user's to change. */
static int give_up(const struct cgtune_probe_options *options, int r, struct probe_text *text)
{
	if (r == -EPERM || r == -EACCES)
		return probe_says(text, -EPERM, "not permitted: it takes root, or CAP_BPF and CAP_PERFMON%s",
				  probe_has_memcg_accounting() == 1 ? "" : ", and before Linux 5.11 RLIMIT_MEMLOCK");
	if (!probe_btf_kernel_has() && !probe_btf_file())
		return probe_says(text, -EOPNOTSUPP, "this kernel has no BTF, and none is in " CGTUNE_BTF
				  ": --btf FILE names one");
	return probe_says(text, -EOPNOTSUPP, "this kernel takes none of the programs%s",
			  options->rungs == UINT32_MAX ? "" : " of those rungs");
}

static int climb(const struct cgtune_probe_options *options, struct probe_text *text)
{
	struct cgtune_probe_options own = *options;
	int r = -EOPNOTSUPP;

	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung <= CGTUNE_PROBE_RAW; rung++) {
		if (!(options->rungs & 1u << rung))
			continue;
		r = try_rung(&own, rung, text);
		if (r == 0 || r == -EEXIST || r == -ENOSPC || r == -EROFS || probe_is_out_of_resources(r))
			return r;
		own.rungs &= ~(1u << rung);		/* what limits of memory do is not tried there, either */
	}
	return give_up(options, r, text);
}

static int climb_with_memlock(const struct cgtune_probe_options *options, struct probe_text *text)
{
	struct probe_memlock memlock;
	int r;

	probe_memlock_raise(&memlock);
	r = climb(options, text);
	probe_memlock_restore(&memlock);
	return r;
}

static int start(const struct cgtune_probe_options *options, struct probe_text *text, struct cgtune_probe **ret)
{
	int r = probe_pin_check(options, text), tries = 0;

	if (r < 0)
		return r;
	do {
		r = probe_open(options, text, ret);
		if (r != -ENOENT)
			return r < 0 ? r : 1;
		r = climb_with_memlock(options, text);
	} while (r == -EEXIST && ++tries < 8);
	return r < 0 ? r : probe_open(options, text, ret);
}

_public_ int cgtune_probe_start(const struct cgtune_probe_options *options, struct cgtune_probe **ret)
{
	struct cgtune_probe_options ours;
	struct probe_text text;
	int r = probe_options(options, &ours);

	if (r < 0)
		return r;
	probe_text_begin(&text, &ours);
	r = probe_btf_begin(ours.btf, &text);
	if (r == 0)
		r = start(&ours, &text, ret);
	probe_btf_end();
	probe_text_end();
	return r;
}

_public_ int cgtune_probe_stop(const struct cgtune_probe_options *options)
{
	struct cgtune_probe_options ours;
	int r = probe_options(options, &ours);

	return r < 0 ? r : probe_pin_remove(&ours);
}
