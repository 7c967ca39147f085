/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cgtune - the command: picks the subcommand */
#include "run.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *doc;
} commands[] = {
	{ "show", tool_show, "print limits, where they come from, and what is made of them" },
	{ "run", tool_run, "run a command in limits, with what tells it of them" },
	{ "export", tool_export, "serve metrics of all cgroups to Prometheus, or write them to a file" },
	{ "agent", tool_agent, "answer HAProxy's agent-check with the connections that the limits allow" },
	{ "env", tool_env, "print the variables that tell language runtimes of the limits" },
	{ "probe", tool_probe, "count in the kernel what limits do, by BPF" },
	{ "stalls", tool_stalls, "print how often and for how long limits stopped each cgroup" },
	{ "top", tool_top, "print what each cgroup uses of its limits, at each interval" },
	{ "advise", tool_advise, "watch a cgroup, and say what should be changed and why" },
	{ "bpfdist", tool_bpfdist, "count bpf(2) calls by command: how many, how long, which failed" },
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

struct choice {
	int index;			/* -1: none yet */
	int argc;
	char **argv;			/* from the subcommand's name on */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct choice *choice = state->input;

	if (key == ARGP_KEY_NO_ARGS)
		tool_usage("no command is given", "try cgtune --help");
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	for (int i = 0; i < COMMANDS; i++) {
		if (strcmp(argument, commands[i].name) != 0)
			continue;
		choice->index = i;
		choice->argc = state->argc - state->next + 1;
		choice->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	}
	tool_usage(argument, "no such command; try cgtune --help");
}

/* The list of commands, below the options in --help. */
static char *help(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&list, &size);
	if (!out)
		return NULL;
	fputs("Commands:\n", out);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].doc);
	fputs("\nExit status: 0 done; 1 failed; 2 wrong usage; of run: see cgtune run --help.", out);
	fclose(out);
	return list;
}

/* What is opened gets no number of the standard streams: one that is closed leads nowhere. The
 * command of run still finds it closed. */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			_exit(tool_usage_status == TOOL_USAGE ? TOOL_FAILED : tool_usage_status);
}

/* However it ends: what was printed has arrived, or it has failed. */
static void end(void)
{
	int status = tool_flush();

	if (status != TOOL_DONE)
		_exit(status);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse, .args_doc = "COMMAND [OPTION...]", .help_filter = help,
		.doc = "Size programs to the CPU and memory limits of their cgroup.\v",
	};
	struct choice choice = { .index = -1 };
	static char name[64], version[64];

	if (argc > 1 && strcmp(argv[1], "run") == 0)	/* whose other statuses are the command's */
		tool_usage_status = RUN_FAILED;
	fill_standard_streams();
	atexit(end);
	snprintf(version, sizeof(version), "cgtune %s", cgtune_version());
	argp_program_version = version;
	argv[0] = name;
	snprintf(name, sizeof(name), "cgtune");
	tool_parse(&argp, argc, argv, &choice);
	if (choice.index < 0)
		return TOOL_USAGE;
	snprintf(name, sizeof(name), "cgtune %s", commands[choice.index].name);
	choice.argv[0] = name;
	return commands[choice.index].run(choice.argc, choice.argv);
}
