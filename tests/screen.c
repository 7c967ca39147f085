/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * screen - run a command on a terminal, and look at its screen, for tests in shell
 *
 *   screen [-g COLSxROWS] [-e TEXT | -n TEXT | -s KEYS | -w COLSxROWS | -k SIGNAL | -f SEED | -d FILE | -v FILE]... -- COMMAND...
 *
 * In order: -e waits until TEXT is on the screen, -n until it is not, -s types KEYS (\033 and the like are as in C), -w
 * makes the window so large, -k sends a signal to all of the terminal, -f types 200 keys of a pseudo-random sequence,
 * -d writes the screen to a file as text, -v as a picture. -g is its size at first (132x24), of which 0 is none. What a command
 * says after that is printed when it has ended, with the screen as it is then: "screen: STATE" has whether it is the main one,
 * and whether the cursor is seen. TERM is the caller's. Exit status: the command's, 128 + its signal; 99: something did not come in
 * 60 s, which is said; 98: commands of a terminal came that this one does not know.
 */
#include "vt.h"

#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define KEYS_OF_FUZZ 200
#define CELL_WIDTH 8.43			/* of a picture */
#define CELL_HEIGHT 17

static struct vt vt;
static int terminal;

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* More output; false: it has ended, or none came in time. */
static bool more(long ms)
{
	struct pollfd fd = { .fd = terminal, .events = POLLIN };
	char bytes[4096];
	ssize_t n = ms > 0 && poll(&fd, 1, (int)ms) == 1 ? read(terminal, bytes, sizeof(bytes)) : 0;

	if (n <= 0)
		return false;
	vt_write(&vt, bytes, (size_t)n);
	return true;
}

static bool has(const char *text)
{
	static char row[VT_MOST * 4 + 8];

	for (int y = 0; y < vt.rows; y++) {
		vt_row(&vt, y, row, sizeof(row));
		if (strstr(row, text))
			return true;
	}
	return false;
}

static void print(FILE *out)
{
	static char row[VT_MOST * 4 + 8];

	for (int y = 0; y < vt.rows; y++) {
		vt_row(&vt, y, row, sizeof(row));
		fprintf(out, "%s\n", row);
	}
}

static void print_escaped(FILE *out, wchar_t character)
{
	if (character == L'&')
		fputs("&amp;", out);
	else if (character == L'<')
		fputs("&lt;", out);
	else
		fprintf(out, "%lc", (wint_t)character);
}

/* A run of cells that look the same. */
static int draw_run(FILE *out, int y, int x)
{
	static const char *const colours[] = { "#777", "#f66", "#5d5", "#fc5", "#6af", "#f6f", "#5dd", "#ddd" };
	const struct vt_cell *row = vt.cells[y], pen = row[x];
	bool reverse = pen.attributes & VT_REVERSE, seen = reverse;
	int end = x;

	for (; end < vt.columns && row[end].attributes == pen.attributes && row[end].colour == pen.colour; end++)
		seen |= row[end].character != L' ';
	if (!seen)
		return end;
	if (reverse)
		fprintf(out, "<rect x='%.2f' y='%d' width='%.2f' height='%d' fill='#ddd'/>\n", x * CELL_WIDTH, y * CELL_HEIGHT,
			(end - x) * CELL_WIDTH, CELL_HEIGHT);
	fprintf(out, "<text x='%.2f' y='%d' textLength='%.2f' fill='%s'%s%s>", x * CELL_WIDTH, (y + 1) * CELL_HEIGHT - 4,
		(end - x) * CELL_WIDTH, reverse ? "#111" : pen.colour ? colours[pen.colour - 30] : "#ddd",
		pen.attributes & VT_BOLD ? " font-weight='bold'" : "", pen.attributes & VT_DIM ? " opacity='.7'" : "");
	for (; x < end; x++)
		print_escaped(out, row[x].character);
	fputs("</text>\n", out);
	return end;
}

static void draw(FILE *out)
{
	fprintf(out, "<svg xmlns='http://www.w3.org/2000/svg' xml:space='preserve' font-family='DejaVu Sans Mono, monospace' "
		"font-size='14' width='%.0f' height='%d'>\n<rect width='100%%' height='100%%' fill='#111'/>\n",
		vt.columns * CELL_WIDTH, vt.rows * CELL_HEIGHT);
	for (int y = 0; y < vt.rows; y++)
		for (int x = 0; x < vt.columns;)
			x = draw_run(out, y, x);
	fputs("</svg>\n", out);
}

static bool save(const char *file, void (*as)(FILE *out))
{
	FILE *out = fopen(file, "w");

	if (!out)
		return false;
	as(out);
	return fclose(out) == 0;
}

