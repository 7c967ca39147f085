/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* untree - unpack a machine, fixtures/NAME.tree, into a directory: for tests in shell */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: untree FILE DIRECTORY\n");
		return 2;
	}
	r = tree_unpack(argv[1], argv[2]);
	if (r < 0)
		fprintf(stderr, "untree: %s: %s\n", argv[1], strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
