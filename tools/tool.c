/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool - what the subcommands of cgtune share: exit statuses, messages, argument parsing */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STARS 40			/* of the longest bar of a histogram */

int tool_usage_status = TOOL_USAGE;

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
int tool_utf8_length(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;
	int n = t[0] < 0x80 ? 1 : t[0] >= 0xC2 && t[0] < 0xE0 ? 2 :
		t[0] >= 0xE0 && t[0] < 0xF0 ? 3 : t[0] >= 0xF0 && t[0] < 0xF5 ? 4 : 0;

	for (int i = 1; i < n; i++)
		if ((t[i] & 0xC0) != 0x80)
			return 0;
	if ((t[0] == 0xE0 && t[1] < 0xA0) || (t[0] == 0xED && t[1] > 0x9F) ||
	    (t[0] == 0xF0 && t[1] < 0x90) || (t[0] == 0xF4 && t[1] > 0x8F))
		return 0;
	return n;
}

void tool_print_safe(FILE *out, const char *text)
{
	for (int n; *text; text += n ? n : 1) {
		const unsigned char *t = (const unsigned char *)text;

		n = tool_utf8_length(text);
		if (!n || t[0] < ' ' || t[0] == 127 || (t[0] == 0xC2 && t[1] < 0xA0))
			fputc('?', out);		/* C0, DEL, C1 */
		else
			fwrite(text, 1, (size_t)n, out);
	}
}

static void complain(const char *what, const char *why)
{
	fputs("cgtune: ", stderr);
	tool_print_safe(stderr, *what ? what : "\"\"");
	fprintf(stderr, ": %s\n", why);
}

void tool_usage(const char *what, const char *why)
{
	complain(what, why);
	exit(tool_usage_status);
}

static int failed_status(void)
{
	return tool_usage_status == TOOL_USAGE ? TOOL_FAILED : tool_usage_status;
}

int tool_failed_as(const char *what, const char *why)
{
	complain(what, why);
	return failed_status();
}

int tool_failed(const char *what, int error)
{
	return tool_failed_as(what, cgtune_strerror(error));
}

/* An error that a full buffer met is not that of the last write. */
int tool_flush(void)
{
	bool lost = fflush(stdout) != 0;
	static bool said;

	if (!lost && !ferror(stdout))
		return TOOL_DONE;
	if (!said)
		complain("standard output", lost ? strerror(errno) : "not all of it could be written");
	said = true;
	return failed_status();
}

const char *tool_bytes(uint64_t value, char room[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double figure = (double)value;
	size_t i = 0;

	while (figure >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		figure /= 1024;
		i++;
	}
	snprintf(room, 32, "%.*f", i ? 1 : 0, figure);
	if (i && strcmp(room + strlen(room) - 2, ".0") == 0)
		room[strlen(room) - 2] = '\0';
	snprintf(room + strlen(room), 32 - strlen(room), " %s", units[i]);
	return room;
}

const char *tool_seconds(uint64_t ns, char room[32])
{
	if (ns < 1000000000)
		snprintf(room, 32, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(room, 32, "%.1f s", (double)ns / 1e9);
	return room;
}

void tool_histogram(const char *unit, const uint64_t *counts, int n)
{
	uint64_t most = 0;
	int last = -1;

	for (int i = 0; i < n; i++) {
		if (counts[i])
			last = i;
		if (counts[i] > most)
			most = counts[i];
	}
	if (last >= 0)
		printf("\n     %-19s : count     distribution\n", unit);
	for (int i = 0; i <= last; i++) {
		int stars = (int)(counts[i] * STARS / most);

		printf("%10llu -> %-10llu : %-8" PRIu64 " |", i ? 1ULL << i : 0, (2ULL << i) - 1, counts[i]);
		for (int k = 0; k < STARS; k++)
			putchar(k < stars ? '*' : ' ');
		puts("|");
	}
}

const char *tool_style(int fd, const char *sequence)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fd) && !(no && *no) ? sequence : "";
}

void tool_warn(const char *file, const char *variable, const char *value, const char *text)
{
	fprintf(stderr, "cgtune: %swarning%s: ", tool_style(2, TOOL_YELLOW), tool_style(2, TOOL_RESET));
	if (variable || file) {
		tool_print_safe(stderr, variable ? variable : file);
		if (value) {
			fputs(variable ? "=" : ": \"", stderr);
			tool_print_safe(stderr, value);
			fputs(variable ? " " : "\" ", stderr);
		} else {
			fputc(' ', stderr);
		}
	}
	fprintf(stderr, "%s\n", text);
}

ssize_t tool_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	else
		text[n] = '\0';
	close(fd);
	return n;
}

uint64_t tool_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t tool_now_ns(void)
{
	return tool_clock_ns(CLOCK_MONOTONIC);
}

/* argp adds a line "Try ... --help" to every complaint: it goes nowhere. */
static error_t quiet(int key, char *argument, struct argp_state *state)
{
	static FILE *nowhere;

	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (nowhere)
		state->err_stream = nowhere;
	state->child_inputs[0] = state->input;
	return 0;
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	const struct argp_child children[] = { { .argp = argp }, { 0 } };
	const struct argp outer = { .parser = quiet, .children = children };
	static char name[64];
	bool help = false;
	error_t r;

	argp_err_exit_status = tool_usage_status;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-?") == 0 || strcmp(argv[i], "--usage") == 0;
	/* Help begins with the subcommand's name; a complaint of getopt(3), in one line, with that of the command, and a hint. */
	snprintf(name, sizeof(name), "cgtune: try %.32s --help", argv[0]);
	if (!help)
		argv[0] = name;
	r = argp_parse(&outer, argc, argv, ARGP_IN_ORDER, NULL, input);
	if (r)
		exit(tool_failed("the arguments", -r));
}
