# SPDX-License-Identifier: LGPL-2.1-or-later
"""tap - run the tests of this folder and say so in TAP, as make check reads it"""

import os
import sys
import unittest


class TapResult(unittest.TestResult):
    def _line(self, status, test, directive=""):
        print(f"{status} {self.testsRun} - {test.id()}{directive}", flush=True)

    def _bad(self, test, error):
        self._line("not ok", test)
        print("# " + self._exc_info_to_string(error, test).rstrip().replace("\n", "\n# "), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("ok", test, f" # SKIP {reason}")


def main():
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
    print(f"1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
