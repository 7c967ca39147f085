/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree - machines as text: fixtures/NAME.tree to a directory, and what is expected of it
 *
 *   summary: what the machine is, in one line
 *   source: the peer, test or issue it was taken from; "derived: REASON" where from none
 *   cpus: CPUs that are online
 *   expect cpu QUOTA PERIOD | none         the pair that decides
 *   expect memory BYTES | none             below MemTotal
 *   expect high BYTES | none
 *   expect hierarchy CPU MEMORY            cgroup version that holds each; 0: not visible
 *   expect threads CEIL FLOOR NEAREST
 *   expect budget BYTES | none
 *   expect dir CPU MEMORY                  optional: the cgroup's own directory, "-": not
 *                                          visible; blanks as \040
 *   == /proc/self/cgroup                   a file: the lines up to the next marker
 *   0::/a
 *   =- /sys/fs/cgroup/a/cpu.max            a file that does not end in a newline
 *   150000 100000
 *   =0 /sys/fs/cgroup/cpu.max              an empty file
 *   =/ /sys/fs/cgroup/a/memory.max         a directory in its place: cannot be read
 *
 * Paths of markers have \\, \t and \n, and nothing else, escaped.
 */
#ifndef CGTUNE_TESTS_TREE_H
#define CGTUNE_TESTS_TREE_H

#include <stddef.h>
#include <stdint.h>

/* "none", in every member that counts bytes; the value of CGTUNE_UNLIMITED. */
#define TREE_NONE UINT64_MAX
/* Room for a path, as PATH_MAX. */
#define TREE_PATH_SIZE 4096

struct tree_expect {
	uint64_t cpus;
	uint64_t quota_us, period_us;		/* both 0: none */
	uint64_t memory, high, budget;
	uint64_t cpu_hierarchy, memory_hierarchy;
	uint64_t threads[3];			/* ceil, floor, nearest */
	char cpu_dir[TREE_PATH_SIZE], memory_dir[TREE_PATH_SIZE];	/* unescaped; "": not visible, or not said */
};

/* Every function: 0 or -errno. */

/* Make a directory of its own below $TMPDIR. */
int tree_make(char *dir, size_t size);

/* Write one file below dir, and the directories above it; NULL content: a directory. */
int tree_write(const char *dir, const char *path, const char *content, size_t length);

/* -EBADMSG: not of the form. */
int tree_unpack(const char *file, const char *dir);

/* -ENODATA: an expectation other than dir is not there. */
int tree_expect_read(const char *file, struct tree_expect *ret);

int tree_remove(const char *dir);

#endif
