/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* omp - threads that a parallel region really has, or what OpenMP takes for processors */
#include <omp.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	int threads = 0;

	(void)argv;
	if (argc > 1) {
		printf("%d\n", omp_get_num_procs());
		return 0;
	}
#pragma omp parallel
	{
#pragma omp atomic
		threads++;
	}
	printf("%d\n", threads);
	return 0;
}
