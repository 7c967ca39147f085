/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise-print - what `cgtune advise` has to say: one screen for a person, or a JSON object */
#include "advise.h"
#include "tool.h"
#include "tool-json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_cpu(const struct advise_facts *facts)
{
	const struct advise_cpu *own = facts->cpu, *stopper = advise_stopper(facts);
	double quota = advise_quota(own);

	printf("  CPU      ");
	if (quota > 0)
		printf("quota %.2f", quota);
	else
		printf("no quota of its own");
	printf(" on %" PRIu32 " CPUs", facts->limits.cpus);
	if (facts->use >= 0)
		printf("; used %.2f, at most %.2f for a moment", facts->use, facts->use_most);
	if (stopper) {
		char room[32];

		printf("; stopped in %" PRIu64 " of %" PRIu64 " periods, for %s", stopper->after.throttled - stopper->before.throttled,
		       stopper->after.periods - stopper->before.periods,
		       tool_seconds(stopper->after.throttled_ns - stopper->before.throttled_ns, room));
	} else {
		printf("; not stopped");
	}
	if (facts->cpu_pressure >= 0)
		printf("; pressure %.0f %%", facts->cpu_pressure * 100);
	printf("\n  threads  %u, of which %.1f wanted to run at once, %u at most; cgtune would run %" PRIu32 "\n", facts->threads,
	       facts->runnable, facts->runnable_most, facts->plan.threads);
}

static void print_bytes(const char *before, uint64_t bytes)
{
	char room[32];

	if (bytes != CGTUNE_UNKNOWN)
		printf("%s %s", before, tool_bytes(bytes, room));
}

/* On v1 perhaps another cgroup than the one of the heading. */
static void print_memory(const struct advise_subject *subject, const struct advise_facts *facts)
{
	const struct advise_memory *own = facts->memory;

	if (!facts->memories)
		return;
	printf("  memory  ");
	print_bytes("", own->after.current);
	print_bytes(", peak", own->peak);
	print_bytes(", limit", own->after.limit);
	print_bytes(", high", own->after.high);
	if (facts->limits.memory != CGTUNE_UNLIMITED && facts->limits.memory != own->after.limit)
		print_bytes(", limit above it", facts->limits.memory);
	if (own->after.oom_kills != CGTUNE_UNKNOWN)
		printf("; %" PRIu64 " OOM kills", own->after.oom_kills);
	if (facts->memory_pressure >= 0)
		printf("; pressure %.0f %%", facts->memory_pressure * 100);
	if (facts->arenas_pid)
		printf("; %u malloc arena%s", facts->arenas + 1, facts->arenas ? "s" : "");
	if (strcmp(own->path, subject->cpu_path) != 0) {
		fputs("; of ", stdout);
		tool_print_safe(stdout, own->path);
	}
	putchar('\n');
}

static void print_advice(const struct advise_facts *facts, const struct advice *advice, size_t number)
{
	char room[4 * 4096 + 256];

	printf("\n%s%zu. %s: ", tool_style(1, TOOL_BOLD), number, advice->rule);
	tool_print_safe(stdout, advice->what);
	printf("%s\n   ", tool_style(1, TOOL_RESET));
	tool_print_safe(stdout, advice->why);
	putchar('\n');
	for (int place = 0; place < ADVISE_PLACES; place++) {
		const char *command = advise_is_at(facts, advice, place) ? advise_command(facts, advice, place, room, sizeof(room)) : NULL;

		if (!command)
			continue;
		printf("   %s$ ", tool_style(1, TOOL_DIM));
		tool_print_safe(stdout, command);
		printf("%s\n", tool_style(1, TOOL_RESET));
	}
}

void advise_print(const struct advise_subject *subject, const struct advise_facts *facts, const struct advice *advice, size_t n)
{
	tool_print_safe(stdout, subject->cpu_path);
	if (subject->pid)
		printf(", process %d", subject->pid);
	printf(", watched for %.1f s\n", (double)facts->ns / 1e9);
	print_cpu(facts);
	print_memory(subject, facts);
	for (size_t i = 0; i < facts->unread_count; i++)
		printf("  not read: %s: %s\n", facts->unread[i].what, facts->unread[i].why);
	for (size_t i = 0; i < n; i++)
		print_advice(facts, &advice[i], i + 1);
	if (!n && advise_is_idle(facts))
		puts("\nNothing to change that could be seen; it was idle, so that little could.");
	else if (!n)
		puts("\nNothing to change.");
}

static struct json_object *json_cpu(const struct advise_facts *facts)
{
	struct json_object *object = tool_json_object();
	const struct advise_cpu *stopper = advise_stopper(facts);

