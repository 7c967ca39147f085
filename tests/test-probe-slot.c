/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-probe-slot - what the BPF programs do in slots, compiled for this machine: group after group, on CPUs at once
 *
 * The threads stand for CPUs, the helpers below for the kernel's. In each round
 * there is a new group with the css id of the one before; each CPU stops it, and
 * ends the stop, at the same time as the others. A reader looks all the time.
 */
#define CGTUNE_PROBES_KERNEL_H
#include <linux/types.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

struct kernfs_node { __u64 id; };
struct cgroup_root { int hierarchy_id; };
struct cgroup { struct kernfs_node *kn; struct cgroup_root *root; int level; };
struct cgroup_subsys_state { struct cgroup *cgroup; int id; __u64 serial_nr; struct cgroup_subsys_state *parent; };
struct cfs_bandwidth { int nr_periods, nr_throttled; __u64 throttled_time; };
struct task_group { struct cgroup_subsys_state css; struct cfs_bandwidth cfs_bandwidth; };
struct cfs_rq { struct task_group *tg; };
struct sched_entity { struct cfs_rq *cfs_rq; };
struct task_struct { struct sched_entity se; int pid, tgid; char comm[16]; };

#define SEC(name)
#define __uint(name, value) int (*name)[value]
#define __type(name, value) __typeof__(value) *name
#define __noinline __attribute__((noinline))
#define __builtin_preserve_access_index(x) (x)
#define BPF_ANY 0
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_QUEUE = 22, BPF_F_MMAPABLE = 1 << 10 };

/* bpf_probe_read_kernel() takes its time, in which another CPU can come. */
#define READ_1(p, a) (slow(), (p)->a)
#define READ_2(p, a, b) (slow(), (p)->a->b)
#define READ_3(p, a, b, c) (slow(), (p)->a->b->c)
#define READ_N(p, a, b, c, which, ...) which
#define READ(p, ...) READ_N(p, __VA_ARGS__, READ_3, READ_2, READ_1)(p, __VA_ARGS__)

static void slow(void)
{
	static volatile int n;

	for (int i = 0; i < 20; i++)
		n = n + i;
}

static void *look_up(void *map, const void *key);
static long update(void *map, const void *key, const void *value);
static long delete(void *map, const void *key);
static long pop(void);
static void push(void);
#define CONSTANT static volatile
#define MASK(x, bits) ((x) &= (bits))
#define bpf_map_lookup_elem(map, key) look_up(map, key)
#define bpf_map_update_elem(map, key, value, flags) update(map, key, value)
#define bpf_map_delete_elem(map, key) delete(map, key)
#define bpf_map_pop_elem(map, value) ((void)(value), pop())
#define bpf_map_push_elem(map, value, flags) ((void)(value), push())
#define bpf_ktime_get_ns() UINT64_C(1)
#define bpf_get_current_comm(to, size) memset(to, 'x', size)

int mark_stopped(void *ctx);
int lock_soon(void);
int lock(void);
int bucket_of(__u64 us);
int raise_word(__u32 index, __u32 offset, __u64 value);
#define close close_episode			/* of unistd.h */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "stop.bpf.h"
#undef close
#include "suite.h"

#define SECONDS 120
#define ROUNDS 3000
#define CPUS 2
#define SLOTS 64
#define ID 5

static union probe_element elements[PROBE_ELEMENTS(SLOTS)];
static struct victim stopped[CPUS];
static bool is_stopped[CPUS];
static atomic_int held;

static void *look_up(void *map, const void *key)
{
	__u32 index, cpu;

	if (map == &shared) {
		index = *(const __u32 *)key;
		return index < PROBE_ELEMENTS(SLOTS) ? &elements[index] : NULL;
	}
	cpu = (__u32)(*(const __u64 *)key >> 32);
	return is_stopped[cpu] ? &stopped[cpu] : NULL;
}

