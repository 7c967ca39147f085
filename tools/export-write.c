/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-write - metric families and their samples, in Prometheus' text 0.0.4, OpenMetrics 1.0 or its protocol buffers */
#include "export.h"

#include <stdio.h>
#include <string.h>

/* Fields of MetricFamily, Metric, LabelPair, Histogram and Bucket; Counter and Gauge have a value alone. */
enum { FAMILY_NAME = 1, FAMILY_HELP, FAMILY_TYPE, FAMILY_METRIC };
enum { METRIC_LABEL = 1, METRIC_GAUGE = 2, METRIC_COUNTER = 3, METRIC_HISTOGRAM = 7 };
enum { LABEL_NAME = 1, LABEL_VALUE = 2, VALUE = 1, COUNTER_CREATED = 3, SECONDS = 1, NANOS = 2 };
enum { HISTOGRAM_COUNT = 1, HISTOGRAM_SUM, HISTOGRAM_BUCKET, HISTOGRAM_CREATED = 15 };
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2 };
enum { TYPE_COUNTER = 0, TYPE_GAUGE = 1, TYPE_HISTOGRAM = 4 };

/* Stops shorter than 64 us or longer than two minutes are told in one bucket each: the scheduler's
 * tick is longer, and so is no period. */
enum { BUCKET_FIRST = 5, BUCKET_LAST = 26 };

/* Upper bounds of the counts BUCKET_FIRST .. BUCKET_LAST, 2^(n + 1) us, as a float is written by Prometheus. */
static const char *const bounds[] = {
	"6.4e-05", "0.000128", "0.000256", "0.000512", "0.001024", "0.002048", "0.004096", "0.008192", "0.016384",
	"0.032768", "0.065536", "0.131072", "0.262144", "0.524288", "1.048576", "2.097152", "4.194304", "8.388608",
	"16.777216", "33.554432", "67.108864", "134.217728",
};
_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == BUCKET_LAST - BUCKET_FIRST + 1, "bounds");
_Static_assert(BUCKET_LAST < CGTUNE_PROBE_HIST, "counts");

