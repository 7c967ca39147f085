/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-metrics - the metrics: their names, what each means, and of which groups it is told */
#include "export.h"
#include "cgtune.h"
#include "tool.h"

#include <stdlib.h>
#include <sys/resource.h>

/* One of a group; CGTUNE_UNKNOWN is not told, but for 0 it is. */
struct metric {
	struct export_family family;
	size_t offset;			/* of a uint64_t in struct export_group */
	size_t limit;			/* of another: without that limit, and at 0, it is not told; 0: it always is */
	enum export_unit unit;
	bool since_loaded;		/* counted since the probe was started, and not since the group was made */
};

#define OF(member) offsetof(struct export_group, member)

static const struct metric metrics[] = {
	{ { "cgtune_cpu_pool_size", EXPORT_GAUGE, NULL,
	    "Worker threads for a process of the cgroup, by its quota, those above it and the CPUs of the machine." },
	  OF(threads), 0, EXPORT_COUNT, false },
	{ { "cgtune_cpu_cfs_periods", EXPORT_COUNTER, NULL, "Periods in which the cgroup with a quota ran (cpu.stat)." },
	  OF(cpu.periods), OF(cpu.quota_us), EXPORT_COUNT, false },
	{ { "cgtune_cpu_cfs_throttled_periods", EXPORT_COUNTER, NULL, "Periods in which its quota stopped the cgroup (cpu.stat)." },
	  OF(cpu.throttled), OF(cpu.quota_us), EXPORT_COUNT, false },
	{ { "cgtune_cpu_cfs_throttled_seconds", EXPORT_COUNTER, "seconds",
	    "Time that its quota stopped the cgroup, summed over CPUs (cpu.stat)." },
	  OF(cpu.throttled_ns), OF(cpu.quota_us), EXPORT_NS, false },
	{ { "cgtune_memory_usage_bytes", EXPORT_GAUGE, "bytes", "Memory that is charged to the cgroup." },
	  OF(memory.current), 0, EXPORT_COUNT, false },
	{ { "cgtune_memory_limit_bytes", EXPORT_GAUGE, "bytes", "The cgroup's own limit; without one there is no sample." },
	  OF(memory.limit), 0, EXPORT_COUNT, false },
	{ { "cgtune_memory_high_bytes", EXPORT_GAUGE, "bytes", "The cgroup's own memory.high; without one there is no sample." },
	  OF(memory.high), 0, EXPORT_COUNT, false },
	{ { "cgtune_memory_budget_bytes", EXPORT_GAUGE, "bytes",
	    "What a process of the cgroup should use at most, by its limits and those above it." },
	  OF(budget), 0, EXPORT_COUNT, false },
	{ { "cgtune_memory_high_events", EXPORT_COUNTER, NULL, "Reclaims over the cgroup's memory.high." },
	  OF(memory.high_events), OF(memory.high), EXPORT_COUNT, false },
	{ { "cgtune_memory_max_events", EXPORT_COUNTER, NULL, "Times that the cgroup's limit was about to be exceeded." },
	  OF(memory.max_events), OF(memory.limit), EXPORT_COUNT, false },
	{ { "cgtune_memory_oom_events", EXPORT_COUNTER, NULL, "Times that the cgroup was out of memory by its limit." },
	  OF(memory.oom_events), OF(memory.limit), EXPORT_COUNT, false },
	{ { "cgtune_memory_oom_kill_events", EXPORT_COUNTER, NULL, "Processes of the cgroup that were killed for want of memory." },
	  OF(memory.oom_kills), 0, EXPORT_COUNT, false },
	{ { "cgtune_memory_high_sleeps", EXPORT_COUNTER, NULL,
	    "Sleeps of the cgroup's threads over a memory.high, since the probe was started." },
	  OF(sleeps), OF(high_least), EXPORT_COUNT, true },
	{ { "cgtune_memory_high_sleep_seconds", EXPORT_COUNTER, "seconds",
	    "Time that the cgroup's threads slept over a memory.high, since the probe was started." },
	  OF(sleep_ns), OF(high_least), EXPORT_NS, true },
};

struct telling {
	const struct export_table *table;
	const struct export_group **groups;	/* of which this client is told */
	size_t count;
	struct export_writer writer;
};

static struct export_value count_of(uint64_t n)
{
	return (struct export_value){ EXPORT_COUNT, n, 0 };
}

