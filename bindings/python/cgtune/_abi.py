# SPDX-License-Identifier: LGPL-2.1-or-later
"""_abi - libcgtune's C interface: the structs of <cgtune.h>, and its functions"""

import ctypes
from ctypes import (CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_int32, c_size_t, c_uint, c_uint32, c_uint64,
                    c_void_p)
from typing import TYPE_CHECKING, Any, List, Tuple

LIBRARY = "libcgtune.so.0"
UNLIMITED = UNKNOWN = 2 ** 64 - 1
PATH_SIZE = 4096
WAIT_SLOTS = 32


class Struct(ctypes.Structure):
    """A struct of the header. Those that begin with their size have it set."""

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self._fields_[0][0] == "size":
            self.size = ctypes.sizeof(self)


def _members(ctype: Any, names: str) -> List[Tuple[str, Any]]:
    return [(name, ctype) for name in names.split()]


class Report(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_uint32, "kind resource") +
                _members(c_char_p, "file variable value text"))


ReportFn: Any = CFUNCTYPE(None, POINTER(Report), c_void_p)


class Options(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_char_p, "root") + _members(c_uint64, "cpu_milli memory") +
                _members(c_uint32, "permille rounding flags") + _members(c_int32, "pid") +
                _members(c_char_p, "cgroup") + _members(ReportFn, "report") + _members(c_void_p, "report_user"))


class Limits(Struct):
    _fields_ = (_members(c_size_t, "size") +
                _members(c_uint64, "cpu_quota_us cpu_period_us memory memory_high memory_physical") +
                _members(c_uint32, "cpus cpus_source cpu_source memory_source cpu_hierarchy memory_hierarchy "
                                   "scheduler reserved") +
                _members(c_char * PATH_SIZE, "cpu_from memory_from"))


class Plan(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_uint64, "memory") +
                _members(c_uint32, "threads limit backlog threads_source memory_source limited tuned cpus flags "
                                   "reserved"))


class Usage(Struct):
    _fields_ = _members(c_size_t, "size") + _members(c_uint64, "memory memory_inactive_file cpu_ns")


class Throttle(Struct):
    _fields_ = (_members(c_size_t, "size") +
                _members(c_uint64, "periods throttled throttled_ns local_ns throttles episodes wall_ns max_ns "
                                   "since_ns updated_ns") +
                _members(c_uint32, "source reserved"))


class Change(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_uint32, "resource reserved") +
                _members(c_uint64, "old_limit new_limit old_value new_value"))


class LimiterOptions(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_char_p, "name") +
                _members(c_uint32, "limit backlog multiplier backlog_timeout_ms retry_after_s counting order mode "
                                   "min max status flags") +
                _members(c_uint64, "mem_per_request"))


class Request(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_uint32, "priority") + _members(c_int32, "timeout_ms") +
                _members(c_uint32, "flags reserved"))


class Waiter(Struct):
    _fields_ = (_members(Request, "request") + _members(c_void_p, "user next prev granted") +
                _members(c_uint64, "since_ns until_ns") + _members(c_int32, "result") + _members(c_uint32, "state"))


class LimiterStats(Struct):
    _fields_ = (_members(c_size_t, "size") + _members(c_char_p, "name") +
                _members(c_uint32, "limit limit_static backlog inflight waiting status") +
                _members(c_uint64, "admitted bypassed waited ok ignored dropped cancelled rejected_capacity "
                                   "rejected_timeout rejected_closed rejected_memory resized wait_ns") +
                _members(c_uint64 * WAIT_SLOTS, "wait_hist"))


ChangeFn: Any = CFUNCTYPE(None, POINTER(Change), c_void_p)
GrantedFn: Any = CFUNCTYPE(None, POINTER(Waiter), c_int)
LogFn: Any = CFUNCTYPE(None, c_int, c_char_p, c_void_p)

# name after "cgtune_": result, arguments
PROTOTYPES = {
    "init_with": (c_int, [POINTER(Options)]),
    "threads": (c_uint, []),
    "memory": (c_uint64, []),
    "fd": (c_int, []),
    "dispatch": (c_int, []),
    "set_interval": (None, [c_uint]),
    "on_change": (None, [ChangeFn, c_void_p]),
    "watch_start": (c_int, []),
    "watch_stop": (c_int, []),
    "undo": (c_int, []),
    "read": (c_int, [POINTER(Options), POINTER(Limits)]),
    "plan": (c_int, [POINTER(Options), POINTER(Limits), POINTER(Plan)]),
    "apply": (c_int, [POINTER(Plan)]),
    "usage_read": (c_int, [POINTER(Options), POINTER(Usage)]),
    "throttle_read": (c_int, [POINTER(Options), POINTER(Throttle)]),
    "pool_size": (c_uint, [c_uint, c_uint]),
    "memory_share": (c_uint64, [c_uint]),
    "memory_available_of": (c_int, [POINTER(Options), POINTER(c_uint64)]),
    "limiter_new": (c_int, [POINTER(LimiterOptions), POINTER(c_void_p)]),
    "limiter_free": (None, [c_void_p]),
    "limiter_acquire_as": (c_int, [c_void_p, POINTER(Request)]),
    "limiter_async": (c_int, [c_void_p, POINTER(Waiter), GrantedFn]),
    "limiter_cancel": (c_int, [c_void_p, POINTER(Waiter)]),
    "limiter_expire": (c_int, [c_void_p]),
    "limiter_finish": (None, [c_void_p, c_int]),
    "limiter_resize": (c_int, [c_void_p, c_uint32, c_uint32]),
    "limiter_close": (None, [c_void_p]),
    "limiter_drain": (c_int, [c_void_p, c_int]),
    "limiter_stats": (c_int, [c_void_p, POINTER(LimiterStats)]),
    "limiter_retry_after": (c_int, [c_void_p]),
    "limiter_reason": (c_char_p, [c_int]),
    "source_name": (c_char_p, [c_uint32]),
    "strerror": (c_char_p, [c_int]),
    "version": (c_char_p, []),
    "set_logger": (None, [LogFn, c_void_p]),
}


class Library:
    """The functions of the loaded library, without "cgtune_" before their names."""

    def __init__(self, name: str = LIBRARY) -> None:
        try:
            library = ctypes.CDLL(name)
        except OSError as error:
            raise ImportError(f"cgtune needs the C library {name} of the same release: {error}") from error
        for function, (result, arguments) in PROTOTYPES.items():
            native = getattr(library, "cgtune_" + function)
            native.restype = result
            native.argtypes = arguments
            setattr(self, function, native)

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any: ...


lib = Library()
