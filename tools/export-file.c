/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-file - the metrics in a file for node_exporter's textfile collector, which never sees half of one */
#include "export.h"
#include "notify.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t written = write(fd, data, n);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			data += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

/* Beside it under a name that the collector does not read, and then in its place. */
static int replace(const char *file, const struct export_text *text)
{
	char *name;
	int fd, r;

	if (asprintf(&name, "%s.XXXXXX", file) < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(name);
		return r;
	}
	r = write_all(fd, text->data, text->size);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(name, file) < 0)
		r = -errno;
	if (r < 0)
		unlink(name);
	free(name);
	return r;
}

static int write_one(const struct export_options *options, const struct export_table *table)
{
	struct export_text text = { .data = NULL };
	int r;

	export_metrics(table, NULL, EXPORT_TEXT, false, NULL, &text);
	r = text.failed ? -ENOMEM : replace(options->textfile, &text);
	export_text_free(&text);
	return r < 0 ? tool_failed(options->textfile, r) : TOOL_DONE;
}

/* false: a signal says that it is enough. */
static bool wait_for_next(double interval_s, uint64_t begun_ns, const sigset_t *ends)
{
	uint64_t until = begun_ns + (uint64_t)(interval_s * 1e9), now;
	int watchdog_ms = notify_watchdog_ms();

	while ((now = tool_now_ns()) < until) {
		uint64_t rest = until - now;
		struct timespec wait;

		if (watchdog_ms >= 0 && rest > (uint64_t)watchdog_ms * 1000000)
			rest = (uint64_t)watchdog_ms * 1000000;
		wait = (struct timespec){ (time_t)(rest / 1000000000), (long)(rest % 1000000000) };
		if (sigtimedwait(ends, NULL, &wait) > 0)
			return false;
		if (watchdog_ms >= 0)
			notify_send("WATCHDOG=1");
	}
	return true;
}

int export_write_file(const struct export_options *options)
{
	struct export_table table = { .groups = NULL };
	sigset_t ends;
	int status;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (export_prepare(options, &table) < 0) {
		export_table_free(&table);
		return TOOL_FAILED;
	}
	status = write_one(options, &table);
	notify_send("READY=1");
	while (!options->once && wait_for_next(options->interval_s, table.taken_ns, &ends)) {
		int r = export_table_refresh(&table, options);

		status = r < 0 ? tool_failed("the cgroups", r) : write_one(options, &table);
	}
	export_table_free(&table);
	return status;
}
