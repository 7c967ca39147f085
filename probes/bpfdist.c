/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfdist - bpf(2) calls by command: loads the programs that count them, and reads what they counted */
#include "bpfdist.h"
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

CARRY(bpfdist_object, "bpfdist-v2.bpf.o");

struct bpfdist {
	struct bpf_object *object;
	struct bpf_link *links[2 * BPFDIST_COPIES];
	uint32_t rung;
	int values, errors, global;
	int cpus;			/* possible ones: a value of a per-CPU map is one of each */
	void *room;			/* for such a value */
};

static bool is_of(const struct bpf_program *program, uint32_t rung)
{
	const char *prefix = cgtune_probe_rung_name(rung);

	return strncmp(bpf_program__name(program), prefix, strlen(prefix)) == 0;
}

static int map_fd(const struct bpfdist *dist, const char *name)
{
	return bpf_object__find_map_fd_by_name(dist->object, name);
}

static int load(struct bpfdist *dist, const struct bpfdist_filter *filter)
{
	struct bpf_program *program;
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_program(program, dist->object)
		bpf_program__set_autoload(program, is_of(program, dist->rung));
	bpf_object__for_each_map(map, dist->object)
		if (strstr(bpf_map__name(map), ".rodata"))
			r = bpf_map__set_initial_value(map, filter, sizeof(*filter));
	if (r == 0)
		r = probe_object_load(dist->object);
	dist->values = map_fd(dist, "values");
	dist->errors = map_fd(dist, "errors");
	dist->global = map_fd(dist, "global");
	return r;
}

/* The exit first: a call that is under way has no beginning, and is not counted. */
static int attach(struct bpfdist *dist)
{
	struct bpf_program *program;
	int n = 0;

	for (int exits = 1; exits >= 0; exits--) {
		bpf_object__for_each_program(program, dist->object) {
			if (!is_of(program, dist->rung) || (strstr(bpf_program__name(program), "_exit") != NULL) != exits)
				continue;
			dist->links[n] = bpf_program__attach(program);
			if (!dist->links[n++])
				return -errno;
		}
	}
	return 0;
}

static int start_rung(struct bpfdist *dist, uint32_t rung, const struct bpfdist_filter *filter)
{
	const struct probe_object object = {
		"cgtune_bpfdist", bpfdist_object, (size_t)(bpfdist_object_end - bpfdist_object),
	};
	int r = probe_object_open_as(&object, &dist->object);

	dist->rung = rung;
	if (r < 0)
		return r;
	r = load(dist, filter);
	if (r == 0)
		r = attach(dist);
	if (r < 0) {
		bpfdist_stop(dist);
		bpf_object__close(dist->object);
		dist->object = NULL;
	}
	return r;
}

static int climb(struct bpfdist *dist, const struct bpfdist_options *options, struct probe_text *text)
{
	uint32_t rungs = options->rungs ? options->rungs : 1u << CGTUNE_PROBE_TRACEPOINT | 1u << CGTUNE_PROBE_RAW;
	bool forbidden = false;
	int r = -EOPNOTSUPP;

	for (uint32_t rung = CGTUNE_PROBE_TRACEPOINT; rung <= CGTUNE_PROBE_RAW && r < 0; rung++) {
		if (!(rungs & 1u << rung))
			continue;
		r = start_rung(dist, rung, &options->filter);
		forbidden |= r == -EPERM || r == -EACCES;
	}
	if (r < 0 && !probe_is_out_of_resources(r) && forbidden)
		return probe_says(text, -EPERM, "not permitted: it takes root, or CAP_BPF and CAP_PERFMON");
	if (r < 0 && !probe_is_out_of_resources(r))
		return probe_says(text, -EOPNOTSUPP, "this kernel takes none of the programs: %s", strerror(-r));
	return r;
}

int bpfdist_start(const struct bpfdist_options *options, struct bpfdist **ret)
{
	struct cgtune_probe_options text_options = { .text = options->text, .text_size = options->text_size };
	struct bpfdist *dist = calloc(1, sizeof(*dist));
	struct probe_memlock memlock;
	struct probe_text text;
	int r;

	if (!dist)
		return -ENOMEM;
	probe_text_begin(&text, &text_options);
	dist->cpus = libbpf_num_possible_cpus();
	r = dist->cpus < 0 ? dist->cpus : 0;
	if (r == 0)
		dist->room = calloc((size_t)dist->cpus, sizeof(struct bpfdist_value));
	if (r == 0 && !dist->room)
		r = -ENOMEM;
	probe_memlock_raise(&memlock);
	if (r == 0)
		r = climb(dist, options, &text);
	probe_memlock_restore(&memlock);
	probe_text_end();
	if (r < 0)
		bpfdist_free(dist);
	else
		*ret = dist;
	return r;
}

void bpfdist_stop(struct bpfdist *dist)
{
	for (size_t i = 0; i < ARRAY_SIZE(dist->links); i++) {
		bpf_link__destroy(dist->links[i]);
		dist->links[i] = NULL;
	}
}

uint32_t bpfdist_rung(const struct bpfdist *dist)
{
	return dist->rung;
}

int bpfdist_read(struct bpfdist *dist, uint32_t command, struct bpfdist_value *ret)
{
	const struct bpfdist_value *values = dist->room;
	struct bpfdist_value sum = { 0 };

	if (bpf_map_lookup_elem(dist->values, &command, dist->room) < 0)
		return -errno;
	for (int cpu = 0; cpu < dist->cpus; cpu++) {
		sum.calls += values[cpu].calls;
		sum.ns += values[cpu].ns;
		for (int i = 0; i < BPFDIST_HIST; i++)
			sum.hist[i] += values[cpu].hist[i];
	}
	*ret = sum;
	return 0;
}

int bpfdist_next_error(struct bpfdist *dist, uint32_t *key, uint64_t *ret)
{
	const uint64_t *values = dist->room;
	uint64_t sum = 0;

	if (bpf_map_get_next_key(dist->errors, *key ? key : NULL, key) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_map_lookup_elem(dist->errors, key, dist->room) < 0)
		return -errno;
	for (int cpu = 0; cpu < dist->cpus; cpu++)
		sum += values[cpu];
	*ret = sum;
	return 1;
}

/* Times that all copies of a program were kept from running, at most (Linux 5.12 and later tell). */
static uint64_t missed(struct bpfdist *dist, const char *which)
{
	struct bpf_program *program;
	uint64_t least = UINT64_MAX;

	bpf_object__for_each_program(program, dist->object) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (is_of(program, dist->rung) && strstr(bpf_program__name(program), which) &&
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			least = util_min(least, info.recursion_misses);
	}
	return least == UINT64_MAX ? 0 : least;
}

uint64_t bpfdist_lost(struct bpfdist *dist)
{
	struct bpfdist_global global = { 0 };
	uint32_t zero = 0;

	bpf_map_lookup_elem(dist->global, &zero, &global);
	return global.lost + missed(dist, "_enter") + missed(dist, "_exit");
}

void bpfdist_free(struct bpfdist *dist)
{
	if (!dist)
		return;
	bpfdist_stop(dist);
	bpf_object__close(dist->object);
	free(dist->room);
	free(dist);
}
