/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay - run a fuzz target once on each file that is named: its corpus, or what a fuzzer found */
#include "fuzz.h"

#include <errno.h>

/* Larger ones are cut: a fuzzer's are far shorter. */
#define SIZE_MOST (1 << 20)

static int replay(const char *name)
{
	static uint8_t room[SIZE_MOST];
	FILE *file = fopen(name, "re");
	uint8_t *copy;
	size_t size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return -1;
	}
	size = fread(room, 1, sizeof(room), file);
	fclose(file);
	copy = exact_copy(room, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			return EXIT_FAILURE;
	printf("%d inputs\n", argc - 1);
	return EXIT_SUCCESS;
}
