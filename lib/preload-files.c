/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-files - views of /proc/meminfo and the like, for programs that read them themselves
 *
 * Only where CGTUNE_FILES asks: a view is a memory file with what the kernel's
 * said when it was opened, and it stays so. Never "possible" and "present",
 * which size arrays by CPU.
 */
#include "env.h"
#include "file.h"
#include "preload.h"
#include "preload-mask.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_BYTES (UINT64_C(1) << 26)
#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* One view while it is made. Not on the stack, which may be small. */
struct view {
	struct file_set files;
	struct file_lines lines;
	unsigned long shown[128];
	size_t words;
	int fd;				/* the memory file */
	bool skipping;			/* within a CPU's block that is not shown */
	bool failed;
	size_t used;
	char out[4096];
};

typedef void line_fn(struct view *view, struct slice line);

static void flush(struct view *view)
{
	for (size_t done = 0; done < view->used && !view->failed;) {
		long n = sys3(SYS_write, view->fd, view->out + done, view->used - done);

		view->failed = n <= 0;
		done += view->failed ? 0 : (size_t)n;
	}
	view->used = 0;
}

static void put(struct view *view, const char *text, size_t n)
{
	while (n && !view->failed) {
		size_t room = sizeof(view->out) - view->used, some = n < room ? n : room;

		memcpy(view->out + view->used, text, some);
		view->used += some;
		text += some;
		n -= some;
		if (view->used == sizeof(view->out))
			flush(view);
	}
}

static void put_line(struct view *view, struct slice line)
{
	put(view, line.text, line.length);
	put(view, "\n", 1);
}

static bool begins(struct slice line, const char *word)
{
	return line.length >= strlen(word) && memcmp(line.text, word, strlen(word)) == 0;
}

/* The first number of a line, and where it starts and ends; false: there is none. */
static bool number(struct slice line, uint64_t *value, size_t *start, size_t *end)
{
	size_t i = 0;

	while (i < line.length && (line.text[i] < '0' || line.text[i] > '9'))
		i++;
	*start = i;
	while (i < line.length && line.text[i] >= '0' && line.text[i] <= '9')
		i++;
	*end = i;
	return parse_u64(line.text + *start, i - *start, value) == 0;
}

static bool is_shown(const struct view *view, uint64_t cpu)
{
	return cpu < view->words * MASK_WORD_BITS &&
	       view->shown[cpu / MASK_WORD_BITS] >> cpu % MASK_WORD_BITS & 1;
}

/* What a line of /proc/meminfo may say at most: the limit, what is left of it, or, of what is
 * shared with the host, nothing. */
static uint64_t most(struct slice line)
{
	static const char *const shared[] = { "Buffers:", "Cached:", "Swap", "SReclaimable:", "KReclaimable:" };
	const struct preload_answers *answers = preload_answers();

	if (begins(line, "MemFree:") || begins(line, "MemAvailable:"))
		return answers->available;
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (begins(line, shared[i]))
			return 0;
	return answers->memory;
}

static void meminfo_line(struct view *view, struct slice line)
{
	char digits[24];
	struct text text = TEXT(digits);
	uint64_t kilobytes, limit = most(line) / 1024;
	size_t start, end;

	if (!number(line, &kilobytes, &start, &end) || kilobytes <= limit || end == line.length) {
		put_line(view, line);
		return;
	}
	text_add_u64(&text, limit);
	put(view, line.text, start);
	for (size_t i = text.length; i < end - start; i++)	/* in its column */
		put(view, " ", 1);
	put(view, digits, text.length);
	put_line(view, (struct slice){ line.text + end, line.length - end });
}

/* Blocks of lines, one a CPU, each ended by an empty line. */
static void cpuinfo_line(struct view *view, struct slice line)
{
	uint64_t cpu;
	size_t start, end;

	if (begins(line, "processor") && number(line, &cpu, &start, &end))
		view->skipping = !is_shown(view, cpu);
	if (!view->skipping)
		put_line(view, line);
	if (line.length == 0)
		view->skipping = false;
}

