/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* apply - decisions into the environment of language runtimes: the only setenv */
#include "env.h"
#include "runtimes.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_SIZE 32
#define MARKER_SIZE 4096
#define GOMEMLIMIT_LEAST (UINT64_C(64) << 20)

enum { OMP_NUM_THREADS, GOMAXPROCS, GOMEMLIMIT, VARIABLES };

static const char *const names[VARIABLES] = { "OMP_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT" };

/* What cgtune_undo() needs: what each variable held before, and what it was given. */
static struct {
	bool done, had;			/* had: it held a value, one of an outer cgtune's */
	char before[VALUE_SIZE];
	char given[VALUE_SIZE];		/* "": it was unset */
} undo[VARIABLES];

/* The value that the plan asks for; "" for none. */
static void wanted(const struct cgtune_plan *plan, int variable, char value[VALUE_SIZE])
{
	struct text text = { value, VALUE_SIZE, 0 };
	uint32_t go = plan->threads < 2 ? 2 : plan->threads;

	value[0] = '\0';
	if (variable == GOMEMLIMIT) {
		if (!(plan->tuned & CGTUNE_MEMORY) || plan->memory < GOMEMLIMIT_LEAST)
			return;
		text_add_u64(&text, plan->memory >> 20);
		text_add(&text, "MiB");
	} else if (plan->tuned & CGTUNE_CPU) {
		/* Go 1.25 runs at least 2, for its garbage collector beside the program. */
		text_add_u64(&text, variable == OMP_NUM_THREADS ? plan->threads : util_min(go, plan->cpus));
	}
}

static int name_index(const char *entry)
{
	for (int i = 0; i < VARIABLES; i++) {
		size_t n = strlen(names[i]);

		if (strncmp(entry, names[i], n) == 0 && entry[n] == '=')
			return i;
	}
	return -1;
}

/* Marker entries of variables that are not ours to set here stay as they are. */
static void copy_foreign(const char *marker, struct text *ret)
{
	while (marker && *marker) {
		size_t n = strcspn(marker, ";");

		if (n && name_index(marker) < 0 && ret->length + n + 2 < ret->size) {
			memcpy(ret->buffer + ret->length, marker, n);
			ret->length += n;
			text_add(ret, ";");
		}
		marker += n + (marker[n] == ';');
	}
}

static int set_or_unset(const char *name, const char *value)
{
	int r = *value ? setenv(name, value, 1) : unsetenv(name);

	return r < 0 ? -ENOMEM : 0;
}

/* List in the marker those of our variables that hold a value of ours. */
static int write_marker(const char *const values[VARIABLES])
{
	char marker[MARKER_SIZE] = "";
	struct text text = TEXT(marker);

	copy_foreign(env_get(ENV_MARKER), &text);
	for (int i = 0; i < VARIABLES; i++) {
		if (!values[i] || !*values[i])
			continue;
		text_add(&text, names[i]);
		text_add(&text, "=");
		text_add(&text, values[i]);
		text_add(&text, ";");
	}
	return set_or_unset(ENV_MARKER, marker);
}

static void remember(int i, const char *before, const char *given)
{
	struct text text = { undo[i].given, VALUE_SIZE, 0 };

	if (!undo[i].done) {
		struct text old = { undo[i].before, VALUE_SIZE, 0 };

		undo[i].had = before != NULL;
		undo[i].before[0] = '\0';
		text_add(&old, before ? before : "");
	}
	undo[i].done = true;
	undo[i].given[0] = '\0';
	text_add(&text, given);
}

_public_ int cgtune_apply(const struct cgtune_plan *theirs)
{
	struct cgtune_plan plan;
	char value[VARIABLES][VALUE_SIZE];
	const char *listed[VARIABLES] = { NULL };
	const char *marker = env_get(ENV_MARKER);
	int r = util_struct_check(theirs, sizeof(plan));

	if (r < 0)
		return r;
	memcpy(&plan, theirs, sizeof(plan));
	for (int i = 0; i < VARIABLES; i++) {
		const char *now = env_get(names[i]);

		if (now && !env_is_ours(marker, names[i], now))
			continue;
		wanted(&plan, i, value[i]);
		listed[i] = value[i];
		if (strcmp(now ? now : "", value[i]) == 0)
			continue;
		remember(i, now, value[i]);
		r = set_or_unset(names[i], value[i]);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = write_marker(listed);
	if (r < 0) {
		cgtune_undo();
		return r;
	}
	if (plan.flags & CGTUNE_CALL_RUNTIMES && plan.tuned & CGTUNE_CPU)
		runtimes_call(plan.threads);
	return 0;
}

_public_ int cgtune_undo(void)
{
	const char *listed[VARIABLES] = { NULL }, *marker = env_get(ENV_MARKER);
	bool any = false;
	int r = 0;

	for (int i = 0; i < VARIABLES; i++) {
		const char *now = env_get(names[i]);

		if (now && env_is_ours(marker, names[i], now))
			listed[i] = now;
		if (!undo[i].done)
			continue;
		any = true;
		undo[i].done = false;
		if (strcmp(now ? now : "", undo[i].given) != 0)
			continue;
		listed[i] = undo[i].had ? undo[i].before : NULL;
		if (set_or_unset(names[i], undo[i].had ? undo[i].before : "") < 0)
			r = -ENOMEM;
	}
	if (any && write_marker(listed) < 0)
		r = -ENOMEM;
	runtimes_undo();
	return r;
}
