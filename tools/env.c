/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* env - `cgtune env`: the variables that tell language runtimes of the limits, as assignments */
#include "tool.h"
#include "tool-json.h"
#include "tuning.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { KEY_JSON = 256, KEY_RUNTIME, KEY_FORMAT };
enum format { SHELL, EXPORT, DOCKER, JSON };

static const char *const formats[] = { [SHELL] = "shell", [EXPORT] = "export", [DOCKER] = "docker", [JSON] = "json" };

struct arguments {
	enum format format;
	const char *runtime;
};

static const struct argp_option options[] = {
	{ "json", KEY_JSON, NULL, 0, "print one JSON object of strings; the same as --format=json", 0 },
	{ "runtime", KEY_RUNTIME, "LIST", 0, "0 for none, or groups besides the default variables, with commas between: "
	  "blas, rust, dotnet, java, node, erlang, magick, build, python; default: CGTUNE_ENV", 0 },
	{ "format", KEY_FORMAT, "FORMAT", 0, "shell: NAME=value lines for eval, after set -a, and for EnvironmentFile= of "
	  "systemd (default); export: export and unset commands; docker: for --env-file; json", 0 },
	{ 0 },
};

static enum format parse_format(const char *word)
{
	for (enum format i = SHELL; i <= JSON; i++)
		if (strcmp(word, formats[i]) == 0)
			return i;
	tool_usage(word, "--format wants shell, export, docker or json");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_JSON:
		arguments->format = JSON;
		return 0;
	case KEY_RUNTIME:
		arguments->runtime = tuning_runtime(argument);
		return 0;
	case KEY_FORMAT:
		arguments->format = parse_format(argument);
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "env takes no argument");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* In single quotes where a shell would see more than a word; systemd.exec(5) reads them alike. */
static void print_quoted(const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/@%+-";

	if (*value && !value[strspn(value, plain)]) {
		fputs(value, stdout);
		return;
	}
	putchar('\'');
	for (; *value; value++)
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	putchar('\'');
}

static void print(enum format format, struct json_object *object, const char *name, const char *value)
{
	switch (format) {
	case JSON:
		tool_json_add(object, name, tool_json_string(value));
		return;
	case DOCKER:
		if (strchr(value, '\n'))		/* only in what somebody else has put into the marker */
			tool_warn(NULL, name, NULL, "holds a line break, which an --env-file cannot: left out");
		else
			printf("%s=%s\n", name, value);
		return;
	default:
		printf("%s%s=", format == EXPORT ? "export " : "", name);
		print_quoted(value);
		putchar('\n');
	}
}

/* All that should hold, also what does already: a file that is written from it is read elsewhere. */
static void print_all(enum format format, const struct tuning *tuning)
{
	const struct table *table = &tuning->table;
	const char *marker = tuning->off ? NULL : tuning_marker(tuning);
	struct json_object *object = format == JSON ? tool_json_object() : NULL;

	if (marker && tuning->runtime)
		print(format, object, TUNING_RUNTIME, tuning->runtime);
	for (unsigned i = 0; i < TABLE_VARIABLES && !tuning->off; i++)
		if (table->values[i])
			print(format, object, table_name(i), table->values[i]);
	if (marker)
		print(format, object, ENV_MARKER, marker);
	for (unsigned i = 0; i < table->count && format == EXPORT && !tuning->off; i++)
		if (!table->changes[i].value)
			printf("unset %s\n", table->changes[i].name);
	if (object)
		tool_json_print(object);
}

int tool_env(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Print the variables that tell language runtimes of the limits that hold here: for "
		"eval \"$(cgtune env --format=export)\", for EnvironmentFile= of systemd, for docker --env-file. "
		"Variables that the user has set are left out. Without limits nothing is printed.",
		NULL, NULL, NULL,
	};
	struct arguments arguments = { .format = SHELL };
	struct tuning tuning;
	int r;

	tool_parse(&argp, argc, argv, &arguments);
	r = tuning_read(arguments.runtime, NULL, &tuning);
	if (r < 0)
		return tool_failed("the limits", r);
	print_all(arguments.format, &tuning);
	return tool_flush();
}
