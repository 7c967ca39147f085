# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_abi - the structs and constants are those of the header, as a C compiler lays them out"""

import ctypes
import enum
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import cgtune
from cgtune import _abi

CC = os.environ.get("CC") or "cc"
HEADER = os.environ.get("CGTUNE_HEADER") or "/usr/include/cgtune.h"
STRUCTS = {
    "cgtune_report": _abi.Report, "cgtune_options": _abi.Options, "cgtune_limits": _abi.Limits,
    "cgtune_plan": _abi.Plan, "cgtune_usage": _abi.Usage, "cgtune_throttle": _abi.Throttle,
    "cgtune_change": _abi.Change, "cgtune_limiter_options": _abi.LimiterOptions, "cgtune_request": _abi.Request,
    "cgtune_waiter": _abi.Waiter, "cgtune_limiter_stats": _abi.LimiterStats,
}
ENUMS = {
    "CGTUNE_": (cgtune.Resource, cgtune.Flag), "CGTUNE_SOURCE_": (cgtune.Source,),
    "CGTUNE_ROUND_": (cgtune.Rounding,), "CGTUNE_REPORT_": (cgtune.ReportKind,),
    "CGTUNE_THROTTLE_": (cgtune.ThrottleSource,), "CGTUNE_COUNT_": (cgtune.Counting,),
    "CGTUNE_ORDER_": (cgtune.Order,), "CGTUNE_MODE_": (cgtune.Mode,), "CGTUNE_LIMITER_": (cgtune.LimiterFlag,),
    "CGTUNE_REQUEST_": (cgtune.RequestFlag,), "CGTUNE_OUTCOME_": (cgtune.Outcome,),
}


def members(prefix, kind):
    """Names as in C; a flag's NONE is Python's own."""
    for name, member in kind.__members__.items():
        if name != "NONE" or not issubclass(kind, enum.Flag):
            yield prefix + name, member.value


def ours():
    """What the C program is to print."""
    for name, struct in STRUCTS.items():
        yield f"sizeof(struct {name})", ctypes.sizeof(struct)
        for member, _ctype in struct._fields_:
            yield f"offsetof(struct {name}, {member})", getattr(struct, member).offset
            yield f"sizeof(((struct {name} *)0)->{member})", getattr(struct, member).size
    for prefix, kinds in ENUMS.items():
        for kind in kinds:
            yield from members(prefix, kind)
    yield "CGTUNE_UNLIMITED", _abi.UNLIMITED
    yield "CGTUNE_UNKNOWN", _abi.UNKNOWN
    yield "CGTUNE_PATH_SIZE", _abi.PATH_SIZE
    yield "CGTUNE_WAIT_SLOTS", _abi.WAIT_SLOTS


def header():
    with open(HEADER, encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)


@unittest.skipUnless(os.path.exists(HEADER), f"there is no {HEADER}")
class Header(unittest.TestCase):
    @unittest.skipUnless(shutil.which(CC.split()[0]), f"there is no compiler {CC}")
    def test_layout_and_constants_are_those_of_the_c_compiler(self):
        expected = list(ours())
        lines = "".join(f'\tprintf("%s %llu\\n", "{what}", (unsigned long long)({what}));\n' for what, _ in expected)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "layout.c"), "w", encoding="utf-8") as source:
                source.write(f'#include "{HEADER}"\n#include <stdio.h>\n\nint main(void)\n{{\n{lines}\treturn 0;\n}}\n')
            subprocess.run(CC.split() + ["-o", folder + "/layout", folder + "/layout.c"], check=True)
            said = subprocess.run([folder + "/layout"], check=True, stdout=subprocess.PIPE).stdout.decode()
        self.assertEqual(said.splitlines(), [f"{what} {value}" for what, value in expected])

    def test_no_struct_is_missing(self):
        # struct cgtune_limiter is opaque
        self.assertEqual(set(re.findall(r"^struct (\w+) \{", header(), re.MULTILINE)), set(STRUCTS))

    def test_no_constant_is_missing(self):
        names = set()
        for body in re.findall(r"^enum (?!cgtune_log\b)\w+ \{(.*?)^\}", header(), re.MULTILINE | re.DOTALL):
            names.update(re.findall(r"^\s+(CGTUNE_\w+)", body, re.MULTILINE))
        known = {name for prefix, kinds in ENUMS.items() for kind in kinds for name, _ in members(prefix, kind)}
        self.assertEqual(names - known, set())

    def test_no_function_is_missing(self):
        declared = set(re.findall(r"^(?!typedef)[a-z][\w ]*[ *]cgtune_(\w+)\(", header(), re.MULTILINE))
        # Those with options, or with a request, do what these do; release is finish.
        implied = {"init", "memory_available", "limiter_acquire", "limiter_try", "limiter_release"}
        self.assertEqual(declared - set(_abi.PROTOTYPES), implied)


if __name__ == "__main__":
    unittest.main()
