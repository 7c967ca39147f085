/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-export - any request to `cgtune export`, and a cgroup of any name in what it answers
 *
 * Strings: method, path, Accept, cgroup, depth, and the name of a group. What is written has one sample, a line of it, and
 * messages that end where they say, whatever the name is.
 */
#include "fuzz.h"
#include "export.h"
#include "tool.h"

static void test_request(char *const words[5])
{
	struct export_request request;
	int status = export_request_parse(words[0], words[1], words[2], *words[3] ? words[3] : NULL,
					  *words[4] ? words[4] : NULL, &request);

	CLAIM(status == 200 || status == 400 || status == 404 || status == 405);
	if (status != 200)
		return;
	CLAIM(request.page <= EXPORT_PAGE_ROOT && request.format <= EXPORT_PROTOBUF);
	CLAIM(strcmp(request.cgroup, words[3]) == 0 && (!*request.cgroup || *request.cgroup == '/'));
	CLAIM(request.depth == EXPORT_DEPTH_ALL || request.depth < 1000000);
}

/* From a quote to the next that has no backslash before it; where the text goes on. */
static const char *skip_value(const char *at, const char *end)
{
	CLAIM(at < end && *at++ == '"');
	while (at < end && *at != '"') {
		CLAIM(*at != '\n');
		if (*at++ == '\\') {
			CLAIM(at < end && strchr("\\\"n", *at));
			at++;
		}
	}
	CLAIM(at < end);
	return at + 1;
}

/* name="value",...: all of it, and in UTF-8. */
static void test_labels(const struct export_text *text)
{
	const char *at = text->data, *end = at + text->size;
	char *copy = strndup(at, text->size);

	CLAIM(copy && strlen(copy) == text->size);
	for (char *c = copy; *c; c += tool_utf8_length(c))
		CLAIM(tool_utf8_length(c) > 0);
	free(copy);
	while (at < end) {
		size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz_");

		CLAIM(n && at[n] == '=');
		at = skip_value(at + n + 1, end);
		CLAIM(at == end || *at++ == ',');
	}
}

static uint64_t read_varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t n = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		CLAIM(*at < end);
		n |= (uint64_t)(**at & 0x7f) << shift;
		if (!(*(*at)++ & 0x80))
			return n;
	}
	CLAIM(!"a varint of ten bytes");
	return 0;
}

/* Fields to the end, and none beyond it; deep: what is in those that are messages here. */
static void test_message(const uint8_t *at, const uint8_t *end, int deep)
{
	while (at < end) {
		uint64_t key = read_varint(&at, end), n;

		if ((key & 7) == 0) {
			read_varint(&at, end);
			continue;
		}
		n = (key & 7) == 1 ? 8 : read_varint(&at, end);
		CLAIM(((key & 7) == 1 || (key & 7) == 2) && n <= (uint64_t)(end - at));
		if (deep && (key & 7) == 2 && key >> 3 == (deep == 2 ? 4 : 1))
			test_message(at, at + n, deep - 1);
		at += n;
	}
}

static void test_answer(const struct export_labels *labels, enum export_format format)
{
	static const struct export_family family = { "x", EXPORT_COUNTER, NULL, "X." };
	const struct export_label extra = { "y", (char *)"z" };
	struct export_text text = { .data = NULL };
	struct export_writer writer = { .text = &text, .format = format, .created = true };

	export_write_family(&writer, &family);
	export_write_sample(&writer, labels, &extra, (struct export_value){ EXPORT_NS, 1500000000, 0 }, 0);
	export_write_end(&writer);
	CLAIM(!text.failed);
	if (format == EXPORT_PROTOBUF) {
		const uint8_t *at = (const uint8_t *)text.data, *end = at + text.size;

		CLAIM(read_varint(&at, end) == (uint64_t)(end - at));
		test_message(at, end, 2);
	} else {
		unsigned lines = 0;

		for (size_t i = 0; i < text.size; i++)
			lines += text.data[i] == '\n';
		CLAIM(lines == (format == EXPORT_TEXT ? 3 : 4) && text.data[text.size - 1] == '\n');
	}
	export_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct export_labels labels;
	char *words[6];

	for (int i = 0; i < 6; i++)
		words[i] = input_string(&in);
	test_request(words);
	CLAIM(export_labels_make(words[5], *words[4] ? words[4] : NULL, &labels));
	test_labels(&labels.text);
	test_message((const uint8_t *)labels.proto.data, (const uint8_t *)labels.proto.data + labels.proto.size, 0);
	for (int format = EXPORT_TEXT; format <= EXPORT_PROTOBUF; format++)
		test_answer(&labels, (enum export_format)format);
	export_labels_free(&labels);
	for (int i = 0; i < 6; i++)
		free(words[i]);
	return 0;
}
