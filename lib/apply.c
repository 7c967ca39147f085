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

/* What cgtune_undo() needs, of each variable and of the marker. */
struct undo {
	bool done;
	char *before;			/* NULL: it was not set */
	char *given;			/* NULL: it was unset */
};
static struct undo undo[VARIABLES], undo_marker;

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

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void forget(struct undo *undo_)
{
	free(undo_->before);
	free(undo_->given);
	*undo_ = (struct undo){ 0 };
}

static int set_or_unset(const char *name, const char *value)
{
	return (value ? setenv(name, value, 1) : unsetenv(name)) < 0 ? -ENOMEM : 0;
}

/* Give a variable a value, or none, and remember what it had at first. */
static int change(struct undo *undo_, const char *name, const char *value)
{
	const char *now = env_raw(name);
	char *before = NULL, *given = NULL;

	if (same(now, value))
		return 0;
	if (!undo_->done && now && !(before = strdup(now)))
		return -ENOMEM;
	if ((value && !(given = strdup(value))) || set_or_unset(name, value) < 0) {
		free(before);
		free(given);
		return -ENOMEM;
	}
	if (!undo_->done)
		undo_->before = before;
	free(undo_->given);
	undo_->given = given;
	undo_->done = true;
	return 0;
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

/* Put the marker's entries of other variables, and then ours, into a text. */
static void list_entries(const char *marker, char values[VARIABLES][VALUE_SIZE], struct text *ret)
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
	for (int i = 0; i < VARIABLES; i++) {
		if (!*values[i])
			continue;
		text_add(ret, names[i]);
		text_add(ret, "=");
		text_add(ret, values[i]);
		text_add(ret, ";");
	}
}

/* List in the marker what holds a value of ours; one that lists just that stays as it is. */
static int write_marker(const char *marker, char values[VARIABLES][VALUE_SIZE])
{
	char room[MARKER_SIZE] = "";
	struct text text = TEXT(room);
	bool differs = false;

	for (int i = 0; i < VARIABLES; i++)
		differs |= *values[i] && !env_is_ours(marker, names[i], values[i]);
	for (const char *p = marker; p && *p; p += strcspn(p, ";"), p += *p == ';') {
		int i = name_index(p);

		differs |= i >= 0 && !*values[i];
	}
	if (!differs)
		return 0;
	list_entries(marker, values, &text);
	return change(&undo_marker, ENV_MARKER, *room ? room : NULL);
}

_public_ int cgtune_apply(const struct cgtune_plan *theirs)
{
	struct cgtune_plan plan;
	char values[VARIABLES][VALUE_SIZE];
	const char *marker = env_get(ENV_MARKER);
	int r = util_struct_check(theirs, sizeof(plan));

	if (r < 0)
		return r;
	memcpy(&plan, theirs, sizeof(plan));
	if (!plan.threads || !plan.cpus)
		return -EINVAL;
	if (env_is_secure())		/* what the user has set cannot be told from what is ours */
		return 0;
	for (int i = 0; i < VARIABLES && r == 0; i++) {
		const char *now = env_get(names[i]);

		values[i][0] = '\0';
		if (now && !env_is_ours(marker, names[i], now))
			continue;
		wanted(&plan, i, values[i]);
		if (now || *values[i])
			r = change(&undo[i], names[i], *values[i] ? values[i] : NULL);
	}
	if (r == 0)
		r = write_marker(marker, values);
	if (r < 0) {
		cgtune_undo();
		return r;
	}
	if (plan.flags & CGTUNE_CALL_RUNTIMES && plan.tuned & CGTUNE_CPU)
		runtimes_call(plan.threads);
	return 0;
}

/* A value that somebody has changed since is theirs. */
static int take_back(struct undo *undo_, const char *name)
{
	int r = 0;

	if (undo_->done && same(env_raw(name), undo_->given))
		r = set_or_unset(name, undo_->before);
	forget(undo_);
	return r;
}

_public_ int cgtune_undo(void)
{
	int r = take_back(&undo_marker, ENV_MARKER);

	for (int i = 0; i < VARIABLES; i++)
		if (take_back(&undo[i], names[i]) < 0)
			r = -ENOMEM;
	runtimes_undo();
	return r;
}