	tool_json_add(object, "quota", tool_json_fraction(advise_quota(facts->cpu)));
	tool_json_add(object, "cpus", tool_json_number(facts->limits.cpus));
	tool_json_add(object, "used", tool_json_fraction(facts->use));
	tool_json_add(object, "used_most", tool_json_fraction(facts->use_most));
	tool_json_add(object, "stopped_by", stopper ? tool_json_string(stopper->path) : NULL);
	tool_json_add(object, "pressure", tool_json_fraction(facts->cpu_pressure));
	return object;
}

static struct json_object *json_threads(const struct advise_facts *facts)
{
	struct json_object *object = tool_json_object();

	tool_json_add(object, "count", tool_json_number(facts->threads));
	tool_json_add(object, "runnable", tool_json_fraction(facts->runnable));
	tool_json_add(object, "runnable_most", tool_json_number(facts->runnable_most));
	tool_json_add(object, "planned", tool_json_number(facts->plan.threads));
	tool_json_add(object, "arenas", facts->arenas_pid ? tool_json_number(facts->arenas + 1) : NULL);
	return object;
}

static struct json_object *json_memory(const struct advise_facts *facts)
{
	struct json_object *object;
	const struct advise_memory *own = facts->memory;

	if (!facts->memories)
		return NULL;
	object = tool_json_object();
	tool_json_add(object, "cgroup", tool_json_string(own->path));
	tool_json_add(object, "current", tool_json_number(own->after.current));
	tool_json_add(object, "peak", tool_json_number(own->peak));
	tool_json_add(object, "limit", tool_json_number(own->after.limit));
	tool_json_add(object, "high", tool_json_number(own->after.high));
	tool_json_add(object, "oom_kills", tool_json_number(own->after.oom_kills));
	tool_json_add(object, "pressure", tool_json_fraction(facts->memory_pressure));
	return object;
}

static const char *setting_name(enum advise_setting setting)
{
	static const char *const names[] = {
		[ADVISE_THREADS] = "threads", [ADVISE_CPUS] = "cpus", [ADVISE_BURST] = "burst_us", [ADVISE_MEMORY_MAX] = "memory_max",
		[ADVISE_MEMORY_HIGH] = "memory_high", [ADVISE_ARENAS] = "malloc_arenas", [ADVISE_NOTHING] = NULL,
	};

	return names[setting];
}

static struct json_object *json_advice(const struct advise_facts *facts, const struct advice *advice)
{
	struct json_object *object = tool_json_object(), *evidence = tool_json_object(), *commands = tool_json_object();
	char room[4 * 4096 + 256];

	tool_json_add(object, "rule", tool_json_string(advice->rule));
	tool_json_add(object, "what", tool_json_string(advice->what));
	tool_json_add(object, "why", tool_json_string(advice->why));
	tool_json_add(object, "cgroup", tool_json_string(advice->path));
	tool_json_add(object, "setting", tool_json_string(setting_name(advice->setting)));
	tool_json_add(object, "recommended", advice->setting == ADVISE_NOTHING ? NULL : tool_json_fraction(advice->value));
	for (size_t i = 0; i < advice->evidences; i++)
		tool_json_add(evidence, advice->evidence[i].name, tool_json_fraction(advice->evidence[i].value));
	tool_json_add(object, "evidence", evidence);
	for (int place = 0; place < ADVISE_PLACES; place++)
		tool_json_add(commands, advise_place_name(place), tool_json_string(advise_command(facts, advice, place, room, sizeof(room))));
	tool_json_add(object, "commands", commands);
	return object;
}

void advise_print_json(const struct advise_subject *subject, const struct advise_facts *facts, const struct advice *advice, size_t n)
{
	struct json_object *object = tool_json_object(), *all = tool_json_array(), *unread = tool_json_array();

	tool_json_add(object, "cgroup", tool_json_string(subject->cpu_path));
	tool_json_add(object, "pid", subject->pid ? tool_json_number((uint64_t)subject->pid) : NULL);
	tool_json_add(object, "seconds", tool_json_fraction((double)facts->ns / 1e9));
	for (size_t i = 0; i < n; i++)
		tool_json_append(all, json_advice(facts, &advice[i]));
	tool_json_add(object, "advice", all);
	tool_json_add(object, "cpu", json_cpu(facts));
	tool_json_add(object, "threads", json_threads(facts));
	tool_json_add(object, "memory", json_memory(facts));
	for (size_t i = 0; i < facts->unread_count; i++) {
		struct json_object *one = tool_json_object();

		tool_json_add(one, "what", tool_json_string(facts->unread[i].what));
		tool_json_add(one, "why", tool_json_string(facts->unread[i].why));
		tool_json_append(unread, one);
	}
	tool_json_add(object, "unread", unread);
	tool_json_print(object);
}
