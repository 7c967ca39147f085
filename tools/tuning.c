/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tuning - what a program that is started here is to be told: limits, plan, and the runtimes' variables */
#include "tuning.h"
#include "tool.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

const char *tuning_runtime(const char *list)
{
	uint64_t groups;
	char why[160];

	if (env_groups(list, &groups) < 0) {
		snprintf(why, sizeof(why), "--runtime wants %s", env_groups_wants);
		tool_usage(list, why);
	}
	return list;
}

static void warn(const struct cgtune_report *report, void *user)
{
	(void)user;
	if (report->kind == CGTUNE_REPORT_WARNING)
		tool_warn(report->file, report->variable, report->value, report->text);
}

/* What the environment says by CGTUNE_CPUS and CGTUNE_MEMORY stays: it would win later, too. */
static void assume(const struct tuning_limits *assumed, struct cgtune_limits *limits)
{
	if (assumed->cpus && assumed->cpus < limits->cpus)
		limits->cpus = assumed->cpus;
	if (assumed->period_us && limits->cpu_source != CGTUNE_SOURCE_CPUS &&
	    (!limits->cpu_period_us || util_fraction_less(assumed->quota_us, assumed->period_us,
							  limits->cpu_quota_us, limits->cpu_period_us))) {
		limits->cpu_quota_us = assumed->quota_us;
		limits->cpu_period_us = assumed->period_us;
		limits->cpu_source = CGTUNE_SOURCE_CGROUP;
	}
	if (limits->memory_source == CGTUNE_SOURCE_MEMORY)
		return;
	if (assumed->memory < limits->memory && assumed->memory < limits->memory_physical)
		limits->memory = assumed->memory;
	if (assumed->memory_high < limits->memory_high && assumed->memory_high < limits->memory_physical)
		limits->memory_high = assumed->memory_high;
	if (limits->memory != CGTUNE_UNLIMITED || limits->memory_high != CGTUNE_UNLIMITED)
		limits->memory_source = CGTUNE_SOURCE_CGROUP;
}

int tuning_read(const char *runtime, const struct tuning_limits *assumed, struct tuning *ret)
{
	const struct cgtune_options options = { .size = sizeof(options), .report = warn };
	struct env env;
	int r;

	env_read(&options, &env);
	env_warn(&options, &env, ENV_GROUPS, "the default variables");
	ret->groups = env_value(&env, ENV_GROUPS, ENV_GROUP_BIT(ENV_GROUP_DEFAULT));
	ret->runtime = runtime ? runtime : env_has(&env, ENV_GROUPS) ? env_get(TUNING_RUNTIME) : NULL;
	if (runtime)
		env_groups(runtime, &ret->groups);
	ret->off = env_is_off(&env);
	ret->limits.size = sizeof(ret->limits);
	ret->plan.size = sizeof(ret->plan);
	r = cgtune_read(&options, &ret->limits);
	if (r == 0 && assumed)
		assume(assumed, &ret->limits);
	if (r == 0)
		r = cgtune_plan(&options, &ret->limits, &ret->plan);
	if (r < 0)
		return r;
	table_make(&(struct table_input){
		.plan = &ret->plan, .memory = table_memory(&ret->limits),
		.groups = ret->groups, .known = TABLE_ALL_GROUPS,
	}, &ret->table);
	return 0;
}

const char *tuning_marker(const struct tuning *tuning)
{
	const struct table *table = &tuning->table;

	for (unsigned i = 0; i < table->count; i++)
		if (strcmp(table->changes[i].name, ENV_MARKER) == 0)
			return table->changes[i].value;
	return env_get(ENV_MARKER);
}
