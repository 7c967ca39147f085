/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfdist - bpf(2) calls by command: what the programs, their loader and `cgtune bpfdist` share */
#ifndef CGTUNE_PROBES_BPFDIST_H
#define CGTUNE_PROBES_BPFDIST_H

#define BPFDIST_COMMANDS 64		/* the last: of a number that this cgtune does not know, or above */
#define BPFDIST_HIST 36			/* powers of two of nanoseconds; the last: 34 s and more */
#define BPFDIST_ERRORS 2048		/* pairs of command and errno */
#define BPFDIST_THREADS 16384		/* in the call at one time */
#define BPFDIST_COPIES 4		/* of each program */

#ifdef __bpf__
typedef __u64 bpfdist_u64;
typedef __u32 bpfdist_u32;
#else
#include <stddef.h>
#include <stdint.h>
typedef uint64_t bpfdist_u64;
typedef uint32_t bpfdist_u32;
#endif

/* Whose calls: set before load. */
struct bpfdist_filter {
	bpfdist_u32 own;		/* process that is left out */
	bpfdist_u32 tgid;		/* the only process; 0: all */
	bpfdist_u64 cgroup;		/* the only subtree, a directory's inode number; 0: all */
	bpfdist_u32 unified;		/* that is of the v2 hierarchy; else of the cpu controller's */
	bpfdist_u32 reserved;
	bpfdist_u64 device, inode;	/* of the PID namespace that own and tgid are numbers of; 0: the first */
};

/* Of a command, on one CPU. */
struct bpfdist_value {
	bpfdist_u64 calls;
	bpfdist_u64 ns;
	bpfdist_u64 hist[BPFDIST_HIST];
};

struct bpfdist_global {
	bpfdist_u64 in_flight;
	bpfdist_u64 lost;		/* calls that were not counted: no room */
};

#define BPFDIST_ERROR_KEY(command, error) ((command) << 16 | (error))

#ifndef __bpf__
struct bpfdist;

struct bpfdist_options {
	struct bpfdist_filter filter;
	bpfdist_u32 rungs;		/* mask of 1 << CGTUNE_PROBE_TRACEPOINT and _RAW to try; 0: both */
	char *text;			/* as in struct cgtune_probe_options */
	size_t text_size;
};

/*
 * Load and attach. 0; -EPERM: no right; -EOPNOTSUPP: this kernel takes none of the programs; or another error.
 * The text has a sentence.
 */
int bpfdist_start(const struct bpfdist_options *options, struct bpfdist **ret);
/* Detach: what is counted stays. */
void bpfdist_stop(struct bpfdist *dist);
/* enum cgtune_probe_rung */
bpfdist_u32 bpfdist_rung(const struct bpfdist *dist);
/* The sums over all CPUs of a command; 0 or -errno. */
int bpfdist_read(struct bpfdist *dist, bpfdist_u32 command, struct bpfdist_value *ret);
/* How often a command failed with an errno; *key begins at 0. 1; 0: there are no more; -errno. */
int bpfdist_next_error(struct bpfdist *dist, bpfdist_u32 *key, bpfdist_u64 *ret);
/* Calls that are not counted, at most. */
bpfdist_u64 bpfdist_lost(struct bpfdist *dist);
void bpfdist_free(struct bpfdist *dist);
#endif

#endif
