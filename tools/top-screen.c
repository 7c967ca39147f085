/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-screen - the live screen of `cgtune top`: the terminal, its keys and signals */
#include "top-draw.h"
#include "tool.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#define KEY_ESCAPE 27
#define KEY_CONTROL(c) ((c) & 0x1f)
#define ESCAPE_MS 25			/* how long the rest of a key's sequence may take */
#define FIRST_NS 300000000ull		/* the first figures come sooner than the others */
#define INTERVAL_LEAST 100000000ull
#define INTERVAL_MOST 3600000000000ull

static volatile sig_atomic_t caught;

/* What a handler needs to leave the terminal as it was: curses must not be called there. */
static struct termios before;
static char leave[128];

static void note(int number)
{
	caught = number;
}

/* A bug of ours is not to cost the user his terminal, too. */
static void crash(int number)
{
	(void)!write(1, leave, strlen(leave));
	tcsetattr(0, TCSANOW, &before);
	raise(number);
}

static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return text && text != (const char *)-1 ? text : "";
}

static void prepare_leaving(void)
{
	tcgetattr(0, &before);
	snprintf(leave, sizeof(leave), "%s%s%s", capability("sgr0"), capability("rmcup"), capability("cnorm"));
}

static const int ends[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT }, crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* Those that end us, and a new size, come only where they are waited for: in ppoll(2), whose mask is returned. */
static sigset_t take_signals(void)
{
	struct sigaction act = { .sa_handler = note };
	sigset_t mask, old;

	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &act, NULL);
		sigaddset(&mask, ends[i]);
	}
	act.sa_handler = crash;
	act.sa_flags = (int)SA_RESETHAND | SA_NODEFER;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &act, NULL);
	sigprocmask(SIG_BLOCK, &mask, &old);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigdelset(&old, ends[i]);
	sigdelset(&old, SIGWINCH);
	return old;
}

/* The table anew, by what the user has set. As long as there is one reading, nothing has come since. */
static int make_table(struct top_screen *screen)
{
	const struct top_sampler *sampler = screen->sampler;
	const struct top_reading *base = !sampler->first.taken_ns ? &sampler->new :
		screen->since_start ? &sampler->first : &sampler->old;
	struct top_table table;
	int r = top_table_make(base, &sampler->new, &screen->view, &table);

	if (r < 0)
		return r;
	top_table_free(&screen->table);
	screen->table = table;
	return 0;
}

static int sample(struct top_screen *screen)
{
	int r = top_sampler_take(screen->sampler);

	return r < 0 ? r : make_table(screen);
}

