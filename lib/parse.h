/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parse - the kernel's texts: bytes to numbers, names and paths
 *
 * Pure: no I/O, no allocation, no locale, and no final NUL needed. A text is
 * (text, length). -EBADMSG: not what a kernel writes.
 */
#ifndef CGTUNE_PARSE_H
#define CGTUNE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of somebody else's buffer. */
struct slice {
	const char *text;
	size_t length;
};

/* Decimal digits and nothing else. 0; -EBADMSG; -ERANGE: does not fit. */
int parse_u64(const char *text, size_t length, uint64_t *ret);

/* The only word of a text as a number: memory.current and the like. 0; -EBADMSG; -ERANGE. */
int parse_number(const char *text, size_t length, uint64_t *ret);

/* cpu.max of v2, "QUOTA [PERIOD]". 1: a quota; 0: none; -EBADMSG. */
int parse_cpu_max(const char *text, size_t length, uint64_t *quota_us, uint64_t *period_us);

/* cpu.cfs_quota_us of v1. 1: a quota; 0: none (negative); -EBADMSG. */
int parse_cfs_quota(const char *text, size_t length, uint64_t *quota_us);

/* cpu.cfs_period_us of v1. 0; -EBADMSG. */
int parse_cfs_period(const char *text, size_t length, uint64_t *period_us);

/* memory.max, memory.high, memory.limit_in_bytes. 1: a limit; 0: none, in any
 * of its spellings; -EBADMSG. */
int parse_memory_max(const char *text, size_t length, uint64_t *bytes);

/* Whether a number of bytes is one of the kernel's words for no limit. */
bool parse_is_unlimited(uint64_t bytes);

/* memory.use_hierarchy. 0 or 1; -EBADMSG. */
int parse_flag(const char *text, size_t length);

/* One line "KEY VALUE" of memory.stat or cpu.stat. 1: it is key's; 0: another
 * key's; -EBADMSG: key's, without a number. */
int parse_stat_line(const char *line, size_t length, const char *key, uint64_t *ret);

/* The first "KEY VALUE" line of a whole text. 0; -ENOENT; -EBADMSG. */
int parse_stat(const char *text, size_t length, const char *key, uint64_t *ret);

/* "MemTotal:  123 kB" of /proc/meminfo to bytes. 1: it is; 0: another line; -EBADMSG. */
int parse_meminfo_line(const char *line, size_t length, const char *key, uint64_t *bytes);

/* A list of CPUs as in cpuset(7), "0-3,8" or "0-7:2/4". Number of CPUs; 0: empty; -EBADMSG. */
int parse_cpu_list(const char *text, size_t length);

/* One line of /proc/PID/cgroup, cut at its first two colons. */
struct parse_cgroup {
	uint64_t id;
	struct slice controllers, path;
};
int parse_cgroup_line(const char *line, size_t length, struct parse_cgroup *ret);

/* Whether a comma-separated list holds name as a whole token. */
bool parse_has_controller(struct slice list, const char *name);

/* One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)); paths still escaped. */
struct parse_mount {
	struct slice root, point, type, options;
};
int parse_mountinfo_line(const char *line, size_t length, struct parse_mount *ret);

/* Undo the octal escapes of a mountinfo path into at most size bytes, its NUL
 * included. Length; -EBADMSG: a broken escape; -ENAMETOOLONG. */
int parse_unescape(struct slice path, char *ret, size_t size);

/* The part of a cgroup's path that lies below a mount's root, by components:
 * offset into path, at a '/' or at its end. -ENOENT: not below it. */
int parse_below(const char *root, const char *path);

/* Whether a path has a ".." component. */
bool parse_has_dotdot(const char *path);

/* The directory of a cgroup under a mount of its hierarchy: point plus what is
 * below root. Length; -ENOENT: the mount does not show it, or only through
 * ".."; -ENAMETOOLONG. */
int parse_translate(const char *root, const char *point, const char *path, char *ret, size_t size);

#endif