static bool await(const char *text, bool wanted)
{
	long until = now_ms() + TIMEOUT_MS;

	while (has(text) != wanted)
		if (!more(until - now_ms())) {
			fprintf(stderr, "screen: \"%s\" did not %s:\n", text, wanted ? "come" : "go");
			print(stderr);
			return false;
		}
	return true;
}

/* What it answers is read meanwhile: neither waits for the other for ever. */
static bool type(const char *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pollfd fd = { .fd = terminal, .events = POLLIN | POLLOUT };

		while (poll(&fd, 1, TIMEOUT_MS) == 1 && fd.revents & POLLIN)
			if (!more(1))
				return true;
		if (write(terminal, keys + i, 1) != 1)
			return true;
	}
	return true;
}

static bool type_keys(const char *keys)
{
	char bytes[1024];
	size_t n = 0;

	while (*keys && n < sizeof(bytes)) {
		char key = *keys++;

		if (key == '\\' && *keys >= '0' && *keys <= '7') {
			key = (char)strtol((char[]){ keys[0], keys[1], keys[2], '\0' }, NULL, 8);
			keys += 3;
		}
		bytes[n++] = key;
	}
	return type(bytes, n);
}

/* All keys but those that end it: q out of a prompt, and what the terminal makes signals of. */
static bool type_any(const char *seed)
{
	static const char *const keys[] = {
		"\033[A", "\033[B", "\033[C", "\033[D", "\033OA", "\033OB", "\033OC", "\033OD", "\033[5~", "\033[6~", "\033[H", "\033[F", "\033OP",
		"\033", "\r", "\177", "\010", "\014", "\025", "\033[1;5C", "\033[M !!", "\303\244", "\342\226\210", "\360\237\220\247", "\200", "\377",
		"/", "<", ">", "r", "t", "p", " ", "c", "+", "-", "j", "k", "[", "]", "h", "?", "S", "U", "M", "N", "a", "Z", "0", "~", ";",
	};
	unsigned state = (unsigned)strtoul(seed, NULL, 10);

	for (int i = 0; i < KEYS_OF_FUZZ; i++) {
		const char *key;

		state = state * 1103515245 + 12345;
		key = keys[(state >> 16) % (sizeof(keys) / sizeof(keys[0]))];
		type(key, strlen(key));
	}
	return true;
}

static bool parse_size(const char *size, struct winsize *ret)
{
	unsigned columns, rows;

	if (sscanf(size, "%ux%u", &columns, &rows) != 2)
		return false;
	*ret = (struct winsize){ .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows };
	vt_resize(&vt, columns ? (int)columns : 80, rows ? (int)rows : 24);
	return true;
}

static bool resize(const char *size)
{
	struct winsize window;

	return parse_size(size, &window) && ioctl(terminal, TIOCSWINSZ, &window) == 0;
}

static bool send_signal(const char *number)
{
	pid_t group = tcgetpgrp(terminal);

	return group > 1 && kill(-group, atoi(number)) == 0;
}

static bool step(char option, const char *argument)
{
	switch (option) {
	case 'e':
		return await(argument, true);
	case 'n':
		return await(argument, false);
	case 's':
		return type_keys(argument);
	case 'f':
		return type_any(argument);
	case 'w':
		return resize(argument);
	case 'k':
		return send_signal(argument);
	case 'd':
		return save(argument, print);
	case 'v':
		return save(argument, draw);
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct winsize window;
	int status, i, k = 1;
	pid_t pid;

	setlocale(LC_CTYPE, "C.UTF-8");
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		;
	if (i >= argc - 1)
		return 2;
	if (strcmp(argv[1], "-g") == 0)
		k += 2;
	vt_open(&vt, 132, 24);
	if (!parse_size(k > 1 ? argv[2] : "132x24", &window))
		return 2;
	pid = forkpty(&terminal, NULL, NULL, &window);
	if (pid < 0)
		return 77;
	if (pid == 0) {
		for (int number = 1; number < NSIG; number++)
			signal(number, SIG_DFL);	/* a job in the background of a shell ignores some */
		execvp(argv[i + 1], argv + i + 1);
		_exit(127);
	}
	for (; k + 1 < i; k += 2)
		if (!step(argv[k][1], argv[k + 1])) {
			fprintf(stderr, "screen: %s %s failed\n", argv[k], argv[k + 1]);
			kill(pid, SIGKILL);
			return 99;
		}
	while (more(TIMEOUT_MS))
		;
	print(stdout);
	printf("screen: %s, cursor %s\n", vt.alternate ? "alternate" : "main", vt.cursor_hidden ? "hidden" : "seen");
	if (vt.strange)
		printf("screen: %u strange commands, the last is %s\n", vt.strange, vt.last_strange);
	kill(pid, SIGKILL);		/* nothing to one that has ended */
	waitpid(pid, &status, 0);
	if (vt.strange)
		return 98;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
