/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vt - a terminal without a window: what a program wrote, as the screen that it makes of it (xterm's commands, as ncurses writes them) */
#ifndef CGTUNE_TESTS_VT_H
#define CGTUNE_TESTS_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#define VT_MOST 600			/* rows and columns */

enum vt_attribute { VT_BOLD = 1, VT_DIM = 2, VT_REVERSE = 4 };

struct vt_cell {
	wchar_t character;
	unsigned char attributes;	/* enum vt_attribute */
	unsigned char colour;		/* 30 to 37; 0: the terminal's own */
};

struct vt {
	int rows, columns, y, x, top, bottom;	/* of the part that scrolls */
	struct vt_cell cells[VT_MOST][VT_MOST], pen;
	bool alternate, cursor_hidden;
	unsigned strange;		/* commands that it does not know */
	char last_strange[32];
	char pending[64];		/* a command, or a character, that has not come in full */
	size_t length;
	wchar_t last;
};

void vt_open(struct vt *vt, int columns, int rows);
void vt_resize(struct vt *vt, int columns, int rows);
void vt_write(struct vt *vt, const char *bytes, size_t n);
/* A row as text in UTF-8, without the blanks at its end. */
void vt_row(const struct vt *vt, int y, char *ret, size_t size);

#endif
