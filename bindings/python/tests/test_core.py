# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_core - limits, plan and getters: on a machine made of files, and on this one"""

import errno
import os
import subprocess
import sys
import tempfile
import unittest

import cgtune

FILES = {
    "proc/self/cgroup": "0::/a/b\n",
    "proc/self/mountinfo": "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "proc/meminfo": "MemTotal:       8388608 kB\n",
    "sys/devices/system/cpu/online": "0-7\n",
    "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
    "sys/fs/cgroup/a/memory.max": "1073741824\n",
    "sys/fs/cgroup/a/b/memory.max": "536870912\n",
    "sys/fs/cgroup/a/memory.current": "209715200\n",
    "sys/fs/cgroup/a/b/memory.current": "104857600\n",
    "sys/fs/cgroup/a/b/memory.stat": "inactive_file 1048576\n",
    "sys/fs/cgroup/a/b/cpu.stat": "usage_usec 17\nnr_periods 9\nnr_throttled 4\nthrottled_usec 3\n",
    "sys/fs/cgroup/a/cpu.stat": "usage_usec 25\nnr_periods 7\nnr_throttled 2\nthrottled_usec 6\n",
}


class Machine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def options(self, **others):
        return cgtune.Options(root=self.root, flags=cgtune.Flag.NO_ENV, **others)

    def test_limits_are_those_of_the_files(self):
        limits = cgtune.read(self.options())
        self.assertEqual((limits.cpu_quota_us, limits.cpu_period_us, limits.cpu), (150000, 100000, 1.5))
        self.assertEqual(limits.cpu_from, "/sys/fs/cgroup/a/cpu.max")
        self.assertEqual((limits.memory, limits.memory_high), (512 << 20, None))
        self.assertEqual(limits.memory_from, "/sys/fs/cgroup/a/b/memory.max")
        self.assertEqual((limits.cpu_source, limits.cpu_hierarchy), (cgtune.Source.CGROUP, 2))
        self.assertEqual(str(limits.cpu_source), "cgroup")
        self.assertEqual(limits.memory_physical, 8 << 30)

    def test_no_limit_is_none(self):
        self.write("sys/fs/cgroup/a/cpu.max", "max 100000\n")
        self.write("sys/fs/cgroup/a/memory.max", "max\n")
        self.write("sys/fs/cgroup/a/b/memory.max", "max\n")
        limits = cgtune.read(self.options())
        self.assertEqual((limits.cpu, limits.cpu_from, limits.memory, limits.memory_from), (None, None, None, None))
        self.assertEqual(limits.cpus, 8)
        decided = cgtune.plan(limits, self.options())
        self.assertEqual((decided.threads, decided.memory), (8, None))
        self.assertEqual(decided.limited, cgtune.Resource.NONE)

    def test_plan_of_limits_and_options(self):
        decided = cgtune.plan(options=self.options())
        self.assertEqual((decided.threads, decided.limit, decided.backlog), (2, 16, 128))
        self.assertEqual(decided.memory, (512 << 20) * 9 // 10)
        self.assertEqual(decided.limited, cgtune.Resource.CPU | cgtune.Resource.MEMORY)
        decided = cgtune.plan(options=self.options(rounding=cgtune.Rounding.FLOOR, permille=500))
        self.assertEqual((decided.threads, decided.memory), (1, 256 << 20))
        decided = cgtune.plan(options=self.options(cpu_milli=3000, memory=64 << 20))
        self.assertEqual((decided.threads, decided.threads_source), (3, cgtune.Source.OPTION))

    def test_limits_go_to_c_and_back(self):
        limits = cgtune.read(self.options())
        self.assertEqual(cgtune.plan(limits, self.options()), cgtune.plan(None, self.options()))
        again = limits._native()
        self.assertEqual(os.fsdecode(again.cpu_from), limits.cpu_from)
        self.assertEqual(again.memory_high, 2 ** 64 - 1)

    def test_use_and_throttling(self):
        use = cgtune.usage(self.options())
        self.assertEqual((use.memory, use.memory_inactive_file, use.cpu_ns), (100 << 20, 1 << 20, 17000))
        throttle = cgtune.throttle(self.options())  # of the level whose quota decides
        self.assertEqual((throttle.periods, throttle.throttled, throttle.throttled_ns), (7, 2, 6000))
        self.assertIsNone(throttle.throttles)
        self.assertEqual(throttle.source, cgtune.ThrottleSource.STAT)
        self.assertEqual(cgtune.memory_available(self.options()), (512 - 100 + 1) << 20)

    def test_another_cgroup(self):
        self.assertEqual(cgtune.read(self.options(cgroup="/a")).memory, 1 << 30)
        with self.assertRaises(cgtune.Error) as caught:
            cgtune.read(self.options(cgroup="/nowhere"))
        self.assertEqual(caught.exception.errno, errno.ENOENT)

    def test_warnings_are_told(self):
        self.write("sys/fs/cgroup/a/b/cpu.max", "many\n")
        reports = []
        cgtune.read(self.options(report=reports.append))
        warning = next(report for report in reports if report.kind == cgtune.ReportKind.WARNING)
        self.assertEqual((warning.file, warning.resource), ("/sys/fs/cgroup/a/b/cpu.max", cgtune.Resource.CPU))
        self.assertEqual(warning.value.strip(), "many")
        self.assertTrue(warning.text)

    def test_an_exception_of_a_report_comes_out(self):
        def report(_report):
            raise ZeroDivisionError("of the test")

        with self.assertRaises(ZeroDivisionError):
            cgtune.read(self.options(report=report))

    def test_errors_carry_number_and_sentence(self):
        with self.assertRaises(cgtune.Error) as caught:
            cgtune.read(self.options(permille=1001))
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        self.assertEqual(caught.exception.strerror, caught.exception.args[1])
        self.assertIsInstance(caught.exception, OSError)
        self.assertNotIn("unknown", caught.exception.strerror.lower())


class Values(unittest.TestCase):
    def test_a_source_of_a_newer_library_is_no_error(self):
        self.assertEqual(cgtune.Source(999), 999)
        self.assertIsInstance(str(cgtune.Source(999)), str)

    def test_every_source_has_a_word(self):
        words = {str(source) for source in cgtune.Source}
        self.assertEqual(len(words), len(cgtune.Source))
        self.assertLessEqual({"cgroup", "affinity", "host", "GOMAXPROCS"}, words)

    def test_version(self):
        self.assertRegex(cgtune.version(), r"^\d+\.\d+\.\d+$")

    def test_a_missing_library_is_an_import_error_that_says_which(self):
        with self.assertRaisesRegex(ImportError, "libcgtune-nowhere.so.0"):
            cgtune._abi.Library("libcgtune-nowhere.so.0")


# A process of its own: what cgtune_init() does is once for each.
INIT = """
import logging, os, sys
import cgtune
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
cgtune.set_logger(logging.getLogger("cgtune"))
tuned = cgtune.init(cgtune.Options(cpu_milli=1000, memory=128 << 20))
print(tuned == cgtune.Resource.CPU | cgtune.Resource.MEMORY, cgtune.threads(), cgtune.memory(), cgtune.pool_size(4, 2),
      cgtune.pool_size(1, 7), cgtune.memory_share(500), flush=True)
os.system("echo $OMP_NUM_THREADS $GOMEMLIMIT")
cgtune.undo()
os.system("echo $OMP_NUM_THREADS $GOMEMLIMIT.")
"""


class Process(unittest.TestCase):
    def test_init_getters_environment_and_undo(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("CGTUNE", "GOM", "OMP_", "AUTOMEM"))}
        said = subprocess.run([sys.executable, "-c", INIT], env=environment, stdout=subprocess.PIPE, check=True).stdout
        budget = (128 << 20) * 9 // 10
        lines = said.decode().splitlines()
        self.assertTrue(lines[0].startswith("INFO threads 1 (option)"), lines[0])
        self.assertEqual(lines[1:], [f"True 1 {budget} 4 7 {budget // 2}", f"1 {budget >> 20}MiB", "."])

    def test_the_descriptor(self):
        self.assertGreaterEqual(cgtune.fd(), 0)
        self.assertEqual(cgtune.fd(), cgtune.fd())
        self.assertIsInstance(cgtune.dispatch(), cgtune.Resource)


class Pools(unittest.TestCase):
    def test_their_sizes(self):
        from cgtune.futures import process_pool, thread_pool

        with thread_pool(2, 3, thread_name_prefix="job") as pool:
            self.assertEqual(pool._max_workers, cgtune.pool_size(2, 3))
            self.assertEqual(sum(pool.map(len, ["a"] * 100)), 100)
        with process_pool() as pool:
            self.assertEqual(pool._max_workers, cgtune.threads())
            self.assertEqual(pool.submit(len, "abc").result(), 3)


if __name__ == "__main__":
    unittest.main()