static long update(void *map, const void *key, const void *value)
{
	__u32 cpu = (__u32)(*(const __u64 *)key >> 32);

	ck_assert_ptr_eq(map, &victims);
	memcpy(&stopped[cpu], value, sizeof(stopped[cpu]));
	is_stopped[cpu] = true;
	return 0;
}

static long delete(void *map, const void *key)
{
	ck_assert_ptr_eq(map, &victims);
	is_stopped[*(const __u64 *)key >> 32] = false;
	return 0;
}

/* The queue with one token. */
__attribute__((unused)) static long pop(void)
{
	int none = 0;

	return atomic_compare_exchange_strong(&held, &none, 1) ? 0 : -1;
}

__attribute__((unused)) static void push(void)
{
	atomic_store(&held, 0);
}

static struct cgroup_root root = { .hierarchy_id = 3 };
static struct kernfs_node nodes[2];
static struct cgroup cgroups[2];
static struct task_group groups[2];
static atomic_uint arrived, torn, over;

/* Whoever comes last opens it. It spins: what meets here is to meet to the instruction. */
static void meet(unsigned round)
{
	atomic_fetch_add(&arrived, 1);
	for (unsigned spins = 0; atomic_load(&arrived) < round * CPUS; spins++)
		if (spins > 10000)
			sched_yield();
}

static void make_group(unsigned round)
{
	unsigned i = round % 2;

	nodes[i].id = round;
	cgroups[i] = (struct cgroup){ .kn = &nodes[i], .root = &root, .level = 1 };
	groups[i] = (struct task_group){
		.css = { .cgroup = &cgroups[i], .id = ID, .serial_nr = round }, .cfs_bandwidth.throttled_time = 10 * round,
	};
}

static __u64 lengths(const struct probe_slot *slot)
{
	__u64 sum = 0;

	for (int i = 0; i < PROBE_HIST; i++)
		sum += slot->hist[i];
	return sum;
}

static void check_group(unsigned round)
{
	const struct probe_header *header = &elements->header;
	union probe_element copy;

	ck_assert_int_eq(probe_copy_half(elements, SLOTS, ID, 1, &copy), 1);
	ck_assert_uint_eq(copy.slot.owner.cgroup, round);
	ck_assert_uint_eq(copy.slot.owner.hierarchy, 3);
	ck_assert_uint_eq(copy.slot.throttles, CPUS);
	ck_assert_uint_eq(copy.slot.hits, CPUS);
	ck_assert_uint_eq(copy.slot.ended, CPUS);
	ck_assert_uint_eq(copy.slot.open, 0);
	ck_assert_uint_ge(copy.slot.episodes, 1);
	ck_assert_uint_le(copy.slot.episodes, CPUS);
	ck_assert_uint_eq(lengths(&copy.slot), CPUS);
	ck_assert_uint_eq(copy.slot.ns, CPUS * 1000);
	ck_assert_uint_eq(copy.slot.kernel_base_ns, 10 * round);
	ck_assert_uint_eq(copy.slot.kernel_ns, 10 * round + CPUS * 1000);
	ck_assert_uint_eq(header->epoch, round);
	ck_assert_uint_eq(header->head, (__u64)CPUS * round);
	ck_assert_uint_eq(header->lost, 0);
	ck_assert_uint_eq(header->unpaired, 0);
	ck_assert_uint_eq(header->overflow, 0);
}

static void *run_cpu(void *argument)
{
	__u32 cpu = (__u32)(uintptr_t)argument;
	struct cfs_rq queue;
	struct task_struct task = { .se.cfs_rq = &queue, .pid = 7, .tgid = 7 };

	for (unsigned round = 1; round <= ROUNDS; round++) {
		struct task_group *group = &groups[round % 2];

		queue.tg = group;
		if (cpu == 0)
			make_group(round);
		meet(2 * round - 1);
		stop_begins(group, 1, cpu, &task);
		__sync_fetch_and_add(&group->cfs_bandwidth.throttled_time, 1000);
		stop_ends(group, 2, cpu, 1000, true);
		meet(2 * round);
		if (cpu == 0)
			check_group(round);
	}
	return NULL;
}

