/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* openblas - threads of OpenBLAS */
#include <stdio.h>

int openblas_get_num_threads(void);

int main(void)
{
	printf("%d\n", openblas_get_num_threads());
	return 0;
}
