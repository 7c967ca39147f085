/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool-json - what the subcommands that print JSON share: the only code that makes it */
#include "tool-json.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_memory(void)
{
	exit(tool_failed("JSON", -ENOMEM));
}

static struct json_object *made(struct json_object *value)
{
	if (!value)
		no_memory();
	return value;
}

struct json_object *tool_json_object(void)
{
	return made(json_object_new_object());
}

struct json_object *tool_json_array(void)
{
	return made(json_object_new_array());
}

struct json_object *tool_json_boolean(bool value)
{
	return made(json_object_new_boolean(value));
}

struct json_object *tool_json_number(uint64_t value)
{
	return value == CGTUNE_UNKNOWN ? NULL : made(json_object_new_uint64(value));
}

struct json_object *tool_json_decimal(const char *text)
{
	return made(json_object_new_double_s(strtod(text, NULL), text));
}

struct json_object *tool_json_fraction(double value)
{
	char text[32];

	if (value < 0)
		return NULL;
	if (value == (double)(int64_t)value)
		return tool_json_number((uint64_t)value);
	snprintf(text, sizeof(text), "%.6g", value);
	return tool_json_decimal(text);
}

struct json_object *tool_json_string(const char *text)
{
	static const char replacement[] = "\xEF\xBF\xBD";
	struct json_object *value;
	char *clean, *end;

	if (!text)
		return NULL;
	clean = end = malloc(strlen(text) * (sizeof(replacement) - 1) + 1);
	if (!clean)
		no_memory();
	for (int n; *text; text += n ? n : 1) {
		n = tool_utf8_length(text);
		end = n ? mempcpy(end, text, (size_t)n) : mempcpy(end, replacement, sizeof(replacement) - 1);
	}
	value = made(json_object_new_string_len(clean, (int)(end - clean)));
	free(clean);
	return value;
}

void tool_json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value) < 0)
		no_memory();
}

void tool_json_append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value) < 0)
		no_memory();
}

/* What does not fit into json-c's buffer, it leaves out; malloc(3) alone tells of it. */
void tool_json_print(struct json_object *object)
{
	const char *text;

	errno = 0;
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text || errno)
		no_memory();
	puts(text);
	json_object_put(object);
}
