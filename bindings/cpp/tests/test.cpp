// SPDX-License-Identifier: LGPL-2.1-or-later
/* test - cgtune.hpp: values, refusals, and what gives itself back; in TAP, without exceptions and RTTI */
#include <cgtune.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
namespace fs = std::filesystem;

static int count, failed;

static void ok(bool good, const char *name)
{
	std::printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	failed += !good;
}

static bool is(const char *got, const char *expected)
{
	return std::strcmp(got, expected) == 0;
}

/* A machine made of files. */
static void write(const fs::path &path, const char *text)
{
	fs::create_directories(path.parent_path());
	std::ofstream(path) << text;
}

static void facts_and_decisions(const fs::path &root)
{
	write(root / "proc/self/cgroup", "0::/a\n");
	write(root / "proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	write(root / "proc/meminfo", "MemTotal: 8388608 kB\n");
	write(root / "sys/devices/system/cpu/online", "0-7\n");
	write(root / "sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	write(root / "sys/fs/cgroup/a/cpu.stat", "nr_periods 7\nnr_throttled 2\nthrottled_usec 6\n");
	write(root / "sys/fs/cgroup/a/memory.max", "536870912\n");
	write(root / "sys/fs/cgroup/a/memory.current", "104857600\n");
	std::string name = root.string();
	cgtune::options options;
	options.root = name.c_str();
	options.flags = CGTUNE_NO_ENV;

	auto limits = cgtune::limits::read(&options);
	ok(limits.has_value(), "limits are read");
	ok(limits->cpu_limit() == 1.5 && limits->memory_limit() == UINT64_C(536870912), "both of them");
	ok(!limits->memory_high_limit(), "one that is not there is no number");
	ok(is(cgtune::source_name(limits->cpu_source), "cgroup"), "who decided");
	auto plan = cgtune::plan::make(*limits, &options);
	ok(plan && plan->threads == 2 && plan->budget() == UINT64_C(483183820), "a plan");
	auto throttle = cgtune::read_throttle(&options);
	ok(throttle && throttle->periods == 7 && throttle->throttled_ns == 6000, "throttling");
	auto usage = cgtune::read_usage(&options);
	ok(usage && usage->memory == 104857600 && usage->cpu_ns == CGTUNE_UNKNOWN, "use");
	auto available = cgtune::memory_available(&options);
	ok(available && *available == 536870912 - 104857600, "what is left");

	write(root / "sys/fs/cgroup/a/cpu.max", "max 100000\n");
	limits = cgtune::limits::read(&options);
	ok(limits && !limits->cpu_limit() && limits->cpus == 8, "no quota");
	options.cgroup = "/nowhere";
	limits = cgtune::limits::read(&options);
	ok(!limits && limits.error().code() == -ENOENT && *limits.error().message(), "an error has number and sentence");
}

static void process_and_watch()
{
	ok(cgtune::init() >= 0 || cgtune::threads() >= 1, "init");
	ok(cgtune::threads() >= 1 && cgtune::pool_size(4) == 4 * cgtune::threads(), "threads, and a pool of more");
	ok(cgtune::memory() == cgtune::memory_share(1000), "all of the budget");
	for (int i = 0; i < 2; i++) {
		cgtune::watch watch([](const cgtune_change &) {});
		ok(watch.status() == 0, "a watcher, and one after it");
	}
	ok(cgtune_watch_stop() == 0, "it has ended");
}

static void slots()
{
	cgtune::limiter_options options;
	options.limit = 1;
	options.backlog = 1;
	options.retry_after_s = 7;
	auto made = cgtune::limiter::make(&options);
	ok(made.has_value(), "a limiter");
	cgtune::limiter limiter = std::move(*made);
	{
		auto slot = limiter.acquire();
		ok(slot.has_value() && limiter.stats().inflight == 1, "a slot");
		auto second = limiter.try_acquire();
		ok(!second && is(second.error().reason(), "capacity"), "a refusal");
		auto third = limiter.acquire(1ns);
		ok(!third && is(third.error().reason(), "timeout"), "a time-out, and 1 ns is not none");
		cgtune::request health;
		health.flags = CGTUNE_REQUEST_BYPASS;
		ok(limiter.acquire(health).has_value(), "a health check goes by, and is forgotten at once");
		ok(limiter.stats().inflight == 1 && limiter.stats().bypassed == 1, "which gave its slot back");
		cgtune::slot other = std::move(*slot);
		slot->finish();
		ok(limiter.stats().inflight == 1, "who was moved from has nothing to give back");
		other.finish(CGTUNE_OUTCOME_DROPPED);
		other.finish();
		ok(limiter.stats().inflight == 0 && limiter.stats().dropped == 1, "once");
	}
	ok(limiter.stats().inflight == 0 && limiter.stats().admitted == 2, "and no more");
	ok(limiter.retry_after() == 7s, "when to come again");
	auto last = limiter.acquire();
	ok(!limiter.drain(0s), "somebody is in");
	auto late = limiter.acquire();
	ok(!late && late.error().code() == -ESHUTDOWN, "closed");
	last->finish();
	ok(limiter.drain(), "nobody is in");
	options.status = 1;
	made = cgtune::limiter::make(&options);
	ok(!made && made.error().code() == -EINVAL, "options that are none");
}

static void threads()
{
	auto limiter = cgtune::limiter::make();
	std::atomic<int> inside{0}, most{0};
	std::vector<std::thread> all;

	limiter->resize(3, 100);
	for (int i = 0; i < 8; i++)
		all.emplace_back([&] {
			for (int n = 0; n < 500; n++) {
				auto slot = limiter->acquire();
				int now = ++inside, seen = most;
				while (seen < now && !most.compare_exchange_weak(seen, now))
					;
				--inside;
			}
		});
	for (auto &thread : all)
		thread.join();
	auto stats = limiter->stats();
	ok(stats.admitted == 4000 && stats.ok == 4000 && stats.inflight == 0, "threads: each request was admitted, and left");
	ok(most >= 1 && most <= 3, "no more than the limit at once");
}

int main(int argc, char **argv)
{
	static_assert(!std::is_copy_constructible_v<cgtune::slot> && !std::is_copy_constructible_v<cgtune::limiter>);
	static_assert(std::is_nothrow_move_constructible_v<cgtune::slot>);
	static_assert(sizeof(cgtune::options) == sizeof(cgtune_options) && sizeof(cgtune::limits) == sizeof(cgtune_limits));
	if (argc != 2)
		return 99;
	facts_and_decisions(argv[1]);
	process_and_watch();
	slots();
	threads();
	std::printf("1..%d\n", count);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
