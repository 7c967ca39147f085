/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log - messages to the caller's logger, to stderr where CGTUNE_LOG asks, else to nobody */
#include "log.h"
#include "sys.h"
#include "util.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static struct {
	void (*fn)(int level, const char *text, void *user);
	void *user;
} logger;
static _Atomic int stderr_level;

_public_ void cgtune_set_logger(void (*fn)(int level, const char *text, void *user), void *user)
{
	logger.user = user;
	logger.fn = fn;
}

void log_configure(const struct env *env)
{
	stderr_level = env_has(env, ENV_LOG) ? (int)env->value[ENV_LOG] : 0;
}

bool log_wants(int level)
{
	return stderr_level >= level;
}

/* One write(2), so that lines of several threads do not mix. */
void log_message(int level, const char *message)
{
	char line[1024];
	struct text text = TEXT(line);

	if (logger.fn) {
		logger.fn(level, message, logger.user);
		return;
	}
	if (level > stderr_level)
		return;
	text_add(&text, "cgtune: ");
	text_add(&text, message);
	/* A file's or a variable's bytes may be a terminal's commands, or a forged line. */
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127 ||
		    ((line[i] & 0xE0) == 0x80 && i && line[i - 1] == '\xC2'))
			line[i] = '?';
	if (text.length + 1 == text.size)
		text.length--;
	line[text.length++] = '\n';
	sys3(SYS_write, STDERR_FILENO, line, text.length);
}

void log_report(const struct cgtune_report *report, void *user)
{
	char message[1024];
	struct text text = TEXT(message);

	(void)user;
	if (report->file || report->variable) {
		text_add(&text, report->file ? report->file : report->variable);
		if (report->value) {
			text_add(&text, "=");
			text_add(&text, report->value);
		}
		text_add(&text, ": ");
	}
	text_add(&text, report->text);
	log_message(report->kind == CGTUNE_REPORT_WARNING ? CGTUNE_LOG_WARNING : CGTUNE_LOG_DEBUG, message);
}
