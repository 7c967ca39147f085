/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json - print values out of the JSON object on standard input, for tests in shell
 *
 *   json PATH...     "cpu.limit", "warnings.0.text", "."; a line each: the value as JSON,
 *                    a string without its quotes; "absent" where there is none
 *   json -t PATH...  its type: object, array, string, int, double, boolean, null
 *   json -n PATH...  number of members or elements
 *
 * Exit status 2: standard input is not one object in valid UTF-8.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (1 << 20)

/* The value at a path; false: there is none. */
static bool find(struct json_object *object, const char *path, struct json_object **ret)
{
	char *copy = strdup(path), *rest = copy;
	bool found = true;

	if (strcmp(path, ".") == 0)
		rest = NULL;
	for (char *key = strsep(&rest, "."); key && found; key = strsep(&rest, ".")) {
		if (json_object_is_type(object, json_type_array)) {
			size_t i = strtoul(key, NULL, 10);

			found = i < json_object_array_length(object);
			object = found ? json_object_array_get_idx(object, i) : NULL;
		} else {
			found = json_object_object_get_ex(object, key, &object);
		}
	}
	free(copy);
	*ret = object;
	return found;
}

static size_t length(struct json_object *value)
{
	if (json_object_is_type(value, json_type_array))
		return json_object_array_length(value);
	return json_object_is_type(value, json_type_object) ? (size_t)json_object_object_length(value) : 0;
}

static void print(struct json_object *object, const char *path, int what)
{
	struct json_object *value;

	if (!find(object, path, &value))
		puts("absent");
	else if (what == 't')
		puts(json_type_to_name(json_object_get_type(value)));
	else if (what == 'n')
		printf("%zu\n", length(value));
	else if (json_object_is_type(value, json_type_string))
		puts(json_object_get_string(value));
	else
		puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int main(int argc, char **argv)
{
	static char text[MOST_BYTES];
	size_t n = fread(text, 1, sizeof(text) - 1, stdin);
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	int first = argc > 1 && argv[1][0] == '-' ? 2 : 1;

	/* 0.17 and 0.18, strict, take every character above 127 for a control character. */
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8 | (json_c_version_num() < 17 << 8 ? JSON_TOKENER_STRICT : 0));
	object = json_tokener_parse_ex(tokener, text, (int)n + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success || !json_object_is_type(object, json_type_object) ||
	    strspn(text + json_tokener_get_parse_end(tokener), "\n") + json_tokener_get_parse_end(tokener) < n) {
		puts("not one JSON object");
		return 2;
	}
	for (int i = first; i < argc; i++)
		print(object, argv[i], first == 2 ? argv[1][1] : 'v');
	json_object_put(object);
	json_tokener_free(tokener);
	return EXIT_SUCCESS;
}
