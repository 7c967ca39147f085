# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_examples - they run, and the README shows them as they are"""

import os
import subprocess
import sys
import unittest
import urllib.request

import cgtune

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def text(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as file:
        return file.read()


class Examples(unittest.TestCase):
    def test_the_readme_shows_the_service(self):
        code = text("examples", "service.py").split('"""', 2)[2].lstrip("\n")
        self.assertIn(f"```python\n{code}```\n", text("README.md"))

    def test_the_service_serves(self):
        service = subprocess.Popen([sys.executable, os.path.join(HERE, "examples", "service.py")],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            line = service.stdout.readline().decode()
            self.assertRegex(line, rf"^{cgtune.threads()} threads, cache of [1-9]\d* bytes, listening on \d+$")
            with urllib.request.urlopen(f"http://127.0.0.1:{line.split()[-1]}/", timeout=60) as answer:
                self.assertEqual((answer.status, answer.read()), (200, b"499500\n"))
        finally:
            service.kill()
            service.stdout.close()
            service.wait()


if __name__ == "__main__":
    unittest.main()