static void add_line(struct export_writer *writer, const char *what, const char *name, const char *suffix, const char *rest)
{
	const char *const words[] = { "# ", what, " ", name, suffix, " ", rest, "\n" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		export_text_string(writer->text, words[i]);
}

/* What a sample's name, and in the older formats a family's, has at its end. */
static const char *suffix_of(enum export_kind kind)
{
	return kind == EXPORT_COUNTER ? "_total" : kind == EXPORT_INFO ? "_info" : "";
}

static void begin_text(struct export_writer *writer, const struct export_family *family)
{
	static const char *const types[2][4] = {
		{ "counter", "gauge", "histogram", "gauge" },
		{ "counter", "gauge", "histogram", "info" },
	};
	bool open = writer->format == EXPORT_OPENMETRICS;
	const char *suffix = open ? "" : suffix_of(family->kind);

	add_line(writer, "HELP", family->name, suffix, family->help);
	add_line(writer, "TYPE", family->name, suffix, types[open][family->kind]);
	if (open && family->unit)
		add_line(writer, "UNIT", family->name, suffix, family->unit);
}

static void begin_proto(struct export_writer *writer, const struct export_family *family)
{
	static const int types[] = { TYPE_COUNTER, TYPE_GAUGE, TYPE_HISTOGRAM, TYPE_GAUGE };
	char name[128];

	snprintf(name, sizeof(name), "%s%s", family->name, suffix_of(family->kind));
	writer->at = export_proto_begin(writer->text, 0);
	export_proto_string(writer->text, FAMILY_NAME, name);
	export_proto_string(writer->text, FAMILY_HELP, family->help);
	export_proto_varint(writer->text, FAMILY_TYPE, (uint64_t)types[family->kind]);
}

static void end_family(struct export_writer *writer)
{
	if (writer->family && writer->format == EXPORT_PROTOBUF)
		export_proto_end(writer->text, writer->at);
	writer->family = NULL;
}

void export_write_family(struct export_writer *writer, const struct export_family *family)
{
	end_family(writer);
	(writer->format == EXPORT_PROTOBUF ? begin_proto : begin_text)(writer, family);
	writer->family = family;
}

void export_write_end(struct export_writer *writer)
{
	end_family(writer);
	if (writer->format == EXPORT_OPENMETRICS)
		export_text_string(writer->text, "# EOF\n");
}

static void add_value(struct export_text *text, struct export_value value)
{
	if (value.unit == EXPORT_COUNT)
		export_text_number(text, value.n);
	else if (value.unit == EXPORT_NS)
		export_text_seconds(text, value.n);
	else
		export_text_fraction(text, value.ratio);
}

static double to_double(struct export_value value)
{
	return value.unit == EXPORT_COUNT ? (double)value.n : value.unit == EXPORT_NS ? (double)value.n / 1e9 : value.ratio;
}

/* NAME SUFFIX {LABELS,EXTRA} VALUE */
static void add_sample(struct export_writer *writer, const char *suffix, const struct export_labels *labels,
		       const struct export_label *extra, struct export_value value)
{
	struct export_text *text = writer->text;
	bool braces = (labels && labels->text.size) || extra;

	export_text_string(text, writer->family->name);
	export_text_string(text, suffix);
	if (braces)
		export_text_add(text, "{", 1);
	if (labels)
		export_text_add(text, labels->text.data, labels->text.size);
	if (extra) {
		if (labels && labels->text.size)
			export_text_add(text, ",", 1);
		export_text_string(text, extra->name);
		export_text_add(text, "=\"", 2);
		export_labels_escape(extra->value, text);
		export_text_add(text, "\"", 1);
	}
	if (braces)
		export_text_add(text, "}", 1);
	export_text_add(text, " ", 1);
	add_value(text, value);
	export_text_add(text, "\n", 1);
}

static void add_created(struct export_writer *writer, const struct export_labels *labels,
			const struct export_label *extra, uint64_t since_ms)
{
	if (writer->format == EXPORT_OPENMETRICS && writer->created && since_ms)
		add_sample(writer, "_created", labels, extra, (struct export_value){ EXPORT_NS, since_ms * 1000000, 0 });
}

static void proto_labels(struct export_text *text, const struct export_labels *labels, const struct export_label *extra)
{
	size_t at;

	if (labels)
		export_text_add(text, labels->proto.data, labels->proto.size);
	if (!extra)
		return;
	at = export_proto_begin(text, METRIC_LABEL);
	export_proto_string(text, LABEL_NAME, extra->name);
	export_proto_string(text, LABEL_VALUE, extra->value);
	export_proto_end(text, at);
}

static void proto_created(struct export_text *text, unsigned field, uint64_t since_ms)
{
	size_t at;

	if (!since_ms)
		return;
	at = export_proto_begin(text, field);
	export_proto_varint(text, SECONDS, since_ms / 1000);
	export_proto_varint(text, NANOS, since_ms % 1000 * 1000000);
	export_proto_end(text, at);
}

static void proto_sample(struct export_writer *writer, const struct export_labels *labels,
			 const struct export_label *extra, struct export_value value, uint64_t since_ms)
{
	struct export_text *text = writer->text;
	bool counter = writer->family->kind == EXPORT_COUNTER;
	size_t metric = export_proto_begin(text, FAMILY_METRIC), at;

	proto_labels(text, labels, extra);
	at = export_proto_begin(text, counter ? METRIC_COUNTER : METRIC_GAUGE);
	export_proto_double(text, VALUE, to_double(value));
	if (counter)
		proto_created(text, COUNTER_CREATED, since_ms);
	export_proto_end(text, at);
	export_proto_end(text, metric);
}

void export_write_sample(struct export_writer *writer, const struct export_labels *labels,
			 const struct export_label *extra, struct export_value value, uint64_t since_ms)
{
	if (writer->format == EXPORT_PROTOBUF) {
		proto_sample(writer, labels, extra, value, since_ms);
		return;
	}
	add_sample(writer, suffix_of(writer->family->kind), labels, extra, value);
	if (writer->family->kind == EXPORT_COUNTER)
		add_created(writer, labels, extra, since_ms);
}

/* Counts below each bound: cumulative. ret[BUCKET_LAST + 1 - BUCKET_FIRST]: all of them. */
static void cumulate(const uint64_t *hist, uint64_t ret[BUCKET_LAST - BUCKET_FIRST + 2])
{
	uint64_t below = 0;

	for (int i = 0; i < CGTUNE_PROBE_HIST; i++) {
		below += hist[i];
		if (i >= BUCKET_FIRST)
			ret[(i < BUCKET_LAST + 1 ? i : BUCKET_LAST + 1) - BUCKET_FIRST] = below;
	}
}

static void proto_histogram(struct export_writer *writer, const struct export_labels *labels, struct export_stops stops,
			    const uint64_t *below, uint64_t since_ms)
{
	struct export_text *text = writer->text;
	size_t metric = export_proto_begin(text, FAMILY_METRIC), at, bucket;

	proto_labels(text, labels, NULL);
	at = export_proto_begin(text, METRIC_HISTOGRAM);
	export_proto_varint(text, HISTOGRAM_COUNT, below[BUCKET_LAST + 1 - BUCKET_FIRST]);
	export_proto_double(text, HISTOGRAM_SUM, (double)stops.ns / 1e9);
	for (int i = BUCKET_FIRST; i <= BUCKET_LAST; i++) {
		bucket = export_proto_begin(text, HISTOGRAM_BUCKET);
		export_proto_varint(text, BUCKET_COUNT, below[i - BUCKET_FIRST]);
		export_proto_double(text, BUCKET_BOUND, (double)(2ULL << i) / 1e6);
		export_proto_end(text, bucket);
	}
	export_proto_histogram(text, stops);
	proto_created(text, HISTOGRAM_CREATED, since_ms);
	export_proto_end(text, at);
	export_proto_end(text, metric);
}

void export_write_histogram(struct export_writer *writer, const struct export_labels *labels, struct export_stops stops,
			    uint64_t since_ms)
{
	uint64_t below[BUCKET_LAST - BUCKET_FIRST + 2] = { 0 };
	size_t n = sizeof(bounds) / sizeof(bounds[0]);

	cumulate(stops.hist, below);
	if (writer->format == EXPORT_PROTOBUF) {
		proto_histogram(writer, labels, stops, below, since_ms);
		return;
	}
	for (size_t i = 0; i <= n; i++) {
		const struct export_label bound = { "le", (char *)(i < n ? bounds[i] : "+Inf") };

		add_sample(writer, "_bucket", labels, &bound, (struct export_value){ EXPORT_COUNT, below[i], 0 });
	}
	add_sample(writer, "_sum", labels, NULL, (struct export_value){ EXPORT_NS, stops.ns, 0 });
	add_sample(writer, "_count", labels, NULL, (struct export_value){ EXPORT_COUNT, below[n], 0 });
	add_created(writer, labels, NULL, since_ms);
}

const char *export_content_type(enum export_format format)
{
	static const char *const types[] = {
		"text/plain; version=0.0.4; charset=utf-8",
		"application/openmetrics-text; version=1.0.0; charset=utf-8",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	};

	return types[format];
}