/* A whole character less. */
static void delete_last(char *text)
{
	size_t n = strlen(text);

	while (n && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
		n--;
	text[n ? n - 1 : 0] = '\0';
}

static void type(struct top_screen *screen, int key)
{
	char *filter = screen->view.filter;
	size_t n = strlen(filter);

	if (key == KEY_ENTER || key == '\n' || key == '\r')
		screen->typing = false;
	else if (key == KEY_BACKSPACE || key == 127 || key == KEY_CONTROL('H'))
		delete_last(filter);
	else if (key == KEY_CONTROL('U'))
		*filter = '\0';
	else if (key == KEY_ESCAPE) {
		*filter = '\0';
		screen->typing = false;
	} else if (key >= ' ' && key < 256 && n + 1 < sizeof(screen->view.filter)) {
		filter[n] = (char)key;
		filter[n + 1] = '\0';
	}
}

static void sort_by(struct top_screen *screen, int column)
{
	screen->view.sort = (column + TOP_COLUMNS) % TOP_COLUMNS;
	screen->view.reverse = false;
	screen->first = 0;
}

static void set_interval(struct top_sampler *sampler, uint64_t ns)
{
	sampler->interval_ns = ns < INTERVAL_LEAST ? INTERVAL_LEAST : ns > INTERVAL_MOST ? INTERVAL_MOST : ns;
}

/* Keys that change what is shown of the table. false: it is none of them. */
static bool scroll_by(struct top_screen *screen, int key)
{
	size_t page = top_draw_room() ? top_draw_room() : 1, *first = &screen->first;

	switch (key) {
	case KEY_UP:
	case 'k':
		*first -= *first > 0;
		return true;
	case KEY_DOWN:
	case 'j':
		++*first;
		return true;
	case KEY_PPAGE:
		*first -= *first < page ? *first : page;
		return true;
	case KEY_NPAGE:
		*first += page;
		return true;
	case KEY_HOME:
		*first = 0;
		return true;
	case KEY_END:
		*first = screen->table.count;
		return true;
	case '[':
		screen->shift -= screen->shift < 8 ? screen->shift : 8;
		return true;
	case ']':
		screen->shift += screen->shift < 4096 ? 8 : 0;
		return true;
	default:
		return false;
	}
}

static void set_view(struct top_screen *screen, int key)
{
	struct top_view *view = &screen->view;

	switch (key) {
	case KEY_LEFT:
	case '<':
		sort_by(screen, view->sort - 1);
		return;
	case KEY_RIGHT:
	case '>':
		sort_by(screen, view->sort + 1);
		return;
	case 'S':
		sort_by(screen, TOP_STOPPED);
		return;
	case 'U':
		sort_by(screen, TOP_USE);
		return;
	case 'M':
		sort_by(screen, TOP_MEMORY);
		return;
	case 'N':
		sort_by(screen, TOP_CGROUP);
		return;
	case 'r':
		view->reverse = !view->reverse;
		return;
	case 't':
		view->tree = !view->tree;
		return;
	case '/':
		screen->typing = true;
		return;
	case KEY_ESCAPE:
		screen->help = false;
		*view->filter = '\0';
		return;
	default:
		return;
	}
}

/* false: the user wants to end. */
static bool obey(struct top_screen *screen, int key)
{
	if (key == KEY_RESIZE)
		return true;
	if (screen->typing) {
		type(screen, key);
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
	case KEY_F(1):
		screen->help = !screen->help;
		break;
	case 'p':
	case ' ':
		screen->paused = !screen->paused;
		break;
	case 'c':
		screen->since_start = !screen->since_start;
		break;
	case '+':
		set_interval(screen->sampler, screen->sampler->interval_ns / 2);
		break;
	case '-':
		set_interval(screen->sampler, screen->sampler->interval_ns * 2);
		break;
	case KEY_CONTROL('L'):
		clearok(curscr, TRUE);
		break;
	default:
		if (!scroll_by(screen, key))
			set_view(screen, key);
	}
	return true;
}

/* All keys that have come. 1: go on; 0: the user wants to end, or nobody is at the terminal any more. */
static int take_keys(struct top_screen *screen, bool readable)
{
	int key = getch(), r;

	if (key == ERR)
		return !readable;
	for (; key != ERR; key = getch())
		if (!obey(screen, key))
			return 0;
	r = make_table(screen);
	return r < 0 ? r : 1;
}

static uint64_t due_ns(const struct top_sampler *sampler)
{
	return sampler->first.taken_ns || sampler->interval_ns < FIRST_NS ? top_sampler_due(sampler) :
		sampler->new.taken_ns + FIRST_NS;
}

static int wait_for(const struct top_screen *screen, const sigset_t *mask, bool *readable)
{
	uint64_t due = due_ns(screen->sampler), now = tool_now_ns();
	uint64_t left = due > now ? due - now : 0;
	const struct timespec wait = { (time_t)(left / 1000000000), (long)(left % 1000000000) };
	struct pollfd fd = { .fd = 0, .events = POLLIN };
	int r = ppoll(&fd, 1, screen->paused ? NULL : &wait, mask);

	*readable = r == 1;
	return r < 0 && errno != EINTR ? -errno : 0;
}

static int loop(struct top_screen *screen, const sigset_t *mask)
{
	bool readable;
	int r = make_table(screen);

	while (r >= 0 && !caught) {
		top_draw(screen);
		r = wait_for(screen, mask, &readable);
		if (r < 0 || caught)
			break;
		r = take_keys(screen, readable);
		if (r <= 0)
			break;
		if (!screen->paused && tool_now_ns() >= due_ns(screen->sampler))
			r = sample(screen);
	}
	return r < 0 ? r : caught == SIGINT ? 0 : caught;
}

/* NULL: the terminal is one to draw on; else why not. */
static const char *why_no_screen(char *room, size_t size)
{
	const char *term = getenv("TERM");
	int error;

	if (!isatty(0))
		return "standard input is no terminal";
	if (!term || !*term)
		return "TERM is not set";
	if (setupterm(term, 1, &error) == ERR)
		snprintf(room, size, "the terminal \"%.64s\" is not known (TERM)", term);
	else if (!*capability("cup") || !*capability("clear"))
		snprintf(room, size, "the terminal \"%.64s\" cannot move its cursor (TERM)", term);
	else
		return NULL;
	return room;
}

int top_screen(struct top_sampler *sampler, char *why, size_t size)
{
	struct top_screen screen = {
		.sampler = sampler, .view = sampler->arguments->view, .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	};
	const char *none = why_no_screen(why, size);
	SCREEN *terminal;
	sigset_t mask;
	int r;

	if (none) {
		if (none != why)
			snprintf(why, size, "%s", none);
		return -ENOTTY;
	}
	prepare_leaving();
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		snprintf(why, size, "curses cannot use the terminal");
		return -ENOTTY;
	}
	mask = take_signals();		/* instead of those of curses, which end it without a word to us */
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	top_draw_colours();
	r = loop(&screen, &mask);
	endwin();
	delscreen(terminal);
	top_table_free(&screen.table);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return r;
}
