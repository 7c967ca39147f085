/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spec - what would be loaded, read from the objects alone: any user, any machine, no bpf(2) */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cgtune_probe_spec {
	size_t count;
	struct bpf_object *objects[PROBE_OBJECTS];
	struct cgtune_probe_item items[128];
};

static void add_item(struct cgtune_probe_spec *spec, struct cgtune_probe_item item)
{
	item.size = sizeof(item);
	if (spec->count < ARRAY_SIZE(spec->items))
		spec->items[spec->count++] = item;
}

static void add_object(struct cgtune_probe_spec *spec, struct bpf_object *object)
{
	struct bpf_program *program;
	struct bpf_map *map;
	const char *name = bpf_object__name(object);

	bpf_object__for_each_program(program, object)
		add_item(spec, (struct cgtune_probe_item){
			.object = name, .name = bpf_program__name(program), .type = bpf_program__section_name(program),
			.instructions = (uint32_t)bpf_program__insn_cnt(program),
		});
	bpf_object__for_each_map(map, object)
		add_item(spec, (struct cgtune_probe_item){
			.object = name, .name = bpf_map__name(map), .type = "map",
			.value_size = bpf_map__value_size(map), .entries = bpf_map__max_entries(map),
		});
}

static int fill(struct cgtune_probe_spec *spec, const struct cgtune_probe_options *options)
{
	for (unsigned i = 0; i < PROBE_OBJECTS; i++) {
		int r = probe_object_open(i, true, &spec->objects[i]);

		if (r < 0)
			return r;
		r = probe_object_set(spec->objects[i], options, 1, true);
		if (r < 0)
			return r;
		add_object(spec, spec->objects[i]);
	}
	return 0;
}

_public_ int cgtune_probe_spec(const struct cgtune_probe_options *options, struct cgtune_probe_spec **ret)
{
	struct cgtune_probe_options ours;
	struct cgtune_probe_spec *spec;
	struct probe_text text;
	int r = probe_options(options, &ours);

	if (r < 0)
		return r;
	spec = calloc(1, sizeof(*spec));
	if (!spec)
		return -ENOMEM;
	probe_text_begin(&text, &ours);
	r = fill(spec, &ours);
	probe_text_end();
	if (r < 0)
		cgtune_probe_spec_free(spec);
	else
		*ret = spec;
	return r;
}

_public_ int cgtune_probe_spec_item(const struct cgtune_probe_spec *spec, size_t i, struct cgtune_probe_item *ret)
{
	if (util_struct_check(ret, sizeof(spec->items[0])) < 0)
		return -EINVAL;
	if (i >= spec->count)
		return -ENOENT;
	util_struct_out(ret, &spec->items[i], sizeof(spec->items[i]));
	return 0;
}

_public_ void cgtune_probe_spec_free(struct cgtune_probe_spec *spec)
{
	for (unsigned i = 0; spec && i < PROBE_OBJECTS; i++)
		bpf_object__close(spec->objects[i]);
	free(spec);
}
