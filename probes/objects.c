/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* objects - the compiled programs, which this library carries, and what is set in them before they are loaded */
#include "probe.h"

#include <errno.h>
#include <string.h>

CARRY(probe_throttle_v2, "throttle-v2.bpf.o");
CARRY(probe_throttle_v3, "throttle-v3.bpf.o");
CARRY(probe_throttle_cast_v3, "throttle-cast-v3.bpf.o");	/* the kernels that run it have atomic operations, too */
CARRY(probe_throttle_raw_v2, "throttle-raw-v2.bpf.o");
CARRY(probe_throttle_raw_v3, "throttle-raw-v3.bpf.o");
CARRY(probe_memory_v2, "memory-v2.bpf.o");
CARRY(probe_memory_v3, "memory-v3.bpf.o");
CARRY(probe_memory_raw_v2, "memory-raw-v2.bpf.o");
CARRY(probe_memory_raw_v3, "memory-raw-v3.bpf.o");
CARRY(probe_groups_v3, "groups-v3.bpf.o");			/* as well */

struct probe_object probe_object(unsigned which, bool fetch)
{
	static const struct {
		const char *name, *begin, *end;
	} all[PROBE_OBJECTS][2] = {
		[PROBE_OBJECT_TYPED] = {
			{ "cgtune_throttle", probe_throttle_v2, probe_throttle_v2_end },
			{ "cgtune_throttle", probe_throttle_v3, probe_throttle_v3_end },
		},
		[PROBE_OBJECT_CAST] = {
			{ "cgtune_throttle_cast", probe_throttle_cast_v3, probe_throttle_cast_v3_end },
			{ "cgtune_throttle_cast", probe_throttle_cast_v3, probe_throttle_cast_v3_end },
		},
		[PROBE_OBJECT_UNTYPED] = {
			{ "cgtune_throttle_raw", probe_throttle_raw_v2, probe_throttle_raw_v2_end },
			{ "cgtune_throttle_raw", probe_throttle_raw_v3, probe_throttle_raw_v3_end },
		},
		[PROBE_OBJECT_MEMORY_TYPED] = {
			{ "cgtune_memory", probe_memory_v2, probe_memory_v2_end },
			{ "cgtune_memory", probe_memory_v3, probe_memory_v3_end },
		},
		[PROBE_OBJECT_MEMORY_UNTYPED] = {
			{ "cgtune_memory_raw", probe_memory_raw_v2, probe_memory_raw_v2_end },
			{ "cgtune_memory_raw", probe_memory_raw_v3, probe_memory_raw_v3_end },
		},
		[PROBE_OBJECT_GROUPS] = {
			{ "cgtune_groups", probe_groups_v3, probe_groups_v3_end },
			{ "cgtune_groups", probe_groups_v3, probe_groups_v3_end },
		},
	};

	return (struct probe_object){ all[which][fetch].name, all[which][fetch].begin,
				      (size_t)(all[which][fetch].end - all[which][fetch].begin) };
}

/* libbpf has errors of its own, from 4000 on. The file is ours, and good: who cannot read it has no memory. */
static int errno_of(int r)
{
	return r > -__LIBBPF_ERRNO__START ? r : r == -LIBBPF_ERRNO__LIBELF || r == -LIBBPF_ERRNO__FORMAT ? -ENOMEM : -EIO;
}

int probe_object_open_as(const struct probe_object *object, struct bpf_object **ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = object->name, .btf_custom_path = probe_btf_file());

	*ret = bpf_object__open_mem(object->bytes, object->size, &opts);
	return *ret ? 0 : errno_of(-errno);
}

int probe_object_open(unsigned which, bool fetch, struct bpf_object **ret)
{
	struct probe_object object = probe_object(which, fetch);

	return probe_object_open_as(&object, ret);
}

int probe_object_load(struct bpf_object *object)
{
	return errno_of(bpf_object__load(object));
}

bool probe_is_out_of_resources(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

/* In the order of slot.bpf.h. */
struct constants {
	uint32_t slots;
	uint64_t subtree, min_event_ns, only_tgid, memory_subtree, sleeps_at_switch;
};

int probe_object_set(struct bpf_object *object, const struct cgtune_probe_options *options, int cpus,
		     bool sleeps_at_switch)
{
	struct constants constants = {
		.slots = options->slots, .subtree = options->subtree, .min_event_ns = options->min_event_ns,
		.only_tgid = options->tgid,
		.memory_subtree = options->memory_subtree, .sleeps_at_switch = sleeps_at_switch,
	};
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		if (strcmp(name, "shared") == 0)
			r = bpf_map__set_max_entries(map, (uint32_t)PROBE_ELEMENTS(options->slots));
		else if (strcmp(name, "lists") == 0)
			r = bpf_map__set_max_entries(map, (uint32_t)cpus);
		else if (strstr(name, ".rodata"))
			r = bpf_map__set_initial_value(map, &constants, sizeof(constants));
		if (r < 0)
			return r;
	}
	return 0;
}
