/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table - the variables of language runtimes: which, with what value, and which of them are ours */
#include "table.h"
#include "util.h"

#include <string.h>

#define MEMORY_LEAST (UINT64_C(64) << 20)	/* runtimes cannot be squeezed into less */

/* A value is written only for a resource that is tuned; "" is none. */
typedef void value_fn(const struct table_input *in, struct text *value);

static bool has_cpu(const struct table_input *in)
{
	return in->plan->tuned & CGTUNE_CPU;
}

static bool has_memory(const struct table_input *in, uint64_t bytes)
{
	return in->plan->tuned & CGTUNE_MEMORY && bytes != CGTUNE_UNLIMITED && bytes >= MEMORY_LEAST;
}

/* Three quarters of the limit: the rest is the runtime's own, outside its heap. */
static uint64_t heap(const struct table_input *in)
{
	return in->memory / 4 * 3;
}

static void threads(const struct table_input *in, struct text *value)
{
	if (has_cpu(in))
		text_add_u64(value, in->plan->threads);
}

/* Go 1.25 runs at least 2, for its garbage collector beside the program. */
static void gomaxprocs(const struct table_input *in, struct text *value)
{
	uint32_t n = in->plan->threads < 2 ? 2 : in->plan->threads;

	if (has_cpu(in))
		text_add_u64(value, util_min(n, in->plan->cpus));
}

static void gomemlimit(const struct table_input *in, struct text *value)
{
	if (!has_memory(in, in->plan->memory))
		return;
	text_add_u64(value, in->plan->memory >> 20);
	text_add(value, "MiB");
}

/* Numbers of .NET's garbage collector are hexadecimal. */
static void dotnet_heap(const struct table_input *in, struct text *value)
{
	char digits[17], *p = digits + sizeof(digits) - 1;

	if (!has_memory(in, in->memory))
		return;
	*p = '\0';
	for (uint64_t bytes = heap(in); bytes; bytes /= 16)
		*--p = "0123456789ABCDEF"[bytes % 16];
	text_add(value, p);
}

static void java(const struct table_input *in, struct text *value)
{
	if (has_cpu(in)) {
		text_add(value, "-XX:ActiveProcessorCount=");
		text_add_u64(value, in->plan->threads);
	}
	if (!has_memory(in, in->memory))
		return;
	text_add(value, value->length ? " -XX:MaxRAM=" : "-XX:MaxRAM=");
	text_add_u64(value, in->memory >> 20);
	text_add(value, "m");
}

static void node(const struct table_input *in, struct text *value)
{
	if (!has_memory(in, in->memory))
		return;
	text_add(value, "--max-old-space-size=");
	text_add_u64(value, heap(in) >> 20);
}

/* Not ERL_FLAGS, which would win over the user's own +S. */
static void erlang(const struct table_input *in, struct text *value)
{
	if (!has_cpu(in))
		return;
	text_add(value, "+S ");
	threads(in, value);
	text_add(value, ":");
	threads(in, value);
}

static void magick_memory(const struct table_input *in, struct text *value)
{
	if (!has_memory(in, in->memory))
		return;
	text_add_u64(value, in->memory / 2 >> 20);
	text_add(value, "MiB");
}

static const struct {
	const char *name;
	enum env_group group;
	value_fn *value;
} variables[TABLE_VARIABLES] = {
	{ "OMP_NUM_THREADS", ENV_GROUP_DEFAULT, threads },
	{ "GOMAXPROCS", ENV_GROUP_DEFAULT, gomaxprocs },
	{ "GOMEMLIMIT", ENV_GROUP_DEFAULT, gomemlimit },
	{ "OPENBLAS_NUM_THREADS", ENV_GROUP_BLAS, threads },
	{ "MKL_NUM_THREADS", ENV_GROUP_BLAS, threads },
	{ "BLIS_NUM_THREADS", ENV_GROUP_BLAS, threads },
	{ "NUMEXPR_NUM_THREADS", ENV_GROUP_BLAS, threads },
	{ "NUMEXPR_MAX_THREADS", ENV_GROUP_BLAS, threads },
	{ "RAYON_NUM_THREADS", ENV_GROUP_RUST, threads },
	{ "TOKIO_WORKER_THREADS", ENV_GROUP_RUST, threads },
	{ "POLARS_MAX_THREADS", ENV_GROUP_RUST, threads },
	{ "DOTNET_PROCESSOR_COUNT", ENV_GROUP_DOTNET, threads },
	{ "DOTNET_GCHeapHardLimit", ENV_GROUP_DOTNET, dotnet_heap },
	{ "JAVA_TOOL_OPTIONS", ENV_GROUP_JAVA, java },
	{ "NODE_OPTIONS", ENV_GROUP_NODE, node },
	{ "ERL_AFLAGS", ENV_GROUP_ERLANG, erlang },
	{ "MAGICK_THREAD_LIMIT", ENV_GROUP_MAGICK, threads },
	{ "MAGICK_MEMORY_LIMIT", ENV_GROUP_MAGICK, magick_memory },
	{ "CMAKE_BUILD_PARALLEL_LEVEL", ENV_GROUP_BUILD, threads },
	{ "CARGO_BUILD_JOBS", ENV_GROUP_BUILD, threads },
	{ "CTEST_PARALLEL_LEVEL", ENV_GROUP_BUILD, threads },
	{ "PYTHON_CPU_COUNT", ENV_GROUP_PYTHON, threads },
};

