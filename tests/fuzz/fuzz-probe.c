/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-probe - any array that says it is a probe's, and that changes while it is read
 *
 * The first byte is how many slots, then an operation a letter: 'w' writes any word of the array but
 * what was checked when it was opened, 's' and 'm' make somebody's slot, the others read. The reader is
 * read.c, which is part of this file, and lib/published.c.
 */
#include "fuzz.h"
#include "../../probes/read.c"
#include "published.h"

#define STEPS_MOST 200

static struct cgtune_probe *probe;
static union probe_element *elements;
static struct published_view view;
static struct published published;

/* On the heap, exact, with a header that fits; the reader is told what the kernel would say of it. */
static void make_array(uint32_t slots, uint8_t rungs)
{
	struct bpf_map_info info = {
		.type = BPF_MAP_TYPE_ARRAY, .value_size = PROBE_ELEMENT, .map_flags = BPF_F_MMAPABLE,
		.max_entries = PROBE_ELEMENTS(slots),
	};

	elements = calloc(info.max_entries, PROBE_ELEMENT);
	CLAIM(elements && is_ours(&info));
	elements->header = (struct probe_header){
		.magic = PROBE_MAGIC, .abi = PROBE_ABI, .element = PROBE_ELEMENT, .slots = slots,
		.events = PROBE_EVENTS, .rung = 1 + rungs % 4, .memory_rung = rungs / 4 % 5, .memory_sleeps = rungs / 20 % 3,
	};
	CLAIM(header_fits(&elements->header, &info));
	probe = make_handle(elements, (size_t)info.max_entries * PROBE_ELEMENT, &elements->header);
	CLAIM(probe);
	view = (struct published_view){ .elements = elements, .bytes = probe->bytes, .slots = slots };
	memset(&published, 0, sizeof(published));
	atomic_store(&published.current, &view);
}

static void free_array(void)
{
	munmap(probe, probe->index_bytes);
	free(elements);
}

static void write_word(struct input *in)
{
	size_t words = probe->bytes / 8, at = input_byte(in);
	uint64_t value = input_byte(in);

	at = (at << 8 | input_byte(in)) % words;
	if (value & 128)
		value = input_u64(in);
	if (at >= offsetof(struct probe_header, loaded_ns) / 8)
		((uint64_t *)elements)[at] = value;
}

/* A slot that a reader finds: claimed and written by one owner. */
static void write_slot(struct input *in, bool memory)
{
	uint32_t i = input_byte(in) % probe->slots + (memory ? probe->slots : 0);
	uint64_t serial = input_byte(in), half = input_byte(in) & 1;
	struct probe_owner *owner;

	elements[PROBE_HALF(probe->slots, i, 0)].slot.owner.claim = serial << 1 | half;
	owner = &elements[PROBE_HALF(probe->slots, i, half)].slot.owner;
	owner->serial = serial;
	owner->cgroup = input_byte(in);
	owner->hierarchy = input_byte(in) & 3;
	if (memory)
		elements[PROBE_HALF(probe->slots, i, half)].memory.oom_kills = serial;
	elements->header.epoch++;
}

static void write_event(struct input *in)
{
	uint64_t n = elements->header.head++;
	struct probe_event *event = (struct probe_event *)event_at(probe, n);

	memset(event, input_byte(in), sizeof(*event));
	event->seq = n + 1;
}

static void read_group(struct input *in)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	struct cgtune_memory_stalls memory = { .size = sizeof(memory) };
	uint64_t cgroup = input_byte(in);
	uint32_t hierarchy = input_byte(in) & 3;
	int r = cgtune_probe_read(probe, cgroup, hierarchy, &stalls);

	CLAIM(r == 0 || r == -ENODATA || r == -EAGAIN);
	CLAIM(r < 0 || (stalls.cgroup == cgroup && stalls.hierarchy == hierarchy));
	r = cgtune_probe_read_memory(probe, cgroup, hierarchy, &memory);
	CLAIM(r == 0 || r == -ENODATA || r == -EAGAIN || r == -EOPNOTSUPP);
	CLAIM(r < 0 || (memory.cgroup == cgroup && memory.hierarchy == hierarchy));
}

/* Each slot at most once, and then the end. */
static void read_all_groups(void)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	struct cgtune_memory_stalls memory = { .size = sizeof(memory) };
	uint32_t cursor = 0, found = 0;
	int r;

	while ((r = cgtune_probe_next(probe, &cursor, &stalls)) > 0)
		CLAIM(++found <= probe->slots && cursor <= probe->slots);
	CLAIM(r == 0 || r == -EAGAIN);
	cursor = found = 0;
	while ((r = cgtune_probe_next_memory(probe, &cursor, &memory)) > 0)
		CLAIM(++found <= probe->slots && cursor <= probe->slots);
	CLAIM(r == 0 || r == -EAGAIN);
}

static void read_events(struct input *in)
{
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor = input_byte(in) & 1 ? input_u64(in) : 0, before = cursor;
	int r = 1;

	for (int i = 0; i < 8 && r > 0; i++) {
		r = cgtune_probe_next_event(probe, &cursor, &event);
		CLAIM(r == 0 || r == 1);
		CLAIM(r == 0 ? cursor == before : cursor == event.number + 1);
		CLAIM(r == 0 || memchr(event.comm, '\0', sizeof(event.comm)));
		before = cursor;
	}
}

static void read_published(struct input *in)
{
	struct published_group group = { .cgroup = input_byte(in), .hierarchy = input_byte(in) & 3 };
	struct published_counts counts;
	int r = published_find(&published, &group, &counts);

	CLAIM(r == 0 || r == -ENODATA || r == -EAGAIN);
	published_remember(&published, &group);
	r = published_own(&published, &counts);
	CLAIM(r == 0 || r == -ENODATA || r == -EAGAIN);
	CLAIM(atomic_load(&published.readers) == 0);
}

static void step(struct input *in)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	switch (input_byte(in)) {
	case 'w':
		write_word(in);
		break;
	case 's':
		write_slot(in, false);
		break;
	case 'm':
		write_slot(in, true);
		break;
	case 'v':
		write_event(in);
		break;
	case 'r':
		read_group(in);
		break;
	case 'a':
		read_all_groups();
		break;
	case 'e':
		read_events(in);
		break;
	case 'p':
		read_published(in);
		break;
	case 't':
		CLAIM(cgtune_probe_state(probe, &state) == 0 && state.slots == probe->slots && !state.pinned);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint32_t slots = 1u << input_byte(&in) % 5;

	make_array(slots, input_byte(&in));
	for (int i = 0; i < STEPS_MOST && in.size; i++)
		step(&in);
	free_array();
	return 0;
}
