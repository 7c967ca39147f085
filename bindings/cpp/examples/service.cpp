// SPDX-License-Identifier: LGPL-2.1-or-later
/* service - as many threads as the container has CPUs for, and no more requests than they can do */
#include <cgtune.hpp>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

int main()
{
	if (int r = cgtune::init(); r < 0)		// before the first thread
		std::fprintf(stderr, "%s\n", cgtune::error(r).message());
	cgtune::watch watch([](const cgtune_change &change) {
		std::printf("threads or budget are now %llu\n", static_cast<unsigned long long>(change.new_value));
	});
	auto limiter = cgtune::limiter::make();
	if (!limiter)
		return 1;

	std::atomic<unsigned> served{0}, refused{0};
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < cgtune::threads(); i++)
		threads.emplace_back([&] {
			for (int request = 0; request < 1000; request++)
				if (auto slot = limiter->acquire())
					served++;		// given back at the end of the scope
				else
					refused++;		// 503, limiter->retry_after(), slot.error().reason()
		});
	for (auto &thread : threads)
		thread.join();
	std::printf("%u threads: %u served, %u refused\n", cgtune::threads(), served.load(), refused.load());
}
