/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the libuv row: threads by the affinity mask (the quota too since 1.49), memory by the leaf's limit. */
#include <uv.h>

#include "bench.h"

static void call(struct bench_answer *answer)
{
	answer->threads = uv_available_parallelism();
	answer->memory = uv_get_constrained_memory();
}

int main(void)
{
	return bench_subject(call);
}
