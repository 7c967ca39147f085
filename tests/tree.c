/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree - machines as text: fixtures/NAME.tree to a directory, and what is expected of it */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tree_make(char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(dir, size, "%s/cgtune-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	return mkdtemp(dir) ? 0 : -errno;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int tree_remove(const char *dir)
{
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 ? -errno : 0;
}

/* mkdir -p of what stands before the last '/', or of the whole path. */
static int make_dirs(char *path, bool whole)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return whole && mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int tree_write(const char *dir, const char *path, const char *content, size_t length)
{
	char full[TREE_PATH_SIZE];
	int n = snprintf(full, sizeof(full), "%s%s", dir, path);
	FILE *file;
	int r;

	if (*path != '/' || strstr(path, "/../"))	/* a tree stays in its directory */
		return -EBADMSG;
	if (n < 0 || (size_t)n >= sizeof(full))
		return -ENAMETOOLONG;
	r = make_dirs(full, !content);
	if (r < 0 || !content)
		return r;
	file = fopen(full, "we");
	if (!file)
		return -errno;
	r = fwrite(content, 1, length, file) == length ? 0 : -EIO;
	return fclose(file) == 0 ? r : -EIO;
}

/* A tree file in memory, and how far it was read. */
struct reader {
	char *text;
	size_t length, at;
};

static int reader_open(struct reader *reader, const char *name)
{
	FILE *file = fopen(name, "re");
	struct stat st;

	if (!file)
		return -errno;
	if (fstat(fileno(file), &st) < 0 || !(reader->text = malloc((size_t)st.st_size + 1))) {
		fclose(file);
		return -ENOMEM;
	}
	reader->at = 0;
	reader->length = fread(reader->text, 1, (size_t)st.st_size, file);
	reader->text[reader->length] = '\0';
	fclose(file);
	return 0;
}

static void reader_close(struct reader *reader)
{
	free(reader->text);
}

/* The kind of a marker line, '=', '-', '0' or '/'; 0: another line. */
static char marker_kind(const char *line)
{
	if (line[0] != '=' || !line[1] || !strchr("=-0/", line[1]) || line[2] != ' ')
		return 0;
	return line[1];
}

/* The next line without its newline; NULL at the end. */
static char *reader_line(struct reader *reader)
{
	char *line = reader->text + reader->at, *newline;

	if (reader->at >= reader->length)
		return NULL;
	newline = strchr(line, '\n');
	if (!newline)
		newline = reader->text + reader->length;
	*newline = '\0';
	reader->at = (size_t)(newline + 1 - reader->text);
	return line;
}

/* All lines up to the next marker. */
static size_t reader_content(struct reader *reader, const char **ret)
{
	size_t start = reader->at;

	*ret = reader->text + start;
	while (reader->at < reader->length && !marker_kind(reader->text + reader->at)) {
		const char *newline = strchr(reader->text + reader->at, '\n');

		reader->at = newline ? (size_t)(newline + 1 - reader->text) : reader->length;
	}
	return reader->at - start;
}

static int marker_unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		static const char names[] = "\\tn", bytes[] = "\\\t\n";
		const char *name;

		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		name = from[1] ? strchr(names, *++from) : NULL;
		if (!name)
			return -EBADMSG;
		*to++ = bytes[name - names];
	}
	*to = '\0';
	return 0;
}

static int unpack_one(struct reader *reader, char *line, const char *dir)
{
	char kind = marker_kind(line);
	const char *content;
	size_t length = reader_content(reader, &content);

	if (marker_unescape(line + 3) < 0)
		return -EBADMSG;
	if ((kind == '=' || kind == '-') != (length > 0))
		return -EBADMSG;
	if (kind == '-')
		length--;
	return tree_write(dir, line + 3, kind == '/' ? NULL : content, length);
}

int tree_unpack(const char *file, const char *dir)
{
	struct reader reader;
	const char *header;
	char *line;
	int r = reader_open(&reader, file);

	if (r < 0)
		return r;
	reader_content(&reader, &header);
	while (r == 0 && (line = reader_line(&reader)))
		r = unpack_one(&reader, line, dir);
	reader_close(&reader);
	return r;
}

/* n numbers apart by one blank, or as many "none". */
static int read_numbers(const char *text, uint64_t *const *ret, int n, uint64_t none)
{
	if (strcmp(text, "none") == 0) {
		for (int i = 0; i < n; i++)
			*ret[i] = none;
		return 0;
	}
	for (int i = 0; i < n; i++) {
		char *end;

		if (*text < '0' || *text > '9')
			return -EBADMSG;
		errno = 0;
		*ret[i] = strtoull(text, &end, 10);
		if (errno || *end != (i < n - 1 ? ' ' : '\0'))
			return -EBADMSG;
		text = end + 1;
	}
	return 0;
}

/* "\040" to a blank, within the buffer; "-" to "". */
static void unescape_octal(char *text)
{
	char *to = text;

	if (strcmp(text, "-") == 0)
		*text = '\0';
	for (const char *from = text; *from; from++) {
		unsigned value;

		if (*from == '\\' && sscanf(from + 1, "%3o", &value) == 1) {
			*to++ = (char)value;
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static int read_dirs(const char *text, struct tree_expect *expect)
{
	if (sscanf(text, "%4095s %4095s", expect->cpu_dir, expect->memory_dir) != 2)
		return -EBADMSG;
	unescape_octal(expect->cpu_dir);
	unescape_octal(expect->memory_dir);
	return 0;
}

/* One line of the header. *seen is a mask of the keys so far. */
static int read_header(const char *line, struct tree_expect *e, unsigned *seen)
{
	const struct {
		const char *key;
		uint64_t *to[3];
		int n;
		uint64_t none;
	} keys[] = {
		{ "cpus: ", { &e->cpus }, 1, 0 },
		{ "expect cpu ", { &e->quota_us, &e->period_us }, 2, 0 },
		{ "expect memory ", { &e->memory }, 1, TREE_NONE },
		{ "expect high ", { &e->high }, 1, TREE_NONE },
		{ "expect hierarchy ", { &e->cpu_hierarchy, &e->memory_hierarchy }, 2, 0 },
		{ "expect threads ", { &e->threads[0], &e->threads[1], &e->threads[2] }, 3, 0 },
		{ "expect budget ", { &e->budget }, 1, TREE_NONE },
	};
	const char dir[] = "expect dir ";

	*seen |= ~0u << (sizeof(keys) / sizeof(keys[0]));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t n = strlen(keys[i].key);

		if (strncmp(line, keys[i].key, n) != 0)
			continue;
		*seen |= 1u << i;
		return read_numbers(line + n, keys[i].to, keys[i].n, keys[i].none);
	}
	if (strncmp(line, dir, strlen(dir)) == 0)
		return read_dirs(line + strlen(dir), e);
	return strncmp(line, "summary: ", 9) == 0 || strncmp(line, "source: ", 8) == 0 ? 0 : -EBADMSG;
}

int tree_expect_read(const char *file, struct tree_expect *ret)
{
	struct reader reader;
	unsigned seen = 0;
	char *line;
	int r = reader_open(&reader, file);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	while (r == 0 && (line = reader_line(&reader)) && !marker_kind(line))
		r = read_header(line, ret, &seen);
	reader_close(&reader);
	return r < 0 || seen == ~0u ? r : -ENODATA;
}
