/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* load-memory - the best rung for what memory limits do, which need not be that for quotas, into the same array */
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* With what is run once, where that is in the object. sleeps: with what counts those over memory.high. */
static void choose(struct bpf_object *object, uint32_t rung, bool sleeps)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		const char *name = bpf_program__name(program);
		bool wanted = probe_program_is_of(program, rung) && (sleeps || !ends_with(name, "_sleep"));

		bpf_program__set_autoload(program, wanted || strcmp(name, "seed_all") == 0);
	}
}

/* Since 6.18 the older name is that of a part of its callers. */
static int name_function(struct bpf_object *object)
{
	static const char name[] = "__mem_cgroup_handle_over_high";
	struct bpf_program *program;

	if (probe_btf_id(BPF_TRACE_FENTRY, name) <= 0)
		return 0;
	bpf_object__for_each_program(program, object)
		if (ends_with(bpf_program__section_name(program), name + 2) &&
		    bpf_program__set_attach_target(program, 0, name) < 0)
			return -EINVAL;
	return 0;
}

/* The array and the lock are those of the programs for quotas. */
static int share(struct bpf_object *object, const struct bpf_object *with)
{
	static const char *const names[] = { "shared", "token" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, names[i]);
		int r = map ? bpf_map__reuse_fd(map, bpf_map__fd(bpf_object__find_map_by_name(with, names[i]))) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int load(const struct cgtune_probe_options *options, const struct bpf_object *with, uint32_t rung, bool sleeps,
		struct bpf_object **ret)
{
	unsigned which = rung == PROBE_FENTRY ? PROBE_OBJECT_MEMORY_TYPED : PROBE_OBJECT_MEMORY_UNTYPED;
	struct bpf_object *object;
	int r = probe_object_open(which, probe_has_fetch() != 0, &object);

	if (r < 0)
		return r;
	choose(object, rung, sleeps);
	r = probe_object_set(object, options, 1, false);
	if (r == 0)
		r = share(object, with);
	if (r == 0 && rung == PROBE_FENTRY)
		r = name_function(object);
	if (r == 0)
		r = probe_object_load(object);
	if (r < 0)
		bpf_object__close(object);
	else
		*ret = object;
	return r;
}

static int run_seed(const struct bpf_object *object)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r = bpf_prog_test_run_opts(bpf_program__fd(bpf_object__find_program_by_name(object, "seed_all")), &opts);

	return r < 0 ? r : opts.retval == 1 ? 0 : -E2BIG;
}

/* What the kernel counts from now on is counted. Of the rung fentry that is in another object. */
static int seed(const struct cgtune_probe_options *options, const struct bpf_object *with, uint32_t rung,
		const struct bpf_object *object)
{
	struct bpf_object *other;
	int r;

	if (rung != PROBE_FENTRY)
		return run_seed(object);
	r = load(options, with, PROBE_NONE, false, &other);
	if (r < 0)
		return r;
	r = run_seed(other);
	bpf_object__close(other);
	return r;
}

static int attach(struct bpf_object *object, struct probe_programs *programs)
{
	struct bpf_program *program;
	size_t before = programs->count;

	bpf_object__for_each_program(program, object) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || strcmp(bpf_program__name(program), "seed_all") == 0)
			continue;
		errno = ENOSPC;
		link = programs->count < PROBE_MOST_LINKS ? bpf_program__attach(program) : NULL;
		if (!link) {
			int error = errno;

			while (programs->count > before)
				bpf_link__destroy(programs->links[--programs->count]);
			return -error;
		}
		programs->links[programs->count++] = link;
	}
	return 0;
}

/* The functions themselves tell of sleeps where they can; what else is there needs PSI. */
static uint32_t sleeps_of(uint32_t rung)
{
	if (rung == PROBE_FENTRY)
		return PROBE_SLEEPS_FUNCTION;
	if (probe_has_pressure() != 1)
		return PROBE_SLEEPS_UNKNOWN;
	return rung == PROBE_KPROBE ? PROBE_SLEEPS_FUNCTION : PROBE_SLEEPS_SWITCH;
}

static int try_rung(const struct cgtune_probe_options *options, uint32_t rung, struct probe_programs *programs)
{
	bool counted = programs->memory_sleeps != PROBE_SLEEPS_UNKNOWN;
	uint32_t sleeps = counted ? programs->memory_sleeps : sleeps_of(rung);
	struct bpf_object *object;
	int r = load(options, programs->object, rung, !counted && sleeps != PROBE_SLEEPS_UNKNOWN, &object);

	if (r < 0)
		return r;
	r = seed(options, programs->object, rung, object);
	if (r == 0)
		r = attach(object, programs);
	if (r == 0) {
		programs->memory_rung = rung;
		programs->memory_sleeps = sleeps;
	}
	bpf_object__close(object);		/* what is attached stays with its links */
	return r;
}

int probe_memory_load(const struct cgtune_probe_options *options, struct probe_programs *programs)
{
	for (uint32_t rung = PROBE_FENTRY; rung <= PROBE_RAW; rung++) {
		int r = options->rungs & 1u << rung ? try_rung(options, rung, programs) : -EOPNOTSUPP;

		if (r == 0 || probe_is_out_of_resources(r))
			return r;
	}
	programs->memory_sleeps = PROBE_SLEEPS_UNKNOWN;
	return 0;
}
