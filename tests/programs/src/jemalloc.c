/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jemalloc - how many arenas it makes */
#include <jemalloc/jemalloc.h>
#include <stdio.h>

int main(void)
{
	unsigned arenas = 0;
	size_t size = sizeof(arenas);

	mallctl("opt.narenas", &arenas, &size, NULL, 0);
	printf("%u\n", arenas);
	return 0;
}
