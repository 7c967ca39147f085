/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-live - any life of a process: init, descriptor, files that come, go and change, faults, dispatches
 *
 * The first line is the life, a letter for each step; the rest is the files (fake.h). The process-wide
 * state is forgotten between two lives: it is that of process.c, which is part of this file.
 */
#include "fake.h"
#include "../../lib/process.c"

#define STEPS_MOST 40

static const int errors[] = { EMFILE, ENFILE, ENOMEM, EACCES, EIO, ENOENT, ENODEV, EINTR };

static void changed(const struct cgtune_change *change, void *user)
{
	CLAIM(change->size == sizeof(*change) && !user);
	CLAIM(change->resource == CGTUNE_CPU || change->resource == CGTUNE_MEMORY);
	CLAIM(change->old_limit != change->new_limit || change->old_value != change->new_value);
	CLAIM(change->resource != CGTUNE_CPU || (change->old_value >= 1 && change->new_value >= 1));
}

static void be_born(bool real)
{
	struct cgtune_options ours = {
		.size = sizeof(ours), .root = real ? NULL : FAKE_ROOT, .flags = CGTUNE_NO_ENV | CGTUNE_NO_APPLY,
	};

	options = ours;
	cgtune_on_change(changed, NULL);
}

/* As an execve(2) would: descriptors are closed, memory is gone. */
static void die(void)
{
	struct process *p = atomic_load(&state);

	if (p)
		munmap(p, sizeof(*p));
	atomic_store(&state, NULL);
	memset(fake.descriptors, 0, sizeof(fake.descriptors));
	fake.open = 0;
}

/* Held: of each level its files, /proc/self/cgroup, what is online; epoll, inotify, timer, and the root. */
static void check_descriptors(void)
{
	const struct process *p = atomic_load(&state);
	unsigned held = 0;

	if (!p || !p->live.open) {
		CLAIM(fake.open == 0);
		return;
	}
	for (size_t i = 0; i < PASS_HELD; i++)
		held += p->live.held[i] >= 0;
	held += (p->live.membership >= 0) + (p->live.inotify >= 0) + (p->live.epoll >= 0) + (p->live.timer >= 0);
	CLAIM(fake.open == held + !p->live.pass.files.real);
}

static void check_values(void)
{
	unsigned threads = cgtune_threads();
	const struct process *p = atomic_load(&state);

	CLAIM(p && threads >= 1 && threads == p->plan.threads && cgtune_memory() == p->plan.memory);
	CLAIM(cgtune_pool_size(3, 2) >= 2 && cgtune_memory_share(500) <= cgtune_memory());
	CLAIM(p->read_result < 0 || (p->limits.cpus >= 1 && threads <= p->limits.cpus));
}

static bool is_documented(int r)
{
	return r >= 0 || r == -fake.error || r == -ENODEV || r == -EACCES || r == -EISDIR ||
	       (r == -EMFILE && fake.trouble == FAKE_CHANGE);
}

static void dispatch(void)
{
	unsigned threads = cgtune_threads();
	uint64_t memory = cgtune_memory();
	int r = cgtune_dispatch();

	CLAIM(is_documented(r) && r <= (CGTUNE_CPU | CGTUNE_MEMORY | CGTUNE_MOVED));
	if (r <= 0)
		CLAIM(cgtune_threads() == threads && cgtune_memory() == memory);
	if (!(r & CGTUNE_CPU))
		CLAIM(cgtune_threads() == threads);
}

/* Whether a new search finds the same place: mounts that come and go are not followed. */
static bool is_there(struct pass *pass, const struct process *p)
{
	const struct cgroup *held = &p->live.pass.cgroups[PASS_CPU], *found = &pass->cgroups[PASS_CPU];
	bool same = pass_open(pass, &options, &p->env) == 0 && pass_find(pass) == 0 &&
		    (!p->live.open || (held->version == found->version && held->length == found->length &&
				       held->top == found->top && memcmp(held->dir, found->dir, found->length) == 0));

	pass_close(pass);
	return same;
}

/* One that comes after a tick, with nothing in its way, has what a fresh reading has. */
static void check_fresh(void)
{
	static struct cgtune_limits limits;
	static struct pass pass;
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct cgtune_options ours = options;
	const struct process *p = atomic_load(&state);

	if (fake.trouble == FAKE_ONCE || fake.trouble == FAKE_FROM_THEN_ON)
		return;
	fake.ticks = 1;
	if (cgtune_dispatch() < 0 || !is_there(&pass, p))
		return;
	limits.size = sizeof(limits);
	CLAIM(cgtune_read(&ours, &limits) == 0 && cgtune_plan(&ours, &limits, &plan) == 0);
	CLAIM(p->limits.cpu_quota_us == limits.cpu_quota_us && p->limits.cpu_period_us == limits.cpu_period_us);
	CLAIM(cgtune_threads() == plan.threads);
}

static void step(uint8_t letter)
{
	int r = 0;

	fake_restart();
	switch (letter) {
	case 'i':
		r = cgtune_init();
		break;
	case 'f':
		r = cgtune_fd();
		break;
	case 'd':
		dispatch();
		break;
	case 't':
		fake.ticks = 1;
		dispatch();
		break;
	case 'v':
		cgtune_set_interval(100);
		break;
	case 'c':
		fake.trouble = FAKE_CHANGE;
		fake.at = 0;
		break;
	case 'b':				/* back to what was first, and no more faults */
		fake.trouble = FAKE_NONE;
		break;
	default:
		if (letter >= '0' && letter <= '9') {
			fake.trouble = FAKE_ONCE;
			fake.at = letter - '0' + 1;
		} else if (letter >= 'A' && letter <= 'Z') {
			fake.trouble = FAKE_FROM_THEN_ON;
			fake.at = letter - 'A' + 1;
		}
	}
	CLAIM(is_documented(r));
	if (r == -EMFILE && fake.open > FAKE_DESCRIPTORS / 2)
		return;
	check_descriptors();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = input_byte(&in), error = input_byte(&in);
	const uint8_t *newline = in.size ? memchr(in.data, '\n', in.size) : NULL;
	size_t steps = newline ? (size_t)(newline - in.data) : 0;
	char *text;

	if (!newline || steps > STEPS_MOST)
		return 0;
	memset(&fake, 0, sizeof(fake));
	fake.mounts = how & 63;
	fake.error = errors[error % ARRAY_SIZE(errors)];
	fake.cpus = 8;
	fake.memory = UINT64_C(1) << 40;
	text = exact_copy(newline, in.size - steps);
	fake_make(text, in.size - steps);
	be_born(how & 64);
	for (size_t i = 0; i < steps; i++)
		step(in.data[i]);
	fake_restart();
	check_values();
	check_fresh();
	die();
	fake_free();
	free(text);
	return 0;
}
