/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-adapt - adaptive mode's law against a plant: requests, CPUs and a quota, in ticks of 100 us
 *
 * The plant is a model of the kernel's bandwidth control (Documentation/scheduler/sched-bwc.rst):
 * so much CPU time in each period; when it is gone, whoever could run is stopped until the next. A
 * request computes, waits, and computes a little to answer. All is exact: no clock, no chance.
 */
#include "limiter.h"
#include "suite.h"

#include <stdbool.h>
#include <string.h>

enum { PERIOD = 1000, WINDOW = 5 * PERIOD, WINDOWS = 120, MOST = 64, QUEUE_MOST = 60 };

struct load {
	const char *name;
	uint32_t cpus, quota;		/* ticks of CPU time in each period */
	uint32_t compute, wait, answer;	/* of a request */
	uint32_t spread;		/* of the wait: from 0 to twice as long */
	uint32_t arrivals;		/* in 10,000 ticks, one in each part of equal length but for chance; 0: always enough */
	uint32_t limit;			/* the static one */
};

struct request {
	enum { FREE, COMPUTES, WAITS, ANSWERS } state;
	uint32_t left;
};

struct plant {
	const struct load *load;
	struct request in[MOST];
	uint32_t limit, inflight, queue, quota_left, next, seed;
	uint64_t done, stopped;
	struct limiter_window window;
};

static uint32_t chance(struct plant *p, uint32_t below)
{
	p->seed = p->seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)p->seed * below) >> 32);
}

static void let_in(struct plant *p)
{
	for (int i = 0; i < MOST && p->queue && p->inflight < p->limit; i++) {
		if (p->in[i].state != FREE)
			continue;
		p->in[i] = (struct request){ COMPUTES, p->load->compute };
		p->inflight++;
		p->queue--;
	}
}

static void go_on(struct plant *p, struct request *r)
{
	uint32_t wait = p->load->wait;

	if (r->state == COMPUTES && wait)
		*r = (struct request){ WAITS, p->load->spread ? 1 + chance(p, 2 * wait) : wait };
	else if (r->state != ANSWERS)
		*r = (struct request){ ANSWERS, p->load->answer };
	else
		*r = (struct request){ FREE, 0 };
	if (r->state == FREE) {
		p->inflight--;
		p->done++;
	}
}

static bool can_run(const struct request *r)
{
	return r->state == COMPUTES || r->state == ANSWERS;
}

/* Whose turn it is runs, on as many CPUs as there are, or is stopped. */
static void run(struct plant *p)
{
	uint32_t ran = 0, first = p->next;

	for (uint32_t i = 0; i < MOST && ran < p->load->cpus; i++) {
		struct request *r = &p->in[(first + i) % MOST];

		if (!can_run(r))
			continue;
		ran++;
		if (!p->quota_left) {
			p->window.stopped_ns++;
			continue;
		}
		p->next = (first + i + 1) % MOST;
		p->quota_left--;
		p->window.used_ns++;
		if (!--r->left)
			go_on(p, r);
	}
}

static void tick(struct plant *p, uint32_t at)
{
	if (at % PERIOD == 0)
		p->quota_left = p->load->quota;
	if (!p->load->arrivals)
		p->queue = 1;
	else if (p->queue < QUEUE_MOST && chance(p, 10000) < p->load->arrivals)
		p->queue++;
	let_in(p);
	if (!p->load->arrivals)
		p->queue = 1;
	p->window.queued_ns += p->queue != 0;
	for (int i = 0; i < MOST; i++)
		if (p->in[i].state == WAITS && !--p->in[i].left)
			go_on(p, &p->in[i]);
	run(p);
}

static void window(struct plant *p)
{
	p->stopped += p->window.stopped_ns;
	p->window = (struct limiter_window){ .ns = WINDOW, .grant_ns = (uint64_t)p->load->quota * WINDOW / PERIOD };
	for (uint32_t at = 0; at < WINDOW; at++)
		tick(p, at);
	p->window.wanted_ns = p->window.stopped_ns + p->window.used_ns;
}

/* As limiter_adapt() does. */
static uint32_t next_limit(struct limiter_law *law, const struct plant *p)
{
	uint32_t limit = limiter_law_next(law, &p->window, p->limit);

	return limit < p->load->limit ? limit : p->load->limit;
}

static void begin(struct plant *p, const struct load *load)
{
	*p = (struct plant){ .load = load, .limit = load->limit, .seed = 1 };
}

#define CPUS(n, q) .cpus = (n), .quota = (q), .answer = 2
static const struct load loads[] = {
	{ "computes", CPUS(2, 500), .compute = 50, .limit = 8 },
	{ "mixed", CPUS(2, 500), .compute = 20, .wait = 200, .limit = 8 },
	{ "mixed, 1 CPU", CPUS(2, 1000), .compute = 20, .wait = 200, .limit = 8 },
	{ "mixed, 1 CPU, multiplier 16", CPUS(2, 1000), .compute = 20, .wait = 200, .limit = 16 },
	{ "mixed, 1.5 CPUs", CPUS(2, 1500), .compute = 20, .wait = 200, .limit = 16 },
	{ "mixed, 64 CPUs", CPUS(64, 500), .compute = 20, .wait = 200, .limit = 8 },
	{ "mixed, far too large a limit", CPUS(4, 500), .compute = 20, .wait = 200, .limit = 64 },
	{ "long waits", CPUS(2, 500), .compute = 20, .wait = 600, .limit = 32 },
	{ "waits of any length", CPUS(2, 500), .compute = 20, .wait = 200, .spread = 1, .limit = 8 },
	{ "80 % of what can be done", CPUS(2, 500), .compute = 20, .wait = 200, .arrivals = 182, .limit = 8 },
	{ "95 % of what can be done", CPUS(2, 500), .compute = 20, .wait = 200, .arrivals = 216, .limit = 8 },
	{ "waits alone", CPUS(2, 500), .compute = 1, .wait = 500, .limit = 8 },
};

