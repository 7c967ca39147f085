/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show-json - `cgtune show --json`: one object, the contract of cgtune-show(1) */
#include "show.h"
#include "tool.h"
#include "tool-json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that reads back as the same double: 1.4, not 1.3999999999999999. */
static struct json_object *fraction(uint64_t quota, uint64_t period)
{
	double value = (double)quota / (double)period;
	char text[32];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return tool_json_decimal(text);
}

static struct json_object *hierarchy(uint32_t version)
{
	return version ? tool_json_number(version) : NULL;
}

static struct json_object *source(uint32_t source)
{
	return tool_json_string(cgtune_source_name(source));
}

static struct json_object *cpu(const struct cgtune_limits *l)
{
	struct json_object *object = tool_json_object();

	tool_json_add(object, "limit", l->cpu_period_us ? fraction(l->cpu_quota_us, l->cpu_period_us) : NULL);
	tool_json_add(object, "hierarchy", hierarchy(l->cpu_hierarchy));
	tool_json_add(object, "from", *l->cpu_from ? tool_json_string(l->cpu_from) : NULL);
	tool_json_add(object, "affinity", tool_json_number(l->cpus));
	tool_json_add(object, "source", source(l->cpu_source));
	return object;
}

static struct json_object *memory(const struct show *show)
{
	const struct cgtune_limits *l = &show->limits;
	struct json_object *object = tool_json_object();

	tool_json_add(object, "limit", tool_json_number(l->memory));
	tool_json_add(object, "high", tool_json_number(l->memory_high));
	tool_json_add(object, "hierarchy", hierarchy(l->memory_hierarchy));
	tool_json_add(object, "from", *l->memory_from ? tool_json_string(l->memory_from) : NULL);
	tool_json_add(object, "physical", l->memory_physical ? tool_json_number(l->memory_physical) : NULL);
	tool_json_add(object, "available", tool_json_number(show->available));
	tool_json_add(object, "source", source(l->memory_source));
	return object;
}

static struct json_object *decision(struct json_object *value, uint32_t from)
{
	struct json_object *object = tool_json_object();

	tool_json_add(object, "value", value);
	tool_json_add(object, "source", source(from));
	return object;
}

static struct json_object *line(const struct show_line *line)
{
	struct json_object *object = tool_json_object();

	if (line->file)
		tool_json_add(object, "file", tool_json_string(line->file));
	if (line->variable)
		tool_json_add(object, "variable", tool_json_string(line->variable));
	if (line->value)
		tool_json_add(object, "value", tool_json_string(line->value));
	tool_json_add(object, "text", tool_json_string(line->text));
	return object;
}

static struct json_object *lines(const struct show *show, uint32_t kind)
{
	struct json_object *array = tool_json_array();

	for (size_t i = 0; i < show->count; i++)
		if (show->lines[i].kind == kind)
			tool_json_append(array, line(&show->lines[i]));
	return array;
}

static struct json_object *throttle(const struct show *show)
{
	const struct cgtune_throttle *t = &show->throttle;
	struct json_object *object = tool_json_object();

	tool_json_add(object, "nr_periods", tool_json_number(t->periods));
	tool_json_add(object, "nr_throttled", tool_json_number(t->throttled));
	tool_json_add(object, "throttled_ns", tool_json_number(t->throttled_ns));
	tool_json_add(object, "local_ns", tool_json_number(t->local_ns));
	tool_json_add(object, "hint", tool_json_string(show_hint(show)));
	return object;
}

void show_json(const struct show *show)
{
	struct json_object *object = tool_json_object();

	tool_json_add(object, "version", tool_json_string(cgtune_version()));
	tool_json_add(object, "limited", tool_json_boolean(show->plan.limited != 0));
	tool_json_add(object, "cpu", cpu(&show->limits));
	tool_json_add(object, "memory", memory(show));
	tool_json_add(object, "threads", decision(tool_json_number(show->plan.threads), show->plan.threads_source));
	tool_json_add(object, "budget", decision(tool_json_number(show->plan.memory), show->plan.memory_source));
	tool_json_add(object, "warnings", lines(show, CGTUNE_REPORT_WARNING));
	if (show->why) {
		tool_json_add(object, "levels", lines(show, CGTUNE_REPORT_LEVEL));
		tool_json_add(object, "notes", lines(show, CGTUNE_REPORT_NOTE));
		tool_json_add(object, "throttle", throttle(show));
	}
	tool_json_print(object);
}
