/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export - what the parts of `cgtune export` share: which groups, what is known of each, in which format it is written */
#ifndef CGTUNE_EXPORT_H
#define CGTUNE_EXPORT_H

#include "cgtune-probe.h"
#include "rows.h"

#include <limits.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORT_DEPTH_ALL UINT_MAX

/* ---- export-text.c: bytes that grow */

struct export_text {
	char *data;
	size_t size, room;
	bool failed;			/* there was no memory for all of it */
};

/* Room for n bytes more; false: there is none. */
bool export_text_room(struct export_text *text, size_t n);

static inline void export_text_add(struct export_text *text, const void *bytes, size_t n)
{
	if (!n || (text->room - text->size < n && !export_text_room(text, n)))
		return;
	memcpy(text->data + text->size, bytes, n);
	text->size += n;
}

void export_text_string(struct export_text *text, const char *string);
void export_text_number(struct export_text *text, uint64_t n);
/* Nanoseconds as seconds: every digit, none of them made up by a floating-point number. */
void export_text_seconds(struct export_text *text, uint64_t ns);
void export_text_fraction(struct export_text *text, double n);
void export_text_free(struct export_text *text);

/* ---- export-labels.c: what a cgroup's path and name tell, as labels */

struct export_label {
	const char *name;
	char *value;
};

enum { EXPORT_LABELS_MOST = 4 };

/* In both encodings, as each series of the group has them. */
struct export_labels {
	struct export_text text;	/* cgroup="/a",pod_uid="..." */
	struct export_text proto;	/* LabelPairs of a Metric */
};

/* name: or NULL. false: out of memory. */
bool export_labels_make(const char *path, const char *name, struct export_labels *ret);
void export_labels_add(struct export_labels *to, const struct export_label *label);
void export_labels_free(struct export_labels *labels);
/* A label's value between quotes. */
void export_labels_escape(const char *value, struct export_text *to);

/* ---- export-filter.c: which groups are told of */

struct export_filter {
	const char *cgroup;		/* this one and those below; NULL: all */
	unsigned depth;			/* levels below it, or EXPORT_DEPTH_ALL */
	const regex_t *name, *except;	/* the path has the one, and not the other; NULL: any, none */
};

bool export_filter_takes(const struct export_filter *filter, const char *path);

/* ---- export-table.c: the groups, from look to look */

struct export_group {
	char *path;
	char *name;			/* that a container engine gave it, of one that is shown; NULL: none */
	bool shown;			/* the operator's filter takes it */
	bool has_cpu, has_memory;
	bool has_histogram;		/* its quota stops it, or might */
	uint64_t id, memory_id;		/* 0: not in that hierarchy */
	uint64_t since_ms;		/* CLOCK_REALTIME when it was not there yet; 0: it was before the first look */
	uint64_t cpu_changes, memory_changes;	/* of its limits, between looks */
	size_t parent;			/* SIZE_MAX: none is seen */
	struct export_labels labels;	/* of one that is shown */
	struct row_cpu cpu;
	struct row_memory memory;
	struct row_cpu cpu_least;	/* quota_us and period_us: the tightest of it and those above */
	uint64_t memory_least, high_least;
	uint64_t threads, budget;	/* what cgtune makes of those */
	struct cgtune_stalls stalls;
	uint64_t sleeps, sleep_ns;	/* over memory.high, from the probe; or CGTUNE_UNKNOWN */
};

struct export_table {
	struct export_group *groups;	/* by path */
	size_t count, shown;
	const char *source;		/* "iterator" or "files" */
	const char *rung;		/* of the probe; "none" */
	struct cgtune_probe_state state;	/* of that probe */
	bool has_state;
	uint64_t taken_ns;		/* CLOCK_MONOTONIC of the look */
	uint64_t taken_ms;		/* CLOCK_REALTIME of it */
	uint64_t loaded_ns, loaded_ms;	/* of the probe's start, by both clocks */
	uint32_t cpu_hierarchy, memory_hierarchy;
	uint64_t hidden;		/* groups that the filter leaves out */
};

struct export_options {
	const char *listen, *textfile, *user, *bpffs, *name, *except;
	struct export_filter filter;
	double interval_s;
	unsigned timeout_s;		/* for a client to ask, and to take the answer */
	bool once, files, created;
};

/* Look at all groups again. 0 or -errno: the table has what could be had, or what it had before. */
int export_table_refresh(struct export_table *table, const struct export_options *options);
void export_table_free(struct export_table *table);

