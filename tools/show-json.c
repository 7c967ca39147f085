/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show-json - `cgtune show --json`: one object, the contract of cgtune-show(1) */
#include "show.h"
#include "tool.h"
#include "tool-json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static struct json_object *number(uint64_t value)
{
	return value == CGTUNE_UNLIMITED ? NULL : json_object_new_uint64(value);
}

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
	return json_object_new_double_s(value, text);
}

static struct json_object *hierarchy(uint32_t version)
{
	return version ? json_object_new_int((int)version) : NULL;
}

static struct json_object *source(uint32_t source)
{
	return json_object_new_string(cgtune_source_name(source));
}

static struct json_object *cpu(const struct cgtune_limits *l)
{
	struct json_object *object = json_object_new_object();

	add(object, "limit", l->cpu_period_us ? fraction(l->cpu_quota_us, l->cpu_period_us) : NULL);
	add(object, "hierarchy", hierarchy(l->cpu_hierarchy));
	add(object, "from", *l->cpu_from ? tool_json_string(l->cpu_from) : NULL);
	add(object, "affinity", json_object_new_uint64(l->cpus));
	add(object, "source", source(l->cpu_source));
	return object;
}

static struct json_object *memory(const struct show *show)
{
	const struct cgtune_limits *l = &show->limits;
	struct json_object *object = json_object_new_object();

	add(object, "limit", number(l->memory));
	add(object, "high", number(l->memory_high));
	add(object, "hierarchy", hierarchy(l->memory_hierarchy));
	add(object, "from", *l->memory_from ? tool_json_string(l->memory_from) : NULL);
	add(object, "physical", l->memory_physical ? number(l->memory_physical) : NULL);
	add(object, "available", number(show->available));
	add(object, "source", source(l->memory_source));
	return object;
}

static struct json_object *decision(struct json_object *value, uint32_t from)
{
	struct json_object *object = json_object_new_object();

	add(object, "value", value);
	add(object, "source", source(from));
	return object;
}

static struct json_object *line(const struct show_line *line)
{
	struct json_object *object = json_object_new_object();

	if (line->file)
		add(object, "file", tool_json_string(line->file));
	if (line->variable)
		add(object, "variable", tool_json_string(line->variable));
	if (line->value)
		add(object, "value", tool_json_string(line->value));
	add(object, "text", tool_json_string(line->text));
	return object;
}

static struct json_object *lines(const struct show *show, uint32_t kind)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < show->count; i++)
		if (show->lines[i].kind == kind)
			json_object_array_add(array, line(&show->lines[i]));
	return array;
}

static struct json_object *throttle(const struct show *show)
{
	const struct cgtune_throttle *t = &show->throttle;
	struct json_object *object = json_object_new_object();

	add(object, "nr_periods", number(t->periods));
	add(object, "nr_throttled", number(t->throttled));
	add(object, "throttled_ns", number(t->throttled_ns));
	add(object, "local_ns", number(t->local_ns));
	add(object, "hint", tool_json_string(show_hint(show)));
	return object;
}

void show_json(const struct show *show)
{
	struct json_object *object = json_object_new_object();

	add(object, "version", json_object_new_string(cgtune_version()));
	add(object, "limited", json_object_new_boolean(show->plan.limited != 0));
	add(object, "cpu", cpu(&show->limits));
	add(object, "memory", memory(show));
	add(object, "threads", decision(json_object_new_uint64(show->plan.threads), show->plan.threads_source));
	add(object, "budget", decision(number(show->plan.memory), show->plan.memory_source));
	add(object, "warnings", lines(show, CGTUNE_REPORT_WARNING));
	if (show->why) {
		add(object, "levels", lines(show, CGTUNE_REPORT_LEVEL));
		add(object, "notes", lines(show, CGTUNE_REPORT_NOTE));
		add(object, "throttle", throttle(show));
	}
	tool_json_print(object);
}
