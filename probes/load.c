/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* load - one rung's programs, loaded and attached */
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

bool probe_program_is_of(const struct bpf_program *program, uint32_t rung)
{
	const char *name = bpf_program__name(program), *prefix = cgtune_probe_rung_name(rung);
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && name[n] == '_';
}

/* Kernels before 6.12 have no such tracepoint, and end no stop that way. */
static bool is_extra(const struct bpf_program *program)
{
	const char *name = bpf_program__name(program), *last = strrchr(name, '_');

	return last && strcmp(last, "_csd") == 0;
}

static bool kernel_has(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program), *name = strrchr(section, '/');

	return strncmp(section, "tp_btf/", 7) != 0 || probe_btf_id(BPF_TRACE_RAW_TP, name + 1) > 0;
}

static void choose(struct bpf_object *object, uint32_t rung)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		bool wanted = probe_program_is_of(program, rung) && !(is_extra(program) && !kernel_has(program));

		bpf_program__set_autoload(program, wanted || strcmp(bpf_program__name(program), "mark_stopped") == 0);
	}
}

static int attach(struct probe_programs *programs)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, programs->object) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || !probe_program_is_of(program, programs->rung))
			continue;
		if (programs->count == PROBE_MOST_LINKS)
			return -ENOSPC;
		link = bpf_program__attach(program);
		if (!link && is_extra(program))
			continue;
		if (!link)
			return -errno;
		programs->links[programs->count++] = link;
	}
	return programs->count ? 0 : -EOPNOTSUPP;
}

/* Before Linux 5.12 a lock stands for atomic operations: it is free. */
static int fill_token(struct bpf_object *object)
{
	struct bpf_map *token = bpf_object__find_map_by_name(object, "token");
	uint32_t one = 1;

	return token && bpf_map_update_elem(bpf_map__fd(token), NULL, &one, BPF_ANY) < 0 ? -errno : 0;
}

static int load(const struct cgtune_probe_options *options, unsigned which, struct probe_programs *programs)
{
	int cpus = libbpf_num_possible_cpus(), r;

	if (cpus < 0)
		return cpus;
	r = probe_object_open(which, probe_has_fetch() != 0, &programs->object);
	if (r < 0)
		return r;
	choose(programs->object, programs->rung);
	r = probe_object_set(programs->object, options, cpus, programs->memory_sleeps == PROBE_SLEEPS_SWITCH);
	if (r == 0)
		r = probe_object_load(programs->object);
	if (r == 0)
		r = fill_token(programs->object);
	if (r == 0) {
		programs->shared_fd = bpf_map__fd(bpf_object__find_map_by_name(programs->object, "shared"));
		r = attach(programs);
	}
	if (r < 0)
		probe_programs_drop(programs);
	return r;
}

int probe_programs_load(const struct cgtune_probe_options *options, uint32_t rung, struct probe_programs *ret)
{
	bool sleeps = rung >= CGTUNE_PROBE_TRACEPOINT && probe_has_pressure() == 1;
	struct probe_programs programs = {
		.rung = rung, .memory_sleeps = sleeps ? PROBE_SLEEPS_SWITCH : PROBE_SLEEPS_UNKNOWN,
	};
	int r = -EOPNOTSUPP;

	if (rung == CGTUNE_PROBE_TRACEPOINT && probe_btf_id(BPF_TRACE_FENTRY, "bpf_rdonly_cast") > 0)
		r = load(options, PROBE_OBJECT_CAST, &programs);
	if (r < 0 && !probe_is_out_of_resources(r))
		r = load(options, rung == CGTUNE_PROBE_FENTRY ? PROBE_OBJECT_TYPED : PROBE_OBJECT_UNTYPED, &programs);
	if (r == 0)
		*ret = programs;
	return r;
}

void probe_programs_drop(struct probe_programs *programs)
{
	for (size_t i = 0; i < programs->count; i++)
		bpf_link__destroy(programs->links[i]);
	programs->count = 0;
	bpf_object__close(programs->object);
	programs->object = NULL;
}
