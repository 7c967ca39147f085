/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glib - processors of GLib */
#include <glib.h>
#include <stdio.h>

int main(void)
{
	printf("%u\n", g_get_num_processors());
	return 0;
}
