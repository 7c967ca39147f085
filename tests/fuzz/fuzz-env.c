/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-env - any environment: what is read of it, decided by it, written into it, and taken back
 *
 * Sixteen bytes are the limits of a machine, the rest are entries, each up to a NUL. Linked with
 * -Wl,--wrap=setenv,--wrap=unsetenv: the C library's keep every value for ever.
 */
#include "fuzz.h"
#include "cgtune.h"
#include "env.h"
#include "grammar.h"
#include "table.h"
#include "util.h"

#include <errno.h>
#include <unistd.h>

#define ENTRIES 64UL			/* at the start; and as many again for what is added */
#define LEAST_BUDGET (UINT64_C(4) << 20)

static char *entries[2 * ENTRIES + 1];

int __wrap_setenv(const char *name, const char *value, int overwrite);
int __wrap_unsetenv(const char *name);

static size_t entry_count(void)
{
	size_t n = 0;

	while (entries[n])
		n++;
	return n;
}

int __wrap_unsetenv(const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; entries[i]; i++) {
		if (util_value_of(entries[i], name))
			free(entries[i]);
		else
			entries[kept++] = entries[i];
	}
	entries[kept] = NULL;
	return 0;
}

int __wrap_setenv(const char *name, const char *value, int overwrite)
{
	char *entry = malloc(strlen(name) + strlen(value) + 2);
	size_t i = 0;

	CLAIM(entry && overwrite && *name && !strchr(name, '='));
	sprintf(entry, "%s=%s", name, value);
	while (entries[i] && !util_value_of(entries[i], name))
		i++;
	CLAIM(i < 2 * ENTRIES);
	if (!entries[i])
		entries[i + 1] = NULL;
	free(entries[i]);
	entries[i] = entry;
	return 0;
}

static void set_entries(struct input *in)
{
	size_t n = 0;

	while (in->size && n < ENTRIES)
		entries[n++] = input_string(in);
	entries[n] = NULL;
}

static void free_entries(void)
{
	for (size_t i = 0; entries[i]; i++)
		free(entries[i]);
	entries[0] = NULL;
}

static void report(const struct cgtune_report *report, void *user)
{
	unsigned *warnings = user;

	CLAIM(report->kind == CGTUNE_REPORT_WARNING && report->text && strlen(report->text) < 512);
	CLAIM(!report->variable || !report->value || env_get(report->variable) == report->value);
	++*warnings;
}

static void check_ranges(const struct env *env)
{
	CLAIM(!(env->set & env->refused));
	if (env_is_off(env))
		CLAIM(env->set == ENV_BIT(ENV_SWITCH) && !env->refused);
	if (env_has(env, ENV_THREADS))
		CLAIM(env->value[ENV_THREADS] >= 1 && env->value[ENV_THREADS] <= INT32_MAX);
	if (env_has(env, ENV_RATIO))
		CLAIM(env->value[ENV_RATIO] >= 1 && env->value[ENV_RATIO] <= GRAMMAR_RATIO_ONE);
	if (env_has(env, ENV_AUTOMEMLIMIT))
		CLAIM(env->value[ENV_AUTOMEMLIMIT] <= GRAMMAR_RATIO_ONE);
	if (env_has(env, ENV_ROUND))
		CLAIM(env->value[ENV_ROUND] >= CGTUNE_ROUND_CEIL && env->value[ENV_ROUND] <= CGTUNE_ROUND_NEAREST);
	if (env_has(env, ENV_RETRY_AFTER))
		CLAIM(env->value[ENV_RETRY_AFTER] <= INT32_MAX);
	if (env_has(env, ENV_LOG))
		CLAIM(env->value[ENV_LOG] <= CGTUNE_LOG_DEBUG);
}

static struct cgtune_plan decide(const struct cgtune_limits *limits, uint32_t rounding)
{
	unsigned warnings = 0;
	struct cgtune_options options = {
		.size = sizeof(options), .rounding = rounding, .report = report, .report_user = &warnings,
	};
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct env env;

	CLAIM(cgtune_plan(&options, limits, &plan) == 0);
	env_read(&options, &env);
	check_ranges(&env);
	CLAIM(plan.threads >= 1 && plan.limit >= plan.threads && plan.backlog >= plan.limit);
	if (plan.threads_source != CGTUNE_SOURCE_THREADS && plan.threads_source != CGTUNE_SOURCE_GOMAXPROCS)
		CLAIM(plan.threads <= limits->cpus);
	if (plan.memory_source != CGTUNE_SOURCE_BUDGET && plan.memory_source != CGTUNE_SOURCE_GOMEMLIMIT)
		CLAIM(plan.memory >= LEAST_BUDGET);
	if (env_is_off(&env))
		CLAIM(!plan.tuned && !plan.limited && plan.threads == limits->cpus && plan.memory == CGTUNE_UNLIMITED);
	CLAIM(!(plan.tuned & CGTUNE_CPU) || plan.threads < limits->cpus);
	CLAIM(!(plan.tuned & CGTUNE_MEMORY) || plan.memory != CGTUNE_UNLIMITED);
	return plan;
}

