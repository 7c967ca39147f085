/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file - the only code that opens and reads
 *
 * Paths are absolute and below a root. Under a root other than "/" no symbolic
 * link leads out of it and nothing but a regular file is read.
 */
#ifndef CGTUNE_FILE_H
#define CGTUNE_FILE_H

#include "cgtune.h"
#include "parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Descriptors of one pass that are closed together. */
#define FILE_BATCH 32
/* Room for the longest line that is looked at: two escaped paths and options. */
#define FILE_LINE 16384

/* Slots of held[] that hold no descriptor. */
#define FILE_NEW (-1)			/* not opened yet */
#define FILE_MISSING (-2)		/* not there when it was opened */

/*
 * The files of one pass over the hierarchy.
 *
 * A pass opens some dozens of files. They are closed at its end, neighbours in
 * one close_range(2), which saves a third of the system calls. With held, the
 * descriptors stay in its slots instead, and the next pass is one pread(2) each.
 */
struct file_set {
	int root;			/* directory, or AT_FDCWD for the real root */
	bool real;
	bool retry_missing;		/* look again for what was missing */
	int *held;			/* table by slot, or NULL */
	int watch;			/* inotify(7) descriptor that is told of what goes into held, or -1 */
	unsigned count;
	int batch[FILE_BATCH];
};

/* 0; or why the directory cannot be opened. NULL and "/" are the real root. */
int file_set_open(struct file_set *set, const char *root);
/* Close what the pass left open; held slots stay. */
void file_set_flush(struct file_set *set);
/* The same, and the root. */
void file_set_close(struct file_set *set);

/*
 * Read a whole short file. slot: its place in held, or -1 to open it anew.
 * Length; -EFBIG: does not fit; or the error of openat2(2) or read(2).
 */
int file_text(struct file_set *set, int slot, const char *path, char *buffer, size_t size);

/* 1: it is there, or may be but cannot be reached; 0: it is not; or a fatal error. "" is the root. */
int file_exists(struct file_set *set, const char *path);

/* A file read line by line; a line above FILE_LINE is cut. */
struct file_lines {
	int fd;
	bool one_record, ended, skipping;
	uint64_t left;			/* bytes that may still be read */
	size_t start, end;
	char buffer[FILE_LINE];
};

/* Until file_lines_close() its descriptor is not among those that a full batch closes: more files are
 * opened between two lines. one_record: the kernel prints the file at once, so a read that came back
 * short of the buffer, with a final newline, was the last one. */
int file_lines_open(struct file_lines *lines, struct file_set *set, const char *path,
		    bool one_record, uint64_t most_bytes);
/* Also of one that could not be opened. */
void file_lines_close(struct file_lines *lines, struct file_set *set);
/* 1: the next line, without its newline; 0: end; -EFBIG; or the error of read(2). */
int file_line(struct file_lines *lines, struct slice *ret);

/* Whether an error says that this process cannot go on, rather than that one file is bad. */
bool file_error_is_fatal(int error);

#endif