/* What is copied is of one moment. */
static void *run_reader(void *argument)
{
	union probe_element copy;
	const struct probe_slot *slot = &copy.slot;

	while (!atomic_load(&over))
		if (probe_copy_half(elements, SLOTS, ID, 1, &copy) == 1 &&
		    (lengths(slot) != slot->ended || slot->throttles - slot->ended != slot->open ||
		     slot->owner.cgroup != slot->owner.serial || (slot->ended && slot->kernel_ns <= slot->kernel_base_ns)))
			atomic_fetch_add(&torn, 1);
	return argument;
}

START_TEST(stops_at_once)
{
	pthread_t cpus[CPUS], reader;

	ck_assert_int_eq(pthread_create(&reader, NULL, run_reader, NULL), 0);
	for (uintptr_t i = 0; i < CPUS; i++)
		ck_assert_int_eq(pthread_create(&cpus[i], NULL, run_cpu, (void *)i), 0);
	for (int i = 0; i < CPUS; i++)
		pthread_join(cpus[i], NULL);
	atomic_store(&over, 1);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(torn, 0);
}
END_TEST

/* A program that came a whole round late does not mix its event with the one that is there. */
START_TEST(late_event)
{
	struct probe_owner owner = { .cgroup = 1 };
	struct probe_event *place = elements[PROBE_RING(SLOTS)].events;

	place->seq = PROBE_WRITING | 1;
	elements->header.head = PROBE_EVENTS;
	tell(PROBE_THROTTLE, &owner, 1, NULL, 0);
	ck_assert_uint_eq(place->seq, PROBE_WRITING | 1);
	ck_assert_uint_eq(elements->header.lost, 1);
	place->seq = PROBE_EVENTS + 1;
	elements->header.head = 0;
	tell(PROBE_THROTTLE, &owner, 1, NULL, 0);
	ck_assert_uint_eq(place->seq, PROBE_EVENTS + 1);
	ck_assert_uint_eq(elements->header.lost, 2);
	elements->header.head = 2 * PROBE_EVENTS;
	tell(PROBE_THROTTLE, &owner, 1, NULL, 0);
	ck_assert_uint_eq(place->seq, 2 * PROBE_EVENTS + 1);
	ck_assert_uint_eq(elements->header.lost, 2);
}
END_TEST

/* What a group that is gone has still to say is not the next one's. */
START_TEST(straggler)
{
	struct task_struct task = { .pid = 7 };
	struct cfs_rq queue;
	union probe_element copy;

	task.se.cfs_rq = &queue;
	for (unsigned round = 1; round <= 2; round++) {
		make_group(round);
		queue.tg = &groups[round % 2];
		stop_begins(queue.tg, 1, 0, &task);
	}
	is_stopped[0] = false;
	stop_ends(&groups[1], 2, 0, 1000, true);
	ck_assert_uint_eq(elements->header.unpaired, 1);
	ck_assert_int_eq(probe_copy_half(elements, SLOTS, ID, 1, &copy), 1);
	ck_assert_uint_eq(copy.slot.owner.cgroup, 2);
	ck_assert_uint_eq(copy.slot.throttles, 1);
	ck_assert_uint_eq(copy.slot.ended, 0);
}
END_TEST

int main(void)
{
	Suite *all = suite_create("test-probe-slot");
	TCase *tcase = tcase_create("slot");

	slots = SLOTS;
	tcase_set_timeout(tcase, SECONDS);
	tcase_add_test(tcase, stops_at_once);
	tcase_add_test(tcase, late_event);
	tcase_add_test(tcase, straggler);
	suite_add_tcase(all, tcase);
	return suite_run(all);
}