/* All groups at once: as `cgtune run` and the preload object have it. */
static void check_table(const struct cgtune_plan *plan, const struct cgtune_limits *limits, uint64_t groups)
{
	static struct table table;
	const struct table_input in = {
		.plan = plan, .memory = table_memory(limits), .groups = groups, .known = TABLE_ALL_GROUPS,
	};

	table_make(&in, &table);
	CLAIM(table.count <= TABLE_VARIABLES + 1 && strlen(table.marker) < sizeof(table.marker));
	for (unsigned i = 0; i < TABLE_VARIABLES; i++)
		CLAIM(!table.values[i] || (*table.values[i] && !strchr(table.values[i], ';') &&
					   strlen(table.values[i]) < TABLE_ENTRY_SIZE));
	for (unsigned i = 0; i < table.count; i++) {
		const struct table_change *change = &table.changes[i];

		CLAIM(!change->value || strcmp(util_value_of(change->entry, change->name), change->value) == 0);
		if (change->value)
			__wrap_setenv(change->name, change->value, 1);
		else
			__wrap_unsetenv(change->name);
	}
	table_make(&in, &table);
	CLAIM(table.count == 0);
}

/* The first entry that begins with these n bytes; NULL. */
static const char *first_with(char *const *list, const char *name, size_t n)
{
	while (*list && strncmp(*list, name, n) != 0)
		list++;
	return *list;
}

/* The first value of each name: what a program sees. */
static bool same_values(char *const *a, char *const *b)
{
	for (char *const *entry = a; *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		size_t n = equals ? (size_t)(equals + 1 - *entry) : 0;
		const char *ours = first_with(a, *entry, n), *theirs = first_with(b, *entry, n);

		if (n > 1 && (!theirs || strcmp(ours, theirs) != 0))
			return false;
	}
	return true;
}

/* What apply wrote is no override, a second time changes nothing, and undo takes all of it back. */
static void check_apply(const struct cgtune_limits *limits)
{
	struct cgtune_plan plan = decide(limits, 0), again;
	char *before[ENTRIES + 1];
	size_t n = entry_count();

	for (size_t i = 0; i <= n; i++)
		before[i] = entries[i] ? strdup(entries[i]) : NULL;
	CLAIM(cgtune_apply(&plan) == 0);
	again = decide(limits, 0);
	CLAIM(memcmp(&again, &plan, sizeof(plan)) == 0);
	CLAIM(cgtune_apply(&plan) == 0);
	again = decide(limits, 0);
	CLAIM(memcmp(&again, &plan, sizeof(plan)) == 0);
	CLAIM(cgtune_undo() == 0);
	CLAIM(same_values(before, entries) && same_values(entries, before));
	for (size_t i = 0; i < n; i++)
		free(before[i]);
	check_table(&plan, limits, TABLE_ALL_GROUPS);
	check_table(&plan, limits, ENV_GROUP_BIT(ENV_GROUP_DEFAULT) | ENV_GROUP_BIT(ENV_GROUP_JAVA));
}

static void set_limits(struct input *in, struct cgtune_limits *limits)
{
	uint64_t period = input_byte(in), quota = input_byte(in), memory = input_byte(in), high = input_byte(in);

	*limits = (struct cgtune_limits){
		.size = sizeof(*limits), .cpus = 1u + input_byte(in), .cpus_source = CGTUNE_SOURCE_HOST,
		.memory = CGTUNE_UNLIMITED, .memory_high = CGTUNE_UNLIMITED, .memory_physical = UINT64_C(1) << 40,
		.cpu_source = CGTUNE_SOURCE_HOST, .memory_source = CGTUNE_SOURCE_HOST,
		.scheduler = input_byte(in) & 1,
	};
	if (period && quota) {
		limits->cpu_period_us = period * 1000;
		limits->cpu_quota_us = quota * 1000;
		limits->cpu_source = CGTUNE_SOURCE_CGROUP;
	}
	if (memory || high)
		limits->memory_source = CGTUNE_SOURCE_CGROUP;
	if (memory)
		limits->memory = memory * 7654321;
	if (high)
		limits->memory_high = high * 9876543;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cgtune_limits limits;
	struct input in = { data, size };
	char **own = environ;

	set_limits(&in, &limits);
	set_entries(&in);
	environ = entries;
	for (uint32_t rounding = 0; rounding <= CGTUNE_ROUND_NEAREST; rounding++)
		decide(&limits, rounding);
	check_apply(&limits);
	environ = own;
	free_entries();
	return 0;
}