const char *table_name(unsigned i)
{
	return variables[i].name;
}

uint64_t table_memory(const struct cgtune_limits *limits)
{
	return limits->memory != CGTUNE_UNLIMITED ? limits->memory : limits->memory_high;
}

/* "NAME=" and a value; the value alone, or NULL for none. */
static const char *make_entry(const char *name, struct text *text)
{
	text_add(text, name);
	text_add(text, "=");
	return text->buffer + text->length;
}

static const char *make_value(const struct table_input *in, unsigned i, char entry[TABLE_ENTRY_SIZE])
{
	struct text text = { entry, TABLE_ENTRY_SIZE, 0 }, value;
	const char *start;

	if (!(in->groups & ENV_GROUP_BIT(variables[i].group)))
		return NULL;
	start = make_entry(variables[i].name, &text);
	value = (struct text){ entry + text.length, TABLE_ENTRY_SIZE - text.length, 0 };
	variables[i].value(in, &value);
	return *start ? start : NULL;
}

static bool is_known(const struct table_input *in, unsigned i)
{
	return in->known & ENV_GROUP_BIT(variables[i].group);
}

/* Which variable an entry of the marker is for; -1: none that is looked at. */
static int index_of(const struct table_input *in, const char *entry)
{
	for (unsigned i = 0; i < TABLE_VARIABLES; i++)
		if (is_known(in, i) && util_value_of(entry, variables[i].name))
			return (int)i;
	return -1;
}

static const char *next_entry(const char *entry)
{
	entry += strcspn(entry, ";");
	return entry + (*entry == ';');
}

static void add_change(struct table *table, const char *name, const char *value, char *entry)
{
	table->changes[table->count++] = (struct table_change){ name, value, entry };
}

/* Whether the marker lists something else than the values that are ours. */
static bool marker_differs(const struct table_input *in, const struct table *table, const char *marker)
{
	for (unsigned i = 0; i < TABLE_VARIABLES; i++)
		if (table->values[i] && !env_is_ours(marker, variables[i].name, table->values[i]))
			return true;
	for (const char *entry = marker; entry && *entry; entry = next_entry(entry)) {
		int i = index_of(in, entry);

		if (i >= 0 && !table->values[i])
			return true;
	}
	return false;
}

/* The marker's entries that are not looked at, as long as ours still fit, and then ours. */
static const char *make_marker(const struct table_input *in, struct table *table, const char *marker)
{
	struct text text = TEXT(table->marker);
	const char *start = make_entry(ENV_MARKER, &text);

	for (const char *entry = marker; entry && *entry; entry = next_entry(entry)) {
		size_t n = strcspn(entry, ";");

		if (!n || index_of(in, entry) >= 0 ||
		    text.length + n + 2 > text.size - sizeof(table->entries))
			continue;
		memcpy(table->marker + text.length, entry, n);
		text.length += n;
		text_add(&text, ";");
	}
	for (unsigned i = 0; i < TABLE_VARIABLES; i++) {
		if (!table->values[i])
			continue;
		text_add(&text, table->entries[i]);
		text_add(&text, ";");
	}
	return *start ? start : NULL;
}

void table_make(const struct table_input *in, struct table *ret)
{
	const char *marker = env_get(ENV_MARKER);

	ret->count = 0;
	for (unsigned i = 0; i < TABLE_VARIABLES; i++) {
		const char *name = variables[i].name, *now;

		ret->values[i] = is_known(in, i) ? make_value(in, i, ret->entries[i]) : NULL;
		if (!is_known(in, i) || (!ret->values[i] && !marker))
			continue;
		now = env_get(name);
		if (now && !env_is_ours(marker, name, now))
			ret->values[i] = NULL;			/* the user's */
		else if (ret->values[i] ? !now || strcmp(now, ret->values[i]) != 0 : now != NULL)
			add_change(ret, name, ret->values[i], ret->entries[i]);
	}
	if (marker_differs(in, ret, marker))
		add_change(ret, ENV_MARKER, make_marker(in, ret, marker), ret->marker);
}
