# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_group - in a real cgroup of 1.5 CPUs and 256 MiB, whose quota this process changes itself

`cgtune run --cpus 1.5 --memory 256M` makes it; CGTUNE_TEST_GROUP says that it did.
"""

import asyncio
import os
import select
import unittest

import cgtune
from cgtune.futures import thread_pool
from test_limiter import until, wait_until

MEMORY = 256 << 20


def threads_of(cpus):
    """Rounded up, and no more than the CPUs that this process may use."""
    return min(int(-(-cpus // 1)), cgtune.read().cpus)


@unittest.skipUnless(os.environ.get("CGTUNE_TEST_GROUP"), os.environ.get("CGTUNE_TEST_WHY") or "not run by cgtune run")
class Group(unittest.TestCase):
    def setUp(self):
        self.limits = cgtune.read()
        self.set_cpus(1.5)
        self.addCleanup(self.set_cpus, 1.5)
        cgtune.dispatch()

    def set_cpus(self, cpus):
        quota = str(int(cpus * self.limits.cpu_period_us))
        v2 = f"{quota} {self.limits.cpu_period_us}"
        with open(self.limits.cpu_from, "w", encoding="ascii") as file:
            file.write(v2 if self.limits.cpu_hierarchy == 2 else quota)

    def test_limits_and_plan_and_pool(self):
        self.assertEqual((self.limits.cpu, self.limits.memory), (1.5, MEMORY))
        self.assertEqual((self.limits.cpu_source, self.limits.memory_source), (cgtune.Source.CGROUP,) * 2)
        self.assertIn(self.limits.cpu_hierarchy, (1, 2))
        self.assertEqual((cgtune.threads(), cgtune.memory()), (threads_of(1.5), MEMORY * 9 // 10))
        with thread_pool() as pool:
            self.assertEqual(pool._max_workers, threads_of(1.5))
        self.assertEqual(cgtune.Limiter().stats().limit, 8 * threads_of(1.5))

    def test_use(self):
        use = cgtune.usage()
        self.assertTrue(0 < use.memory <= MEMORY)
        self.assertTrue(0 < cgtune.memory_available() <= MEMORY)

    def test_throttling_is_counted(self):
        self.set_cpus(0.1)
        before = cgtune.throttle()

        def stopped():  # the kernel counts no time of a stop that nobody wants to run in
            for _ in range(100000):
                pass
            now = cgtune.throttle()
            return now.throttled > before.throttled and now.throttled_ns > before.throttled_ns

        self.assertTrue(wait_until(stopped))

    def test_a_watcher_tells_and_the_limiter_follows(self):
        limiter = cgtune.Limiter()
        changes = []
        with cgtune.watch(changes.append):
            self.set_cpus(0.5)
            self.assertTrue(wait_until(lambda: changes))
            self.assertEqual((changes[0].resource, changes[0].old_limit, changes[0].new_limit),
                             (cgtune.Resource.CPU, 1500, 500))
            self.assertEqual((changes[0].old_value, changes[0].new_value), (threads_of(1.5), 1))
            self.assertEqual(cgtune.threads(), 1)
            self.assertTrue(wait_until(lambda: limiter.stats().limit == 8))

    def test_a_loop_follows_by_the_descriptor(self):
        self.set_cpus(0.5)
        self.assertEqual(select.select([cgtune.fd()], [], [], 60)[0], [cgtune.fd()])
        self.assertTrue(wait_until(lambda: cgtune.dispatch() & cgtune.Resource.CPU))

        async def main():
            loop, changed = asyncio.get_running_loop(), []
            loop.add_reader(cgtune.fd(), lambda: changed.append(cgtune.dispatch()))
            self.set_cpus(1)
            self.assertTrue(await until(lambda: cgtune.Resource.CPU in changed))
            loop.remove_reader(cgtune.fd())

        asyncio.run(main())
        self.assertEqual(cgtune.threads(), 1)


if __name__ == "__main__":
    unittest.main()