/* Once for all metrics. false: out of memory. */
static bool choose(struct telling *telling, const struct export_filter *filter)
{
	const struct export_table *table = telling->table;

	telling->groups = reallocarray(NULL, table->shown + 1, sizeof(*telling->groups));
	if (!telling->groups)
		return false;
	for (size_t i = 0; i < table->count; i++)
		if (table->groups[i].shown && (!filter || export_filter_takes(filter, table->groups[i].path)))
			telling->groups[telling->count++] = &table->groups[i];
	return true;
}

static uint64_t number_at(const struct export_group *group, size_t offset)
{
	return *(const uint64_t *)((const char *)group + offset);
}

/* A counter that no limit can raise has no series: most groups have no limit. */
static bool is_known(const struct export_group *group, const struct metric *metric)
{
	uint64_t n = number_at(group, metric->offset);

	return n != CGTUNE_UNKNOWN && (n || !metric->limit || number_at(group, metric->limit) != CGTUNE_UNKNOWN);
}

static void tell(struct telling *telling, const struct metric *metric)
{
	const struct export_table *table = telling->table;

	export_write_family(&telling->writer, &metric->family);
	for (size_t i = 0; i < telling->count; i++) {
		const struct export_group *group = telling->groups[i];

		if (is_known(group, metric))
			export_write_sample(&telling->writer, &group->labels, NULL,
					    (struct export_value){ metric->unit, number_at(group, metric->offset), 0 },
					    metric->since_loaded ? table->loaded_ms : group->since_ms);
	}
}

static void tell_quota(struct telling *telling)
{
	static const struct export_family family = {
		"cgtune_cpu_limit_cpus", EXPORT_GAUGE, "cpus", "The cgroup's own quota in CPUs; without one there is no sample.",
	};

	export_write_family(&telling->writer, &family);
	for (size_t i = 0; i < telling->count; i++) {
		const struct row_cpu *cpu = &telling->groups[i]->cpu;

		if (cpu->quota_us != CGTUNE_UNKNOWN && cpu->period_us)
			export_write_sample(&telling->writer, &telling->groups[i]->labels, NULL, (struct export_value){
				EXPORT_RATIO, 0, (double)cpu->quota_us / (double)cpu->period_us }, 0);
	}
}

static void tell_changes(struct telling *telling)
{
	static const struct export_family family = {
		"cgtune_limit_changes", EXPORT_COUNTER, NULL, "Changes of the cgroup's limits that were seen between looks at it.",
	};
	static const struct export_label cpu = { "resource", (char *)"cpu" }, memory = { "resource", (char *)"memory" };

	export_write_family(&telling->writer, &family);
	for (size_t i = 0; i < telling->count; i++) {
		const struct export_group *group = telling->groups[i];

		if (group->cpu_changes || (group->has_cpu && group->cpu.quota_us != CGTUNE_UNKNOWN))
			export_write_sample(&telling->writer, &group->labels, &cpu, count_of(group->cpu_changes), group->since_ms);
		if (group->memory_changes || (group->has_memory && group->memory.limit != CGTUNE_UNKNOWN))
			export_write_sample(&telling->writer, &group->labels, &memory, count_of(group->memory_changes),
					    group->since_ms);
	}
}

static void tell_stalls(struct telling *telling)
{
	static const struct export_family lengths = {
		"cgtune_throttle_stall_seconds", EXPORT_HISTOGRAM, "seconds",
		"Stops of the cgroup's run queues by its quota, by length, since the probe was started.",
	};
	static const struct export_family hits = {
		"cgtune_throttle_stalled_threads", EXPORT_COUNTER, NULL,
		"Stops, by its quota or one above, that took a thread of the cgroup off a CPU, since the probe was started.",
	};
	const struct export_table *table = telling->table;

	if (!table->has_state)
		return;
	export_write_family(&telling->writer, &lengths);
	for (size_t i = 0; i < telling->count; i++)
		if (telling->groups[i]->has_histogram)
			export_write_histogram(&telling->writer, &telling->groups[i]->labels, (struct export_stops){
				telling->groups[i]->stalls.hist, telling->groups[i]->stalls.throttled_ns }, table->loaded_ms);
	export_write_family(&telling->writer, &hits);
	for (size_t i = 0; i < telling->count; i++)
		if (telling->groups[i]->has_histogram)
			export_write_sample(&telling->writer, &telling->groups[i]->labels, NULL,
					    count_of(telling->groups[i]->stalls.hits), table->loaded_ms);
}

/* ---- of the whole machine, and of the exporter itself */

static void tell_one(struct telling *telling, const struct export_family *family, struct export_value value)
{
	export_write_family(&telling->writer, family);
	export_write_sample(&telling->writer, NULL, NULL, value, 0);
}

