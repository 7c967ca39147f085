/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-output - what a command said: caught, and held against what it says when nothing fails */
#include "torture-output.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void said_open(struct said *said)
{
	for (int i = 0; i < 2; i++) {
		said->fds[i] = memfd_create("said", MFD_CLOEXEC);
		if (said->fds[i] < 0) {
			perror("memfd_create");
			exit(EXIT_FAILURE);
		}
	}
}

void said_take(const struct said *said)
{
	dup2(said->fds[0], STDOUT_FILENO);
	dup2(said->fds[1], STDERR_FILENO);
}

void said_clear(const struct said *said)
{
	for (int i = 0; i < 2; i++)
		if (ftruncate(said->fds[i], 0) < 0 || lseek(said->fds[i], 0, SEEK_SET) < 0) {
			perror("memfd");
			exit(EXIT_FAILURE);
		}
}

static void read_one(int fd, char *text)
{
	ssize_t n = pread(fd, text, SAID_MOST - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

void said_read(struct said *said)
{
	read_one(said->fds[0], said->out);
	read_one(said->fds[1], said->err);
}

bool said_why(const struct said *said)
{
	static const char name[] = "cgtune: ", warning[] = "warning: ";

	/* Where the line before has no end, it is a library's. */
	for (const char *line = said->err; (line = strstr(line, name)); line++)
		if (strncmp(line + sizeof(name) - 1, warning, sizeof(warning) - 1) != 0)
			return strstr(line + sizeof(name) - 1, ": ") && strchr(line, '\n');
	return false;
}

static bool nulls;			/* are as good as what is there */

static bool has_shape(struct json_object *value, struct json_object *clean);

/* Their elements have what applies. */
static bool is_list_of_reports(const char *key)
{
	return strcmp(key, "warnings") == 0 || strcmp(key, "levels") == 0 || strcmp(key, "notes") == 0;
}

static bool has_members(struct json_object *value, struct json_object *clean)
{
	if (json_object_object_length(value) != json_object_object_length(clean))
		return false;
	json_object_object_foreach(clean, key, member) {
		struct json_object *other;

		if (!json_object_object_get_ex(value, key, &other) ||
		    !(is_list_of_reports(key) ? json_object_is_type(other, json_type_array) : has_shape(other, member)))
			return false;
	}
	return true;
}

static bool has_elements(struct json_object *value, struct json_object *clean)
{
	for (size_t i = 0; json_object_array_length(clean) && i < json_object_array_length(value); i++)
		if (!has_shape(json_object_array_get_idx(value, i), json_object_array_get_idx(clean, 0)))
			return false;
	return true;
}

/* Nothing that is a word in one may be anything else in the other. */
static bool has_shape(struct json_object *value, struct json_object *clean)
{
	enum json_type type = json_object_get_type(clean);
	bool same = json_object_get_type(value) == type;

	if (nulls && !value)
		return true;
	switch (type) {
	case json_type_object:
		return same && has_members(value, clean);
	case json_type_array:
		return same && has_elements(value, clean);
	case json_type_string:
		return same;
	default:
		return true;
	}
}

static const char *judge_json(const struct said *said, const struct said *clean)
{
	struct json_object *value = json_tokener_parse(said->out), *right = json_tokener_parse(clean->out);
	const char *wrong = NULL;

	if (!right)
		wrong = "without a fault it prints no JSON";
	else if (!value)
		wrong = "it succeeds, and what it prints is no JSON";
	else if (!has_shape(value, right))
		wrong = "it succeeds, and something is missing in its JSON";
	json_object_put(value);
	json_object_put(right);
	return wrong;
}

const char *said_judge(const struct said *said, const struct said *clean, enum output output, bool excused)
{
	const char *wrong = NULL;

	nulls = output == OUTPUT_JSON_NULLS;
	if (output == OUTPUT_JSON || output == OUTPUT_JSON_STEADY || output == OUTPUT_JSON_NULLS)
		wrong = judge_json(said, clean);
	if (!wrong && output != OUTPUT_ANY && (!*said->out || said->out[strlen(said->out) - 1] != '\n'))
		wrong = "it succeeds, and its output is missing or cut";
	if (!wrong && (output == OUTPUT_STEADY || output == OUTPUT_JSON_STEADY) && strcmp(said->out, clean->out) != 0 &&
	    !(excused && (strstr(said->err, "warning") || strstr(said->out, "cannot be read"))))
		wrong = "it succeeds, and its output is another one";
	return wrong;
}

const char *said_families(const char *text, char *room, size_t size)
{
	static const char type[] = "# TYPE ";
	size_t n = strlen(text), used = 0;

	room[0] = '\0';
	for (const char *at = text; n && text[n - 1] == '\n' && (at = strstr(at, type)); at++)
		used += (size_t)snprintf(room + used, size - used, "%.*s ", (int)strcspn(at + sizeof(type) - 1, "\n"), at + sizeof(type) - 1);
	return room;
}
