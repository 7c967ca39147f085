/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-proto - the wire format of protocol buffers, as far as io.prometheus.client.MetricFamily needs it
 *
 * By hand, as a compiler of schemas and its library would want a tree in memory for each
 * series, and this appends. Field numbers are those of client_model's metrics.proto.
 */
#include "export.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_DOUBLE = 1, WIRE_BYTES = 2 };

/* A length that is not known yet takes so many bytes: to 2^28. */
#define LENGTH_BYTES 4

/* Of Histogram. */
enum { SCHEMA = 5, ZERO_THRESHOLD = 6, ZERO_COUNT = 7, POSITIVE_SPAN = 12, POSITIVE_DELTA = 13 };
enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };

static void add_varint(struct export_text *text, uint64_t n)
{
	unsigned char room[10];
	size_t i = 0;

	for (; n >= 0x80; n >>= 7)
		room[i++] = (unsigned char)(n | 0x80);
	room[i++] = (unsigned char)n;
	export_text_add(text, room, i);
}

static void add_key(struct export_text *text, unsigned field, enum wire wire)
{
	add_varint(text, field << 3 | wire);
}

void export_proto_varint(struct export_text *text, unsigned field, uint64_t n)
{
	add_key(text, field, WIRE_VARINT);
	add_varint(text, n);
}

static uint64_t zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
}

void export_proto_signed(struct export_text *text, unsigned field, int64_t n)
{
	export_proto_varint(text, field, zigzag(n));
}

void export_proto_double(struct export_text *text, unsigned field, double n)
{
	unsigned char room[8];
	uint64_t bits;

	memcpy(&bits, &n, sizeof(bits));
	for (int i = 0; i < 8; i++, bits >>= 8)
		room[i] = (unsigned char)bits;
	add_key(text, field, WIRE_DOUBLE);
	export_text_add(text, room, sizeof(room));
}

void export_proto_string(struct export_text *text, unsigned field, const char *string)
{
	add_key(text, field, WIRE_BYTES);
	add_varint(text, strlen(string));
	export_text_string(text, string);
}

size_t export_proto_begin(struct export_text *text, unsigned field)
{
	static const char length[LENGTH_BYTES];

	if (field)
		add_key(text, field, WIRE_BYTES);
	export_text_add(text, length, sizeof(length));
	return text->size;
}

/* The varint is as long as the room for it: bytes that only say that more follow. */
void export_proto_end(struct export_text *text, size_t at)
{
	size_t n = text->size - at;

	if (text->failed)
		return;
	for (int i = LENGTH_BYTES; i > 0; i--, n >>= 7)
		text->data[at - (size_t)i] = (char)((n & 0x7f) | (i > 1 ? 0x80 : 0));
}

/*
 * The native histogram. Its bounds are powers of two of a second, and the counts' are of a
 * microsecond, which no schema has: 2^n us are 1.049 * 2^(n - 20) s. The counts below 2^n us
 * are told as those up to 2^(n - 20) s, 4.9 % less than they may be; the classic
 * buckets, which stand beside, are exact.
 */
void export_proto_histogram(struct export_text *text, struct export_stops stops)
{
	int first = CGTUNE_PROBE_HIST, last = -1;
	uint64_t before = 0;
	size_t at;

	for (int i = 0; i < CGTUNE_PROBE_HIST; i++) {
		if (!stops.hist[i])
			continue;
		first = first < i ? first : i;
		last = i;
	}
	export_proto_signed(text, SCHEMA, 0);
	export_proto_double(text, ZERO_THRESHOLD, 0x1p-128);	/* above 0: that makes an empty one native */
	export_proto_varint(text, ZERO_COUNT, 0);
	if (last < 0)
		return;
	at = export_proto_begin(text, POSITIVE_SPAN);
	export_proto_signed(text, SPAN_OFFSET, first + 1 - 20);	/* bucket k ends at 2^k s */
	export_proto_varint(text, SPAN_LENGTH, (uint64_t)last - (uint64_t)first + 1);
	export_proto_end(text, at);
	at = export_proto_begin(text, POSITIVE_DELTA);
	for (int i = first; i <= last; i++) {
		add_varint(text, zigzag((int64_t)(stops.hist[i] - before)));
		before = stops.hist[i];
	}
	export_proto_end(text, at);
}