/* ---- export-walk.c and export-stalls.c, or in a build without BPF export-none.c */

/* What needs privilege: the kernel's iterator of cgroups is loaded. 0 or -errno: files have to do. */
int export_walk_open(void);
/* All groups by it. The paths stay until the next call; rows is to be freed, they are not. */
int export_walk(struct rows *ret);
void export_walk_close(void);

/* Look for the probe, or whether it still counts; fills the table's rung and state. */
void export_stalls_look(const char *bpffs, struct export_table *table);
/* The probe's counts of a group, zeros where nothing has happened to it. */
void export_stalls_take(const struct export_table *table, struct export_group *group);
void export_stalls_close(void);

/* ---- export-metrics.c: all of it, in a format */

enum export_format { EXPORT_TEXT, EXPORT_OPENMETRICS, EXPORT_PROTOBUF };

/* What the server counts of itself. */
struct export_served {
	uint64_t answers[3];		/* 2xx, 4xx, 5xx */
	uint64_t late, crowded;		/* connections closed: no request in time, no room for more */
};

void export_metrics(const struct export_table *table, const struct export_filter *filter, enum export_format format,
		    bool created, const struct export_served *served, struct export_text *ret);
const char *export_content_type(enum export_format format);

/* ---- export-write.c: families and samples in a format */

enum export_kind { EXPORT_COUNTER, EXPORT_GAUGE, EXPORT_HISTOGRAM, EXPORT_INFO };

struct export_family {
	const char *name;		/* without _total, _info */
	enum export_kind kind;
	const char *unit;		/* last word of the name, or NULL */
	const char *help;
};

enum export_unit { EXPORT_COUNT, EXPORT_NS, EXPORT_RATIO };

struct export_value {
	enum export_unit unit;
	uint64_t n;			/* a count, or nanoseconds that are told as seconds */
	double ratio;
};

struct export_writer {
	struct export_text *text;
	enum export_format format;
	bool created;			/* OpenMetrics: tell since when a counter counts */
	const struct export_family *family;
	size_t at;			/* of the family in the text, to be closed */
};

struct export_stops {
	const uint64_t *hist;		/* CGTUNE_PROBE_HIST counts by powers of two, in microseconds */
	uint64_t ns;			/* their sum */
};

void export_write_family(struct export_writer *writer, const struct export_family *family);
/* labels: or NULL; extra: one more, or NULL; since_ms: 0: not known. */
void export_write_sample(struct export_writer *writer, const struct export_labels *labels,
			 const struct export_label *extra, struct export_value value, uint64_t since_ms);
void export_write_histogram(struct export_writer *writer, const struct export_labels *labels,
			    struct export_stops stops, uint64_t since_ms);
void export_write_end(struct export_writer *writer);

/* ---- export-proto.c: the wire format of protocol buffers */

void export_proto_varint(struct export_text *text, unsigned field, uint64_t n);
void export_proto_signed(struct export_text *text, unsigned field, int64_t n);
void export_proto_double(struct export_text *text, unsigned field, double n);
void export_proto_string(struct export_text *text, unsigned field, const char *string);
/* A message within a message: end() takes what begin() gave. Field 0: one of a stream, with its length alone. */
size_t export_proto_begin(struct export_text *text, unsigned field);
void export_proto_end(struct export_text *text, size_t at);
void export_proto_histogram(struct export_text *text, struct export_stops stops);

/* ---- export-request.c: what a client may ask for */

enum export_page { EXPORT_PAGE_METRICS, EXPORT_PAGE_HEALTH, EXPORT_PAGE_ROOT };

struct export_request {
	enum export_page page;
	enum export_format format;
	char cgroup[4096];		/* "": all */
	unsigned depth;
};

/* The HTTP status: 200, or what is wrong with it. Arguments may be NULL, but for method and path. */
int export_request_parse(const char *method, const char *path, const char *accept, const char *cgroup,
			 const char *depth, struct export_request *ret);
enum export_format export_request_accept(const char *accept);
int export_request_depth(const char *text, unsigned *ret);

/* ---- export-http.c, or without libmicrohttpd export-http-none.c; export-file.c. An exit status. */

int export_serve(const struct export_options *options);
int export_write_file(const struct export_options *options);

/* export.c: open what needs privilege, look for the first time, then become the user. 0; below: said why not. */
int export_prepare(const struct export_options *options, struct export_table *table);

#endif
