/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text - why something failed, in the caller's room: a sentence, then what libbpf and the verifier say */
#include "probe.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

/* libbpf has one print function for all threads: what others print goes where it went before. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static libbpf_print_fn_t before;
static __thread struct probe_text *current;

__attribute__((format(printf, 2, 0)))
static void append(struct probe_text *text, const char *format, va_list arguments)
{
	int n;

	if (!text->size || text->length + 1 >= text->size)
		return;
	n = vsnprintf(text->buffer + text->length, text->size - text->length, format, arguments);
	if (n > 0)
		text->length = util_min(text->length + (size_t)n, text->size - 1);
}

__attribute__((format(printf, 2, 0)))
static int collect(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (!current)
		return before ? before(level, format, arguments) : 0;
	if (level != LIBBPF_DEBUG)
		append(current, format, arguments);
	return 0;
}

void probe_text_begin(struct probe_text *text, const struct cgtune_probe_options *options)
{
	*text = (struct probe_text){ .buffer = options->text, .size = options->text ? options->text_size : 0 };
	if (text->size)
		text->buffer[0] = '\0';
	current = text;
	pthread_mutex_lock(&mutex);
	if (users++ == 0)
		before = libbpf_set_print(collect);
	pthread_mutex_unlock(&mutex);
}

void probe_text_end(void)
{
	pthread_mutex_lock(&mutex);
	if (--users == 0)
		libbpf_set_print(before);
	pthread_mutex_unlock(&mutex);
	current = NULL;
}

int probe_says(struct probe_text *text, int error, const char *format, ...)
{
	char line[PROBE_PATH + 256];
	size_t n, most;
	va_list arguments;

	if (!text->size)
		return error;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	n = util_min(strlen(line), text->size - 1);
	most = text->size - 1 - n;
	text->length = util_min(text->length, most);
	memmove(text->buffer + n, text->buffer, text->length);
	memcpy(text->buffer, line, n);
	text->length += n;
	text->buffer[text->length] = '\0';
	return error;
}
