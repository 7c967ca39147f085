/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uv - what libuv takes the machine for */
#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

int main(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == 'm')
		printf("%" PRIu64 "\n", uv_get_total_memory());
	else
		printf("%u\n", uv_available_parallelism());
	return 0;
}
