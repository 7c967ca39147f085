# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_limiter - the admission limiter, by threads and by asyncio: no slot is lost, whoever gives up when"""

import asyncio
import errno
import gc
import os
import random
import threading
import time
import unittest

import cgtune


def wait_until(condition, seconds=60):
    """True as soon as it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


async def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.002)
    return True


class Blocking(unittest.TestCase):
    def test_admitted_then_refused_then_admitted(self):
        limiter = cgtune.Limiter(1, name="one", retry_after=7)
        with limiter.acquire() as slot:
            with self.assertRaises(cgtune.Rejected) as caught:
                limiter.acquire()
            self.assertEqual((caught.exception.errno, caught.exception.reason), (errno.EBUSY, "capacity"))
            self.assertEqual(limiter.stats().inflight, 1)
        slot.release()  # a second time is nothing
        with limiter.acquire(0):
            pass
        stats = limiter.stats()
        self.assertEqual((stats.name, stats.inflight, stats.admitted, stats.ok, stats.rejected_capacity),
                         ("one", 0, 2, 2, 1))
        self.assertEqual((limiter.retry_after(), sum(stats.wait_hist)), (7, 2))

    def test_reasons(self):
        limiter = cgtune.Limiter(1, 1)
        slot = limiter.acquire()
        with self.assertRaises(cgtune.Rejected) as caught:
            limiter.acquire(0.001)
        self.assertEqual((caught.exception.errno, caught.exception.reason), (errno.ETIMEDOUT, "timeout"))
        with limiter.acquire(bypass=True):
            self.assertEqual(limiter.stats().bypassed, 1)
        self.assertFalse(limiter.drain(0))
        with self.assertRaises(cgtune.Rejected) as caught:
            limiter.acquire()
        self.assertEqual((caught.exception.errno, caught.exception.reason), (errno.ESHUTDOWN, "closed"))
        slot.release()
        self.assertTrue(limiter.drain())

    def test_outcomes(self):
        limiter = cgtune.Limiter(1)
        for error in (ValueError, TimeoutError):
            with self.assertRaises(error), limiter.acquire():
                raise error
        limiter.acquire().finish(cgtune.Outcome.DROPPED)
        limiter.acquire()  # and forgotten
        gc.collect()
        stats = limiter.stats()
        self.assertEqual((stats.inflight, stats.ok, stats.ignored, stats.dropped), (0, 0, 2, 2))

    def test_bad_values_are_refused(self):
        with self.assertRaises(cgtune.Error) as caught:
            cgtune.Limiter(1, status=200)
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        limiter = cgtune.Limiter(1)
        with self.assertRaises(cgtune.Error):
            limiter.resize(0, 0)
        with self.assertRaises(cgtune.Error):
            limiter.acquire(priority=9)
        with self.assertRaises(ValueError):
            limiter.acquire(-1)

    def test_the_size_is_that_of_the_process(self):
        stats = cgtune.Limiter().stats()
        self.assertEqual((stats.limit, stats.backlog), (8 * cgtune.threads(), 64 * cgtune.threads()))
        self.assertEqual(cgtune.Limiter(multiplier=3).stats().limit, 3 * cgtune.threads())

    def test_many_threads_never_more_than_the_limit(self):
        limiter = cgtune.Limiter(3, 100)
        lock, inside, most = threading.Lock(), 0, 0

        def work():
            nonlocal inside, most
            for _ in range(50):
                with limiter.acquire():
                    with lock:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(0)
                    with lock:
                        inside -= 1

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = limiter.stats()
        self.assertLessEqual(most, 3)
        self.assertEqual((stats.admitted, stats.ok, stats.inflight, stats.waiting), (600, 600, 0, 0))

    def test_resize_admits_who_waits(self):
        limiter = cgtune.Limiter(1, 1)
        slot = limiter.acquire()
        got = []
        thread = threading.Thread(target=lambda: got.append(limiter.acquire()))
        thread.start()
        self.assertTrue(wait_until(lambda: limiter.stats().waiting == 1))
        limiter.resize(2, 1)
        thread.join()
        self.assertEqual(limiter.stats().inflight, 2)
        slot.release()
        got[0].release()

    def test_a_child_begins_with_no_slot_taken(self):
        limiter = cgtune.Limiter(1)
        slot = limiter.acquire()
        child = os.fork()
        if child == 0:
            os._exit(limiter.stats().inflight + (limiter.acquire() is None))
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        slot.release()

    def test_those_forgotten_are_freed(self):
        def mapped():
            with open("/proc/self/maps", encoding="utf-8") as file:
                return len(file.readlines())

        for _ in range(10):
            cgtune.Limiter(1)
        before = mapped()
        for _ in range(1000):
            cgtune.Limiter(1)
        self.assertLess(mapped(), before + 500)


class Submitted(unittest.TestCase):
    def test_at_once(self):
        limiter = cgtune.Limiter(1)
        answers = []
        first = limiter.submit(answers.append)
        self.assertEqual(first.result, 0)
        self.assertEqual(limiter.submit(answers.append).result, -errno.EBUSY)
        self.assertFalse(first.cancel())
        limiter.slot(first.result).release()
        self.assertEqual((answers, limiter.stats().inflight), ([], 0))

    def test_later_cancelled_and_too_late(self):
        limiter = cgtune.Limiter(1, 3)
        answers = []
        slot = limiter.acquire()
        waiting = [limiter.submit(answers.append) for _ in range(2)]
        late = limiter.submit(answers.append, 0.001)
        self.assertEqual([one.result for one in waiting + [late]], [None] * 3)
        self.assertTrue(waiting[0].cancel())
        self.assertTrue(wait_until(lambda: limiter.expire() is not None and answers == [-errno.ETIMEDOUT]))
        slot.release()
        self.assertEqual(answers, [-errno.ETIMEDOUT, 0])
        self.assertFalse(waiting[1].cancel())
        limiter.slot(0).release()
        self.assertEqual(limiter.stats().inflight, 0)
        self.assertEqual(cgtune._limiter._waiting, {})


class Tasks(unittest.TestCase):
    def run_in_loop(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 120))

    def test_waits_without_blocking_the_loop(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            with await limiter.acquire_async():
                task = asyncio.ensure_future(limiter.acquire_async())
                self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
                with self.assertRaises(cgtune.Rejected):
                    await limiter.acquire_async()
                self.assertFalse(task.done())
            with await task:
                self.assertEqual(limiter.stats().inflight, 1)
            self.assertEqual(limiter.stats().inflight, 0)

        self.run_in_loop(main())

    def test_a_thread_that_leaves_admits_a_task(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            slot = limiter.acquire()
            task = asyncio.ensure_future(limiter.acquire_async())
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
            thread = threading.Thread(target=slot.release)
            thread.start()
            with await task:
                thread.join()
            self.assertEqual(limiter.stats().inflight, 0)

        self.run_in_loop(main())

    def test_time_outs_come_though_nobody_leaves(self):
        async def main():
            limiter = cgtune.Limiter(1, 9, backlog_timeout=0.01)
            with await limiter.acquire_async():
                tasks = [asyncio.ensure_future(limiter.acquire_async(timeout)) for timeout in (None, 0.02, None, 0.005)]
                for done in await asyncio.gather(*tasks, return_exceptions=True):
                    self.assertIsInstance(done, cgtune.Rejected)
                    self.assertEqual(done.reason, "timeout")
            self.assertEqual(limiter.stats().rejected_timeout, 4)

        self.run_in_loop(main())

    def test_a_cancelled_task_leaves_nothing(self):
        async def main():
            limiter = cgtune.Limiter(1, 9)
            slot = await limiter.acquire_async()
            task = asyncio.ensure_future(limiter.acquire_async())
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual(limiter.stats().waiting, 0)
            task = asyncio.ensure_future(limiter.acquire_async())
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
            slot.release()  # granted, but the task has not run yet
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertTrue(await until(lambda: limiter.stats().inflight == 0))

        self.run_in_loop(main())

    def test_a_grant_for_a_loop_that_is_closed_is_given_back(self):
        limiter = cgtune.Limiter(1, 1)
        slot = limiter.acquire()
        loop = asyncio.new_event_loop()

        async def ask():
            cgtune._aio.Admission(limiter, cgtune._limiter.request_of(None, 0, False))

        loop.run_until_complete(ask())
        loop.close()
        slot.release()
        self.assertEqual((limiter.stats().waiting, limiter.stats().inflight), (0, 0))

    def test_a_storm_of_tasks_and_threads_loses_no_slot(self):
        limiter = cgtune.Limiter(2, 40, backlog_timeout=5)
        stop = threading.Event()

        def work():
            while not stop.is_set():
                try:
                    with limiter.acquire(0.01):
                        pass
                except cgtune.Rejected:
                    pass

        async def ask(number):
            chance = random.Random(number)
            try:
                with await limiter.acquire_async(chance.choice([None, 0.001, 0.05])):
                    await asyncio.sleep(chance.choice([0, 0.001]))
            except cgtune.Rejected:
                pass

        async def main():
            chance = random.Random(1)
            for turn in range(30):
                tasks = [asyncio.ensure_future(ask(turn * 100 + i)) for i in range(30)]
                await asyncio.sleep(0)
                for task in tasks:
                    if chance.random() < 0.3:
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            self.run_in_loop(main())
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        stats = limiter.stats()
        self.assertEqual((stats.inflight, stats.waiting), (0, 0))
        self.assertEqual(stats.admitted, stats.ok + stats.ignored + stats.dropped)
        self.assertEqual(cgtune._limiter._waiting, {})


if __name__ == "__main__":
    unittest.main()