/* What the static limit does, adaptive mode does but for 3 %, from its start on; and with shorter stops. */
START_TEST(loses_little)
{
	const struct load *load = &loads[_i];
	struct limiter_law law = { 0 };
	struct plant fixed, adapted;
	uint32_t least = UINT32_MAX;

	begin(&fixed, load);
	begin(&adapted, load);
	for (int i = 0; i < WINDOWS; i++) {
		window(&fixed);
		window(&adapted);
		adapted.limit = next_limit(&law, &adapted);
		least = adapted.limit < least ? adapted.limit : least;
		ck_assert_uint_ge(adapted.limit, 1);
		ck_assert_uint_le(adapted.limit, load->limit);
	}
	printf("# %s: limit %u, at the end %u, at least %u; done %.1f %%, stopped %.1f %% of static\n", load->name,
	       load->limit, adapted.limit, least, 100.0 * (double)adapted.done / (double)fixed.done,
	       fixed.stopped ? 100.0 * (double)adapted.stopped / (double)fixed.stopped : 100.0);
	ck_assert_uint_ge(adapted.done * 100, fixed.done * 97);
	ck_assert_uint_le(adapted.stopped, fixed.stopped);
	if (load->compute == 50)
		ck_assert_uint_eq(adapted.limit, 1);	/* nothing but stops was lost */
	if (load->limit == 64)
		ck_assert_uint_le(adapted.limit, 8);
}
END_TEST

/* Requests that compute become requests that wait: in two windows the quota is used again. */
START_TEST(regains)
{
	struct load load = loads[0];
	struct limiter_law law = { 0 };
	struct plant p;

	begin(&p, &load);
	for (int i = 0; i < 20; i++) {
		window(&p);
		p.limit = next_limit(&law, &p);
	}
	ck_assert_uint_eq(p.limit, 1);
	load.compute = 20;
	load.wait = 200;
	for (int i = 0; i < 2; i++) {
		window(&p);
		p.limit = next_limit(&law, &p);
	}
	window(&p);
	ck_assert_uint_ge(p.window.used_ns * 100, p.window.grant_ns * 95);
}
END_TEST

/* So much was granted of 1000, used of that, stopped of all, and for so long somebody waited. */
#define SPENT(grant, used, stopped, queued) { 1000, grant, used, stopped, 1000, queued }

static const struct {
	struct limiter_window window;
	uint32_t limit;			/* what 100 becomes */
} steps[] = {
	{ SPENT(250, 250, 500, 1000), 75 },		/* half of those who were stopped half of the time */
	{ SPENT(250, 250, 750, 1000), 62 },
	{ SPENT(250, 250, 1000, 1000), 50 },
	{ SPENT(250, 250, 0, 1000), 100 },		/* not stopped */
	{ SPENT(250, 250, 500, 400), 100 },		/* most of the time nobody waited */
	{ SPENT(250, 260, 500, 1000), 75 },		/* more than was granted: the kernel's accounts are late */
	{ SPENT(250, 235, 500, 1000), 100 },		/* not all was used */
	{ SPENT(250, 125, 500, 1000), 201 },		/* half of it: twice as many are needed */
	{ SPENT(250, 125, 500, 400), 181 },		/* at most so much was missed while somebody waited */
	{ SPENT(250, 125, 500, 0), 100 },		/* nobody wanted it */
	{ SPENT(250, 0, 0, 1000), 25001 },		/* nothing was used: a limit that is no limit */
	{ { 0 }, 100 },
};

START_TEST(one_step)
{
	struct limiter_law law = { 0 };

	ck_assert_uint_eq(limiter_law_next(&law, &steps[_i].window, 100), steps[_i].limit);
}
END_TEST

/* 3 % left over are 1 % too many: in eleven windows more than a tenth of one. */
START_TEST(small_losses_add_up)
{
	struct limiter_window w = SPENT(1000, 970, 500, 1000);
	struct limiter_law law = { 0 };

	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(limiter_law_next(&law, &w, 50), 50);
	ck_assert_uint_eq(limiter_law_next(&law, &w, 50), 52);
	w.used_ns = 980;
	for (int i = 0; i < 100; i++)
		ck_assert_uint_le(limiter_law_next(&law, &w, 52), 52);
}
END_TEST

/* What was too small is not tried again for a while; what is above it is. */
START_TEST(too_small_is_remembered)
{
	struct limiter_window w = SPENT(250, 200, 500, 1000);
	struct limiter_law law = { 0 };
	int held = 0;

	ck_assert_uint_eq(limiter_law_next(&law, &w, 8), 11);
	w.used_ns = 250;
	ck_assert_uint_eq(limiter_law_next(&law, &w, 11), 9);
	while (limiter_law_next(&law, &w, 9) == 9)
		held++;
	ck_assert_int_eq(held, 30);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("adapt");
	TCase *tcase = tcase_create("adapt");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, loses_little, 0, (int)(sizeof(loads) / sizeof(loads[0])));
	tcase_add_test(tcase, regains);
	tcase_add_loop_test(tcase, one_step, 0, (int)(sizeof(steps) / sizeof(steps[0])));
	tcase_add_test(tcase, small_losses_add_up);
	tcase_add_test(tcase, too_small_is_remembered);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return suite_run(suite());
}
