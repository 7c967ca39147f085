/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real - cgroups of the running kernel, for tests: v1, v2 or some of each
 *
 *   cgtune-test-PID          ""       in the hierarchy of each controller
 *   `-- a                    "a"
 *       `-- b                "a/b"    a process may be in a leaf only (v2)
 *
 * Processes are those of Check: each test is a forked child that moves itself.
 * A failure ends the test. Whatever ends the program, all of it is removed, and
 * what still runs in it is killed.
 */
#ifndef CGTUNE_TESTS_REAL_H
#define CGTUNE_TESTS_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum real_controller { REAL_CPU, REAL_MEMORY, REAL_CPUSET, REAL_CONTROLLERS };

#define REAL_NONE (-1)			/* no quota, no limit */
#define REAL_PATH_SIZE 4096
#define REAL_MIB (INT64_C(1) << 20)

/* Make the topmost group. NULL; or why there can be none here. */
const char *real_begin(void);

/* The version of the hierarchy that holds the controller: 1, 2; 0: there is none (cpuset only). */
int real_version(enum real_controller controller);

/* Make a group, and those above it that are missing. */
void real_make(const char *name);
/* Move a process, 0: this one, in every hierarchy. */
void real_move(const char *name, pid_t pid);
/* Remove a group that has no groups below it. */
void real_remove(const char *name);
/* Without a failure: 0 or -errno. */
int real_try_move(const char *name, pid_t pid);
int real_try_remove(const char *name);

/* Write a value. The period stays when it is 0. */
void real_quota(const char *name, int64_t quota_us, int64_t period_us);
void real_memory(const char *name, int64_t bytes);
void real_set(const char *name, enum real_controller controller, const char *file, const char *value);
int real_try_set(const char *name, enum real_controller controller, const char *file, const char *value);

/* The files that the values above are in. */
const char *real_quota_file(void);
const char *real_memory_file(void);
/* A file's path, of the group or with name NULL of the hierarchy's top. */
const char *real_path(const char *name, enum real_controller controller, const char *file, char ret[REAL_PATH_SIZE]);
/* The group as /proc/PID/cgroup names it. */
const char *real_cgroup(const char *name, char ret[REAL_PATH_SIZE]);

/* Its text without the final newline; false: there is none. */
bool real_text(const char *name, enum real_controller controller, const char *file, char *ret, size_t size);
/* The number that it is, or the one behind key; UINT64_MAX: none. */
uint64_t real_number(const char *name, enum real_controller controller, const char *file, const char *key);

#endif
