/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-stalls - what a started probe has counted of each group; it is looked for again while there is none */
#include "export.h"
#include "tool.h"

#include <errno.h>
#include <string.h>

#define LOOK_NS (5 * 1000000000ull)
#define TRIES 3

static struct cgtune_probe *probe;
static uint64_t looked_ns;

/* Whether there is none that counts; -EACCES: this user cannot tell any more. */
static int reopen(const char *bpffs, struct cgtune_probe_state *state)
{
	struct cgtune_probe_options options = { .size = sizeof(options), .bpffs = bpffs };
	struct cgtune_probe *other = NULL;
	int r = cgtune_probe_open(&options, &other);

	if (r == 0)
		r = cgtune_probe_state(other, state);
	if (r < 0 || state->stopped_ns) {
		cgtune_probe_close(other);
		return r < 0 ? r : -ENOENT;
	}
	cgtune_probe_close(probe);
	probe = other;
	return 0;
}

/* As root, before the user is another one: there may be one that nobody can read later. Said once. */
static void warn(int r)
{
	static bool warned;
	char text[256];

	if (r == -ENOENT || r == -EACCES || r == -EPERM || warned)
		return;
	warned = true;
	snprintf(text, sizeof(text), "the probe cannot be read: %s", cgtune_strerror(r));
	tool_warn(NULL, NULL, NULL, text);
}

/* One that was stopped counts no longer, nor one whose pins somebody removed: another may have been started. */
void export_stalls_look(const char *bpffs, struct export_table *table)
{
	uint64_t now = tool_now_ns();
	int r = 0;

	table->state = (struct cgtune_probe_state){ .size = sizeof(table->state) };
	if (probe && cgtune_probe_state(probe, &table->state) < 0)
		export_stalls_close();
	if ((!probe || table->state.stopped_ns || !table->state.pinned) && (!looked_ns || now - looked_ns > LOOK_NS)) {
		looked_ns = now;
		r = reopen(bpffs, &table->state);
		if (r < 0 && !probe)
			warn(r);
	}
	if (r == -ENOENT || (probe && table->state.stopped_ns))
		export_stalls_close();
	table->has_state = probe != NULL;
	table->rung = probe ? cgtune_probe_rung_name(table->state.rung) : "none";
	/* Once, so that it stays the same whatever the two clocks do. */
	if (probe && table->loaded_ns != table->state.loaded_ns) {
		table->loaded_ns = table->state.loaded_ns;
		table->loaded_ms = table->taken_ms - (table->taken_ns - table->state.loaded_ns) / 1000000;
	}
}

static void take_sleeps(const struct export_table *table, struct export_group *group)
{
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	bool seen = table->state.memory_rung != CGTUNE_PROBE_NONE &&
		table->state.memory_sleeps != CGTUNE_PROBE_SLEEPS_UNKNOWN;
	int r = cgtune_probe_read_memory(probe, group->memory_id, table->memory_hierarchy, &counts);

	if (r == 0) {
		group->sleeps = counts.high_sleeps;
		group->sleep_ns = counts.high_sleep_ns;
	} else if (r == -ENODATA) {
		group->sleeps = group->sleep_ns = seen ? 0 : CGTUNE_UNKNOWN;
	}
}

/* What cannot be read now is told as it was. */
void export_stalls_take(const struct export_table *table, struct export_group *group)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	int r = -EAGAIN;

	if (!probe) {
		group->has_histogram = false;
		group->sleeps = group->sleep_ns = CGTUNE_UNKNOWN;
		return;
	}
	for (int i = 0; group->has_cpu && r == -EAGAIN && i < TRIES; i++)
		r = cgtune_probe_read(probe, group->id, table->cpu_hierarchy, &stalls);
	if (r == 0 || r == -ENODATA)
		group->stalls = stalls;
	group->has_histogram = group->has_cpu &&
		(group->has_histogram || r == 0 || group->cpu.quota_us != CGTUNE_UNKNOWN);
	if (group->memory_id)
		take_sleeps(table, group);
}

void export_stalls_close(void)
{
	cgtune_probe_close(probe);
	probe = NULL;
}