static void stat_line(struct view *view, struct slice line)
{
	uint64_t cpu;
	size_t start, end;

	if (!begins(line, "cpu") || begins(line, "cpu ") || !number(line, &cpu, &start, &end) ||
	    is_shown(view, cpu))
		put_line(view, line);
}

static void online_line(struct view *view, struct slice line)
{
	char list[24];
	unsigned cpus = (unsigned)(view->words * MASK_WORD_BITS), last;
	bool first = true;

	(void)line;
	for (unsigned cpu = 0; cpu < cpus; cpu = last + 1) {
		struct text text = TEXT(list);

		for (last = cpu; is_shown(view, cpu) && is_shown(view, last + 1);)
			last++;
		if (!is_shown(view, cpu))
			continue;
		text_add(&text, first ? "" : ",");
		text_add_u64(&text, cpu);
		text_add(&text, last > cpu ? "-" : "");
		if (last > cpu)
			text_add_u64(&text, last);
		put(view, list, text.length);
		first = false;
	}
	put(view, "\n", 1);
}

static const struct {
	const char *path;
	bool memory;			/* a view of the memory limit, not of the CPUs */
	line_fn *line;
} files[] = {
	[ENV_FILE_MEMINFO] = { "/proc/meminfo", true, meminfo_line },
	[ENV_FILE_CPUINFO] = { "/proc/cpuinfo", false, cpuinfo_line },
	[ENV_FILE_STAT] = { "/proc/stat", false, stat_line },
	[ENV_FILE_ONLINE] = { "/sys/devices/system/cpu/online", false, online_line },
};

/* Which of the files a path is, if there is a view of it; -1. */
static int which(const char *path, int flags)
{
	const struct preload_answers *answers = preload_answers();

	if (!answers->files || !path || (flags & O_ACCMODE) != O_RDONLY || flags & (O_PATH | O_DIRECTORY))
		return -1;
	for (int i = 0; i < (int)ARRAY_SIZE(files); i++)
		if (answers->files >> i & 1 && strcmp(path, files[i].path) == 0)
			return (files[i].memory ? answers->memory : answers->threads) ? i : -1;
	return -1;
}

/* The memory file, filled from the real one. 0; or an error, and there is none. */
static int fill(struct view *view, int i)
{
	struct slice line;
	int r, words = preload_shown_mask(view->shown, sizeof(view->shown));

	view->words = words < 0 ? 0 : (size_t)words;
	r = file_set_open(&view->files, NULL);
	if (r == 0) {
		r = file_lines_open(&view->lines, &view->files, files[i].path, false, MOST_BYTES);
		while (r >= 0 && (r = file_line(&view->lines, &line)) > 0)
			files[i].line(view, line);
		file_lines_close(&view->lines, &view->files);
	}
	file_set_close(&view->files);
	flush(view);
	/* From now on it can only be read. */
	if (r == 0 && (view->failed || sys3(SYS_lseek, view->fd, 0, SEEK_SET) < 0 ||
		       sys3(SYS_fcntl, view->fd, F_ADD_SEALS, SEALS) < 0))
		r = -EIO;
	return r;
}

int preload_open_view(const char *path, int flags)
{
	int i = which(path, flags), fd = -1;
	struct view *view;
	long room;

	if (i < 0)
		return -1;
	room = sys6(SYS_MMAP, NULL, sizeof(*view), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room < 0 && room > -4096)
		return -1;
	view = (struct view *)room;
	fd = view->fd = (int)sys2(SYS_memfd_create, files[i].path,
				  MFD_ALLOW_SEALING | (flags & O_CLOEXEC ? MFD_CLOEXEC : 0));
	if (fd >= 0 && fill(view, i) < 0) {
		sys1(SYS_close, fd);
		fd = -1;
	}
	sys2(SYS_munmap, view, sizeof(*view));
	return fd < 0 ? -1 : fd;
}