/* Labels that say what something is. */
static void tell_info(struct telling *telling, const struct export_family *family, const struct export_label *labels, int n)
{
	struct export_labels all = { .text.data = NULL };

	for (int i = 0; i < n; i++)
		export_labels_add(&all, &labels[i]);
	export_write_family(&telling->writer, family);
	export_write_sample(&telling->writer, &all, NULL, count_of(1), 0);
	export_labels_free(&all);
}

static void tell_sources(struct telling *telling)
{
	static const struct export_family build = { "cgtune_build", EXPORT_INFO, NULL, "The cgtune that tells this." };
	static const struct export_family source = {
		"cgtune_source", EXPORT_INFO, NULL,
		"What the counters are read from, the kernel's iterator of cgroups or files; and the probe's rung, or none.",
	};
	const struct export_label version = { "version", (char *)cgtune_version() };
	const struct export_label sources[] = {
		{ "counters", (char *)telling->table->source }, { "stalls", (char *)telling->table->rung },
	};

	tell_info(telling, &build, &version, 1);
	tell_info(telling, &source, sources, 2);
}

static void tell_look(struct telling *telling)
{
	static const struct export_family age = {
		"cgtune_snapshot_age_seconds", EXPORT_GAUGE, "seconds", "Time since the cgroups were looked at." };
	static const struct export_family shown = { "cgtune_groups", EXPORT_GAUGE, NULL, "Cgroups that are told of." };
	static const struct export_family hidden = {
		"cgtune_groups_hidden", EXPORT_GAUGE, NULL, "Cgroups that the filters of the exporter leave out." };
	static const struct export_family overflow = {
		"cgtune_probe_overflow", EXPORT_COUNTER, NULL, "Events of cgroups that the probe had no slot for." };
	static const struct export_family lost = {
		"cgtune_probe_lost", EXPORT_COUNTER, NULL, "Events that the probe had no room or no lock for." };
	const struct export_table *table = telling->table;

	tell_one(telling, &age, (struct export_value){ EXPORT_NS, tool_now_ns() - table->taken_ns, 0 });
	tell_one(telling, &shown, count_of(telling->count));
	tell_one(telling, &hidden, count_of(table->hidden));
	if (table->has_state) {
		tell_one(telling, &overflow, count_of(table->state.overflow));
		tell_one(telling, &lost, count_of(table->state.lost));
	}
}

static void tell_process(struct telling *telling, const struct export_served *served)
{
	static const struct export_family cpu = {
		"process_cpu_seconds", EXPORT_COUNTER, "seconds", "CPU time that the exporter has used." };
	static const struct export_family answers = {
		"cgtune_export_answers", EXPORT_COUNTER, NULL, "Requests answered, by the first figure of the status." };
	static const struct export_family closed = {
		"cgtune_export_connections_closed", EXPORT_COUNTER, NULL,
		"Connections that were closed: without a whole request in time, or to make room for others." };
	static const struct export_label reasons[] = {
		{ "code", (char *)"2xx" }, { "code", (char *)"4xx" }, { "code", (char *)"5xx" },
		{ "reason", (char *)"late" }, { "reason", (char *)"crowded" },
	};
	struct rusage usage;

	/* In a file of node_exporter's they would be its own, by the first's name. */
	if (!served)
		return;
	getrusage(RUSAGE_SELF, &usage);
	tell_one(telling, &cpu, (struct export_value){ EXPORT_NS,
		((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000 +
		((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000, 0 });
	export_write_family(&telling->writer, &answers);
	for (int i = 0; i < 3; i++)
		export_write_sample(&telling->writer, NULL, &reasons[i], count_of(served->answers[i]), 0);
	export_write_family(&telling->writer, &closed);
	export_write_sample(&telling->writer, NULL, &reasons[3], count_of(served->late), 0);
	export_write_sample(&telling->writer, NULL, &reasons[4], count_of(served->crowded), 0);
}

void export_metrics(const struct export_table *table, const struct export_filter *filter, enum export_format format,
		    bool created, const struct export_served *served, struct export_text *ret)
{
	struct telling telling = {
		.table = table,
		.writer = { .text = ret, .format = format, .created = created },
	};

	if (!choose(&telling, filter)) {
		ret->failed = true;
		return;
	}
	tell_sources(&telling);
	tell_look(&telling);
	tell_process(&telling, served);
	tell_quota(&telling);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		tell(&telling, &metrics[i]);
	tell_changes(&telling);
	tell_stalls(&telling);
	export_write_end(&telling.writer);
	free(telling.groups);
}
