/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-screen-none - in a build without ncurses: no live screen */
#include "top.h"

#include <errno.h>
#include <stdio.h>

int top_screen(struct top_sampler *sampler, char *why, size_t size)
{
	(void)sampler;
	snprintf(why, size, "this cgtune was built without ncurses");
	return -ENOTTY;
}
