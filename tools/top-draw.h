/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-draw - what the screen of `cgtune top` looks like */
#ifndef CGTUNE_TOP_DRAW_H
#define CGTUNE_TOP_DRAW_H

#include "top.h"

struct top_screen {
	struct top_sampler *sampler;
	struct top_view view;
	struct top_table table;
	size_t first;			/* line of the table that is the first on the screen */
	size_t shift;			/* characters of the paths that are left of it */
	bool utf8, paused, help, typing, since_start;
};

/* Pairs of colours; without colours all are as the terminal is. */
void top_draw_colours(void);
void top_draw(struct top_screen *screen);
/* Lines of the table that there is room for. */
size_t top_draw_room(void);

#endif
