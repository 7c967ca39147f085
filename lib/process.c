/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process - the one process-wide state behind cgtune_init() */
#include "process.h"
#include "host.h"
#include "limit.h"
#include "log.h"
#include "options.h"
#include "util.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

static struct process *_Atomic state;
static struct cgtune_options options = { .size = sizeof(options) };

const struct cgtune_options *process_options(void)
{
	return &options;
}

/* All zeroes is the initial state, as a forked child finds it. A pthread_mutex_t of zeroes is unlocked. */
struct process *process_state(void)
{
	struct process *p = atomic_load_explicit(&state, memory_order_acquire), *none = NULL;

	if (p)
		return p;
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	madvise(p, sizeof(*p), MADV_WIPEONFORK);	/* Linux 4.14 */
	if (atomic_compare_exchange_strong(&state, &none, p))
		return p;
	munmap(p, sizeof(*p));
	return none;
}

static uint32_t host_threads(void)
{
	int cpus = host_affinity(0);

	return cpus > 0 ? (uint32_t)cpus : 1;
}

void process_publish(struct process *p)
{
	atomic_store_explicit(&p->memory, p->plan.memory, memory_order_relaxed);
	atomic_store_explicit(&p->threads, p->plan.threads, memory_order_release);
}

/* The host's values, for the getters, when the limits cannot be read. */
static void plan_host(struct cgtune_plan *plan)
{
	uint32_t cpus = host_threads();

	*plan = (struct cgtune_plan){
		.size = sizeof(*plan), .threads = cpus, .cpus = cpus, .memory = CGTUNE_UNLIMITED,
		.threads_source = CGTUNE_SOURCE_HOST, .memory_source = CGTUNE_SOURCE_HOST,
	};
}

void process_log(const struct process *p)
{
	char message[512];
	struct text text = TEXT(message);

	if (p->read_result < 0) {
		text_add(&text, "the limits cannot be read: ");
		text_add(&text, cgtune_strerror(p->read_result));
		text_add(&text, "; the host's values are used");
		log_message(CGTUNE_LOG_ERROR, message);
		return;
	}
	text_add(&text, "threads ");
	text_add_u64(&text, p->plan.threads);
	text_add(&text, " (");
	text_add(&text, cgtune_source_name(p->plan.threads_source));
	text_add(&text, "), memory budget ");
	if (p->plan.memory == CGTUNE_UNLIMITED)
		text_add(&text, "none");
	else
		text_add_u64(&text, p->plan.memory);
	text_add(&text, " (");
	text_add(&text, cgtune_source_name(p->plan.memory_source));
	text_add(&text, p->plan.limited ? ")" : "), no limit binds");
	log_message(CGTUNE_LOG_INFO, message);
}

/* Read and plan, with the lock held. */
static void read_and_plan(struct process *p)
{
	struct pass pass;
	struct cgtune_options with_report = options;

	p->limits.size = sizeof(p->limits);
	env_read(&options, &p->env);
	log_configure(&p->env);
	with_report.report = log_report;
	p->read_result = pass_open(&pass, &with_report, &p->env);
	if (p->read_result == 0) {
		pass.explain = pass.whole = log_wants(CGTUNE_LOG_DEBUG);
		p->read_result = limit_read(&pass, &p->limits);
		pass_close(&pass);
	}
	if (p->read_result == 0)
		plan_make(&with_report, &p->env, &p->limits, &p->plan);
	else
		plan_host(&p->plan);
	process_publish(p);
	process_log(p);
}

struct process *process_lock(void)
{
	struct process *p = process_state();

	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	if (!atomic_load_explicit(&p->threads, memory_order_relaxed))
		read_and_plan(p);
	return p;
}

struct process *process_lock_existing(void)
{
	struct process *p = atomic_load_explicit(&state, memory_order_acquire);

	if (p)
		pthread_mutex_lock(&p->lock);
	return p;
}

void process_unlock(struct process *p)
{
	pthread_mutex_unlock(&p->lock);
}

static int init_locked(struct process *p)
{
	int r = p->read_result;

	p->done = true;
	if (r < 0)
		return r;
	if (!(options.flags & CGTUNE_NO_APPLY) && !env_is_off(&p->env))
		r = cgtune_apply(&p->plan);
	return r < 0 ? r : (int)p->plan.tuned;
}

_public_ int cgtune_init_with(const struct cgtune_options *theirs)
{
	struct cgtune_options ours;
	struct process *p;
	int r = options_take(theirs, &ours);

	if (r < 0)
		return r;
	p = process_state();
	if (!p)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	if (!p->done) {
		if (!p->live.open)		/* else it follows what they were */
			options = ours;
		options.report = NULL;
		read_and_plan(p);
		p->result = init_locked(p);
	}
	r = p->result;
	process_unlock(p);
	return r;
}

_public_ int cgtune_init(void)
{
	return cgtune_init_with(NULL);
}

/* The state when it is initialised in this process, else NULL: one load each. */
static inline struct process *ready(uint32_t *threads)
{
	struct process *p = atomic_load_explicit(&state, memory_order_acquire);

	*threads = p ? atomic_load_explicit(&p->threads, memory_order_acquire) : 0;
	return *threads ? p : NULL;
}

static __attribute__((noinline, cold)) struct process *first_use(void)
{
	struct process *p = process_lock();

	if (p)
		process_unlock(p);
	return p;
}

_public_ unsigned cgtune_threads(void)
{
	uint32_t threads;
	struct process *p = ready(&threads);

	if (p)
		return threads;
	p = first_use();
	return p ? atomic_load_explicit(&p->threads, memory_order_acquire) : host_threads();
}

_public_ uint64_t cgtune_memory(void)
{
	uint32_t threads;
	struct process *p = ready(&threads);

	if (!p)
		p = first_use();
	return p ? atomic_load_explicit(&p->memory, memory_order_relaxed) : CGTUNE_UNLIMITED;
}

_public_ unsigned cgtune_pool_size(unsigned multiplier, unsigned minimum)
{
	uint64_t size = (uint64_t)multiplier * cgtune_threads();

	if (size < minimum)
		size = minimum;
	return size < 1 ? 1 : size > UINT_MAX ? UINT_MAX : (unsigned)size;
}

_public_ uint64_t cgtune_memory_share(unsigned permille)
{
	uint64_t memory = cgtune_memory();

	if (memory == CGTUNE_UNLIMITED || permille >= 1000)
		return memory;
	return util_mul_div(memory, permille, 1000);
}
