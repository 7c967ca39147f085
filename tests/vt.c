/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vt - a terminal without a window: what a program wrote, as the screen that it makes of it (xterm's commands, as ncurses writes them) */
#include "vt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct vt_cell blank = { .character = L' ' };

static int clamp(int n, int least, int most)
{
	return n < least ? least : n > most ? most : n;
}

static void clear(struct vt *vt, int y, int from, int to)
{
	for (int x = from; x < to; x++)
		vt->cells[y][x] = blank;
}

void vt_open(struct vt *vt, int columns, int rows)
{
	memset(vt, 0, sizeof(*vt));
	for (int y = 0; y < VT_MOST; y++)
		clear(vt, y, 0, VT_MOST);
	vt->pen = blank;
	vt_resize(vt, columns, rows);
}

void vt_resize(struct vt *vt, int columns, int rows)
{
	vt->columns = clamp(columns, 1, VT_MOST);
	vt->rows = clamp(rows, 1, VT_MOST);
	vt->top = 0;
	vt->bottom = vt->rows - 1;
	vt->y = clamp(vt->y, 0, vt->rows - 1);
	vt->x = clamp(vt->x, 0, vt->columns - 1);
	for (int y = 0; y < VT_MOST; y++)
		clear(vt, y, y < vt->rows ? vt->columns : 0, VT_MOST);
}

/* Lines from at on, to the end of the part that scrolls, go up by n, or down by -n. */
static void scroll(struct vt *vt, int at, int n)
{
	int height = vt->bottom - at + 1;

	n = clamp(n, -height, height);
	if (n > 0)
		memmove(vt->cells[at], vt->cells[at + n], sizeof(vt->cells[0]) * (size_t)(height - n));
	else
		memmove(vt->cells[at - n], vt->cells[at], sizeof(vt->cells[0]) * (size_t)(height + n));
	for (int i = 0; i < abs(n); i++)
		clear(vt, n > 0 ? vt->bottom - i : at + i, 0, vt->columns);
}

static void put(struct vt *vt, wchar_t character)
{
	if (vt->x >= vt->columns) {
		vt->x = 0;
		if (vt->y == vt->bottom)
			scroll(vt, vt->top, 1);
		else
			vt->y++;
	}
	vt->cells[vt->y][vt->x] = vt->pen;
	vt->cells[vt->y][vt->x++].character = character;
	vt->last = character;
}

static void control(struct vt *vt, char c)
{
	if (c == '\r')
		vt->x = 0;
	else if (c == '\b')
		vt->x = clamp(vt->x - 1, 0, vt->columns - 1);
	else if (c == '\t')
		vt->x = clamp((vt->x | 7) + 1, 0, vt->columns - 1);
	else if (c == '\n' && vt->y == vt->bottom)
		scroll(vt, vt->top, 1);
	else if (c == '\n')
		vt->y = clamp(vt->y + 1, 0, vt->rows - 1);
}

static void set_pen(struct vt *vt, const int *numbers, int n)
{
	for (int i = 0; i < n; i++) {
		int number = numbers[i];

		if (number == 0)
			vt->pen = blank;
		else if (number == 1 || number == 2)
			vt->pen.attributes |= number == 1 ? VT_BOLD : VT_DIM;
		else if (number == 7)
			vt->pen.attributes |= VT_REVERSE;
		else if (number == 27)
			vt->pen.attributes &= (unsigned char)~VT_REVERSE;
		else if ((number >= 30 && number <= 37) || number == 39)
			vt->pen.colour = number == 39 ? 0 : (unsigned char)number;
	}
}

static void erase(struct vt *vt, int what)
{
	int first = what == 0 ? vt->y + 1 : 0, end = what == 1 ? vt->y : vt->rows;

	for (int y = first; y < end; y++)
		clear(vt, y, 0, vt->columns);
	if (what == 0)
		clear(vt, vt->y, clamp(vt->x, 0, vt->columns), vt->columns);
}

static void shift_cells(struct vt *vt, int n)
{
	struct vt_cell *row = vt->cells[vt->y];
	int left = vt->columns - vt->x, by = clamp(abs(n), 0, left);

	if (n > 0) {
		memmove(row + vt->x + by, row + vt->x, sizeof(*row) * (size_t)(left - by));
		clear(vt, vt->y, vt->x, vt->x + by);
	} else {
		memmove(row + vt->x, row + vt->x + by, sizeof(*row) * (size_t)(left - by));
		clear(vt, vt->y, vt->columns - by, vt->columns);
	}
}

static void do_mode(struct vt *vt, int number, bool on)
{
	if (number == 1049)
		vt->alternate = on;
	if (number == 25)
		vt->cursor_hidden = !on;
}

static void move(struct vt *vt, int y, int x)
{
	vt->y = clamp(y, 0, vt->rows - 1);
	vt->x = clamp(x, 0, vt->columns - 1);
}

/* false: it is none of those that change cells. */
static bool edit(struct vt *vt, char command, int n)
{
	switch (command) {
	case 'J':
		erase(vt, n);
		return true;
	case 'K':
		clear(vt, vt->y, n == 0 ? clamp(vt->x, 0, vt->columns) : 0, n == 1 ? vt->x + 1 : vt->columns);
		return true;
	case 'X':
		clear(vt, vt->y, vt->x, clamp(vt->x + (n ? n : 1), 0, vt->columns));
		return true;
	case '@':
		shift_cells(vt, n ? n : 1);
		return true;
	case 'P':
		shift_cells(vt, n ? -n : -1);
		return true;
	case 'L':
	case 'M':
		scroll(vt, vt->y, (n ? n : 1) * (command == 'L' ? -1 : 1));
		return true;
	case 'S':
	case 'T':
		scroll(vt, vt->top, (n ? n : 1) * (command == 'T' ? -1 : 1));
		return true;
	case 'b':
		for (int i = 0; i < n; i++)
			put(vt, vt->last);
		return true;
	default:
		return false;
	}
}

static bool move_by(struct vt *vt, char command, const int *numbers)
{
	int n = numbers[0] ? numbers[0] : 1;

	switch (command) {
	case 'H':
	case 'f':
		move(vt, n - 1, (numbers[1] ? numbers[1] : 1) - 1);
		return true;
	case 'A':
	case 'B':
		move(vt, vt->y + (command == 'A' ? -n : n), vt->x);
		return true;
	case 'C':
	case 'D':
		move(vt, vt->y, vt->x + (command == 'D' ? -n : n));
		return true;
	case 'G':
		move(vt, vt->y, n - 1);
		return true;
	case 'd':
		move(vt, n - 1, vt->x);
		return true;
	case 'Z':
		move(vt, vt->y, (vt->x - 1) & ~7);
		return true;
	case 'r':
		vt->top = clamp(n - 1, 0, vt->rows - 1);
		vt->bottom = numbers[1] ? clamp(numbers[1] - 1, vt->top, vt->rows - 1) : vt->rows - 1;
		move(vt, 0, 0);
		return true;
	default:
		return false;
	}
}

static void wonder(struct vt *vt, const char *command)
{
	vt->strange++;
	snprintf(vt->last_strange, sizeof(vt->last_strange), "%s", command + 1);
}

/* "\033[" ... a letter. */
static void command(struct vt *vt, const char *text, char letter)
{
	const char *at = text + 2 + (text[2] == '?' || text[2] == '>');
	int numbers[16] = { 0 }, n = 0;
	char *end;

	for (; n < 16; n++, at = end + 1) {
		numbers[n] = (int)strtol(at, &end, 10);
		if (*end != ';')
			break;
	}
	if (text[2] == '?' && (letter == 'h' || letter == 'l'))
		do_mode(vt, numbers[0], letter == 'h');
	else if (letter == 'm')
		set_pen(vt, numbers, n + 1);
	else if (text[2] != '>' && letter != 'h' && letter != 'l' && letter != 't' && !edit(vt, letter, numbers[0]) &&
		 !move_by(vt, letter, numbers))
		wonder(vt, text);
}

/* A command that begins with ESC; false: more of it is to come. */
static bool escape(struct vt *vt, const char *text, size_t n)
{
	char last = text[n - 1];

	if (n == 1)
		return false;
	if (text[1] == '[') {
		if (n == 2 || last < '@' || last > '~')
			return false;
		command(vt, text, last);
		return true;
	}
	if (text[1] == '(' || text[1] == ')')
		return n == 3;
	if (text[1] == 'M' && vt->y == vt->top)
		scroll(vt, vt->top, -1);
	else if (text[1] == 'M')
		vt->y = clamp(vt->y - 1, 0, vt->rows - 1);
	else if (!strchr("=>78", text[1]))
		wonder(vt, text);
	return true;
}

static void take(struct vt *vt, char byte)
{
	mbstate_t state = { 0 };
	wchar_t character;
	size_t n;

	if (!vt->length && (unsigned char)byte < ' ' && byte != '\033') {
		control(vt, byte);
		return;
	}
	vt->pending[vt->length++] = byte;
	vt->pending[vt->length] = '\0';
	if (vt->pending[0] == '\033') {
		if (escape(vt, vt->pending, vt->length))
			vt->length = 0;
	} else {
		n = mbrtowc(&character, vt->pending, vt->length, &state);
		if (n == (size_t)-2)
			return;
		put(vt, n == (size_t)-1 ? L'\uFFFD' : character);
		vt->length = 0;
	}
	if (vt->length + 1 >= sizeof(vt->pending)) {
		wonder(vt, vt->pending);
		vt->length = 0;
	}
}

void vt_write(struct vt *vt, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take(vt, bytes[i]);
}

void vt_row(const struct vt *vt, int y, char *ret, size_t size)
{
	int last = vt->columns;
	size_t n = 0;

	while (last > 0 && vt->cells[y][last - 1].character == L' ')
		last--;
	for (int x = 0; x < last && n + 8 < size; x++) {
		mbstate_t state = { 0 };
		size_t length = wcrtomb(ret + n, vt->cells[y][x].character, &state);

		n += length == (size_t)-1 ? 0 : length;
	}
	ret[n] = '\0';
}
