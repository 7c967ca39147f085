# SPDX-License-Identifier: LGPL-2.1-or-later
"""futures - pools of concurrent.futures, of the size that the container has CPUs for

Of the limits as they are when the pool is made: an executor of Python's does not change its size.
"""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from ._core import pool_size


def thread_pool(multiplier: int = 1, minimum: int = 1, **arguments: Any) -> ThreadPoolExecutor:
    """Threads: multiplier x cgtune.threads(), more than 1 where jobs wait more than they compute."""
    return ThreadPoolExecutor(max_workers=pool_size(multiplier, minimum), **arguments)


def process_pool(multiplier: int = 1, minimum: int = 1, **arguments: Any) -> ProcessPoolExecutor:
    """Processes, for jobs that hold the interpreter's lock."""
    return ProcessPoolExecutor(max_workers=pool_size(multiplier, minimum), **arguments)
