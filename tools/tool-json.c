/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool-json - what the subcommands that print JSON share */
#include "tool-json.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>

struct json_object *tool_json_string(const char *text)
{
	struct json_object *value;
	char *clean = NULL;
	size_t size;
	FILE *out;

	if (!text)
		return NULL;
	out = open_memstream(&clean, &size);
	if (!out)
		return NULL;
	for (int n; *text; text += n ? n : 1) {
		n = tool_utf8_length(text);
		fwrite(n ? text : "\xEF\xBF\xBD", 1, n ? (size_t)n : 3, out);
	}
	fclose(out);
	value = json_object_new_string(clean);
	free(clean);
	return value;
}

void tool_json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
