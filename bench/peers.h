/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peers - what the methods of others say of one group, in nanoseconds */
#ifndef CGTUNE_BENCH_PEERS_H
#define CGTUNE_BENCH_PEERS_H

struct peers {
	unsigned long long start, own, single, entry, calls;
};

#endif
