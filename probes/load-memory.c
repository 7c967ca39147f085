/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* load-memory - the best rung for what memory limits do, which need not be that for quotas, into the same array */
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A kernel may have it, and have it switched off: then its file cannot be read. */
static bool has_pressure(void)
{
	int fd = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
	char byte;
	bool has = fd >= 0 && read(fd, &byte, 1) == 1;

	if (fd >= 0)
		close(fd);
	return has;
}

static bool ends_with(const struct bpf_program *program, const char *end)
{
	const char *name = bpf_program__name(program), *last = strrchr(name, '_');

	return last && strcmp(last + 1, end) == 0;
}

static void choose(struct bpf_object *object, uint32_t rung, bool sleeps)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, strcmp(bpf_program__name(program), "seed_all") == 0 ||
			(probe_program_is_of(program, rung) && (sleeps || !ends_with(program, "sleep"))));
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

static int load(struct bpf_object *object, const struct cgtune_probe_options *options, const struct bpf_object *with)
{
	struct cgtune_probe_options own = *options;
	int r;

	own.subtree = options->memory_subtree;
	r = probe_object_set(object, &own, 1);
	if (r == 0)
		r = share(object, with);
	return r < 0 ? r : bpf_object__load(object);
}

/* What the kernel counts from now on is counted. */
static int seed(struct bpf_object *object)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, "seed_all"));

	if (bpf_prog_test_run_opts(fd, &opts) < 0)
		return -errno;
	return opts.retval == 1 ? 0 : -E2BIG;
}

static int attach(struct bpf_object *object, uint32_t rung, struct probe_programs *programs)
{
	struct bpf_program *program;
	size_t before = programs->count;

	bpf_object__for_each_program(program, object) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || !probe_program_is_of(program, rung))
			continue;
		link = programs->count < PROBE_MOST_LINKS ? bpf_program__attach(program) : NULL;
		if (!link) {
			while (programs->count > before)
				bpf_link__destroy(programs->links[--programs->count]);
			return -errno;
		}
		programs->links[programs->count++] = link;
	}
	return 0;
}

static int try_rung(const struct cgtune_probe_options *options, uint32_t rung, struct probe_programs *programs)
{
	bool sleeps = has_pressure();
	struct bpf_object *object = probe_object_open(PROBE_OBJECT_MEMORY_UNTYPED, probe_has_fetch() != 0);
	int r;

	if (!object)
		return -errno;
	choose(object, rung, sleeps);
	r = load(object, options, programs->object);
	if (r == 0)
		r = seed(object);
	if (r == 0)
		r = attach(object, rung, programs);
	if (r == 0) {
		programs->memory_rung = rung;
		programs->memory_sleeps = sleeps ? PROBE_SLEEPS_SWITCH : PROBE_SLEEPS_UNKNOWN;
	}
	bpf_object__close(object);		/* what is attached stays with its links */
	return r;
}

void probe_memory_load(const struct cgtune_probe_options *options, struct probe_programs *programs)
{
	for (uint32_t rung = PROBE_TRACEPOINT; rung <= PROBE_RAW; rung++)
		if (options->rungs & 1u << rung && try_rung(options, rung, programs) == 0)
			return;
}
