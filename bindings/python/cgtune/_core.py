# SPDX-License-Identifier: LGPL-2.1-or-later
"""_core - limits, plan, getters and live changes: what <cgtune.h> says, in Python's types"""

import atexit
import contextlib
import ctypes
import enum
import logging
import os
from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, Optional, Union

from . import _abi
from ._abi import lib


class Error(OSError):
    """What libcgtune refused: errno is the number, strerror the library's sentence."""

    def __init__(self, result: int) -> None:
        super().__init__(abs(result), lib.strerror(result).decode())


def check(result: int) -> int:
    if result < 0:
        raise Error(result)
    return result


class Resource(enum.IntFlag):
    NONE = 0
    CPU = 1
    MEMORY = 2
    MOVED = 4


class _Open(enum.IntEnum):
    """A value that a newer library knows and this module does not is a member without a name."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = str(value)
        member._value_ = value
        return member


class Source(_Open):
    """Who decided a value; str() gives the word that `cgtune show --json` has for it."""

    NONE = 0
    OPTION = 1
    CGROUP = 2
    AFFINITY = 3
    HOST = 4
    OFF = 5
    CPUS = 6
    MEMORY = 7
    THREADS = 8
    BUDGET = 9
    GOMAXPROCS = 10
    GOMEMLIMIT = 11
    AUTOMEMLIMIT = 12

    def __str__(self) -> str:
        return str(lib.source_name(self.value).decode())


class Rounding(enum.IntEnum):
    DEFAULT = 0
    CEIL = 1
    FLOOR = 2
    NEAREST = 3


class Flag(enum.IntFlag):
    NONE = 0
    NO_ENV = 1
    NO_APPLY = 2
    CALL_RUNTIMES = 4
    NO_PROBE = 8
    MAPPED = 16


class ReportKind(_Open):
    WARNING = 0
    LEVEL = 1
    NOTE = 2


class ThrottleSource(_Open):
    STAT = 0
    PROBE = 1
    MAPPED = 2


@dataclass(frozen=True)
class Report:
    """One line of the explanation of an answer."""

    kind: ReportKind
    resource: Resource
    file: Optional[str]
    variable: Optional[str]
    value: Optional[str]
    text: str


Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Options:
    """What to read and how to decide; struct cgtune_options. None or 0 is the default."""

    root: Optional[Path] = None
    cpu_milli: int = 0
    memory: int = 0
    permille: int = 0
    rounding: Rounding = Rounding.DEFAULT
    flags: Flag = Flag.NONE
    pid: int = 0
    cgroup: Optional[str] = None
    report: Optional[Callable[[Report], None]] = None


def _text(raw: Optional[bytes]) -> Optional[str]:
    return None if raw is None else os.fsdecode(raw)


def _known(value: int) -> Optional[int]:
    """None for CGTUNE_UNLIMITED and CGTUNE_UNKNOWN."""
    return None if value == _abi.UNLIMITED else value


def _unknown(value: Optional[int]) -> int:
    return _abi.UNLIMITED if value is None else value


class _Native:
    """Options as the library takes them, with all that they point to."""

    def __init__(self, options: Optional[Options]) -> None:
        self.error: Optional[BaseException] = None
        self.pointer: Any = None
        if options is None:
            return
        self.struct = _abi.Options(
            root=None if options.root is None else os.fsencode(options.root), cpu_milli=options.cpu_milli,
            memory=options.memory, permille=options.permille, rounding=options.rounding, flags=options.flags,
            pid=options.pid, cgroup=None if options.cgroup is None else os.fsencode(options.cgroup))
        if options.report is not None:
            self.struct.report = self._trampoline(options.report)
        self.pointer = ctypes.byref(self.struct)

    def _trampoline(self, report: Callable[[Report], None]) -> Any:
        def told(pointer: Any, _user: Any) -> None:
            raw = pointer.contents
            try:
                report(Report(ReportKind(raw.kind), Resource(raw.resource), _text(raw.file), _text(raw.variable),
                              _text(raw.value), _text(raw.text) or ""))
            except BaseException as error:  # no exception passes through C: call() raises it
                self.error = self.error or error

        return _abi.ReportFn(told)

    def call(self, function: Any, *arguments: Any) -> int:
        result = int(function(self.pointer, *arguments))
        if self.error is not None:
            raise self.error
        return check(result)


@dataclass(frozen=True)
class Limits:
    """What the kernel grants; struct cgtune_limits. None: no limit, or not known."""

    cpu_quota_us: int
    cpu_period_us: int
    memory: Optional[int]
    memory_high: Optional[int]
    memory_physical: Optional[int]
    cpus: int
    cpus_source: Source
    cpu_source: Source
    memory_source: Source
    cpu_hierarchy: Optional[int]
    memory_hierarchy: Optional[int]
    scheduler: int
    cpu_from: Optional[str]
    memory_from: Optional[str]

    @property
    def cpu(self) -> Optional[float]:
        """The CPU limit in CPUs, None without one. The exact pair is cpu_quota_us and cpu_period_us."""
        return self.cpu_quota_us / self.cpu_period_us if self.cpu_period_us else None

    def _native(self) -> _abi.Limits:
        return _abi.Limits(
            cpu_quota_us=self.cpu_quota_us, cpu_period_us=self.cpu_period_us, memory=_unknown(self.memory),
            memory_high=_unknown(self.memory_high), memory_physical=self.memory_physical or 0, cpus=self.cpus,
            cpus_source=self.cpus_source, cpu_source=self.cpu_source, memory_source=self.memory_source,
            cpu_hierarchy=self.cpu_hierarchy or 0, memory_hierarchy=self.memory_hierarchy or 0,
            scheduler=self.scheduler, cpu_from=os.fsencode(self.cpu_from or ""),
            memory_from=os.fsencode(self.memory_from or ""))


@dataclass(frozen=True)
class Plan:
    """Decisions; struct cgtune_plan. memory None: no budget."""

    memory: Optional[int]
    threads: int
    limit: int
    backlog: int
    threads_source: Source
    memory_source: Source
    limited: Resource
    tuned: Resource
    cpus: int
    flags: Flag


@dataclass(frozen=True)
class Usage:
    """What the cgroup uses now; struct cgtune_usage. None: not known."""

    memory: Optional[int]
    memory_inactive_file: Optional[int]
    cpu_ns: Optional[int]


@dataclass(frozen=True)
class Throttle:
    """What the CPU quota has done so far; struct cgtune_throttle. None: nobody counts it."""

    periods: Optional[int]
    throttled: Optional[int]
    throttled_ns: Optional[int]
    local_ns: Optional[int]
    throttles: Optional[int]
    episodes: Optional[int]
    wall_ns: Optional[int]
    max_ns: Optional[int]
    since_ns: Optional[int]
    updated_ns: Optional[int]
    source: ThrottleSource


@dataclass(frozen=True)
class Change:
    """A limit or a decision changed. Limits are in milli-CPUs or bytes, values in threads or bytes; None: no limit."""

    resource: Resource
    old_limit: Optional[int]
    new_limit: Optional[int]
    old_value: Optional[int]
    new_value: Optional[int]


_kept: List[_Native] = []


def init(options: Optional[Options] = None) -> Resource:
    """Read the limits, plan, apply and remember; call it before the first thread. What was tuned."""
    native = _Native(options)
    _kept.append(native)  # the library goes on reading its strings
    return Resource(native.call(lib.init_with))


def undo() -> None:
    """Take back what init() and apply() did to the environment."""
    check(lib.undo())


def threads() -> int:
    """Worker threads to run, at least 1."""
    return int(lib.threads())


def memory() -> Optional[int]:
    """Memory budget in bytes; None: no limit."""
    return _known(lib.memory())


def pool_size(multiplier: int = 1, minimum: int = 1) -> int:
    """multiplier x threads(), at least minimum: for a pool that waits more than it computes."""
    return int(lib.pool_size(multiplier, minimum))


def memory_share(permille: int) -> Optional[int]:
    """A part of the budget, for a cache; None: no limit."""
    return _known(lib.memory_share(permille))


def memory_available(options: Optional[Options] = None) -> Optional[int]:
    """Bytes left below the memory limit; None: no limit."""
    ret = ctypes.c_uint64()
    _Native(options).call(lib.memory_available_of, ctypes.byref(ret))
    return _known(ret.value)


def read(options: Optional[Options] = None) -> Limits:
    """Read the limits of a process: facts only."""
    raw = _abi.Limits()
    _Native(options).call(lib.read, ctypes.byref(raw))
    return Limits(raw.cpu_quota_us, raw.cpu_period_us, _known(raw.memory), _known(raw.memory_high),
                  raw.memory_physical or None, raw.cpus, Source(raw.cpus_source), Source(raw.cpu_source),
                  Source(raw.memory_source), raw.cpu_hierarchy or None, raw.memory_hierarchy or None,
                  raw.scheduler, _text(raw.cpu_from) or None, _text(raw.memory_from) or None)


def plan(limits: Optional[Limits] = None, options: Optional[Options] = None) -> Plan:
    """Decide: arithmetic on limits, by default those of read(options)."""
    raw = _abi.Plan()
    native = (limits or read(options))._native()
    _Native(options).call(lib.plan, ctypes.byref(native), ctypes.byref(raw))
    return Plan(_known(raw.memory), raw.threads, raw.limit, raw.backlog, Source(raw.threads_source),
                Source(raw.memory_source), Resource(raw.limited), Resource(raw.tuned), raw.cpus, Flag(raw.flags))


def apply(decided: Plan) -> None:
    """Set OMP_NUM_THREADS, GOMAXPROCS and GOMEMLIMIT where unset. For children: os.environ does not see it."""
    raw = _abi.Plan(
        memory=_unknown(decided.memory), threads=decided.threads, limit=decided.limit, backlog=decided.backlog,
        threads_source=decided.threads_source, memory_source=decided.memory_source, limited=decided.limited,
        tuned=decided.tuned, cpus=decided.cpus, flags=decided.flags)
    check(lib.apply(ctypes.byref(raw)))


def usage(options: Optional[Options] = None) -> Usage:
    """Read what the cgroup uses."""
    raw = _abi.Usage()
    _Native(options).call(lib.usage_read, ctypes.byref(raw))
    return Usage(_known(raw.memory), _known(raw.memory_inactive_file), _known(raw.cpu_ns))


def throttle(options: Optional[Options] = None) -> Throttle:
    """Read what the CPU quota has done."""
    raw = _abi.Throttle()
    _Native(options).call(lib.throttle_read, ctypes.byref(raw))
    return Throttle(_known(raw.periods), _known(raw.throttled), _known(raw.throttled_ns), _known(raw.local_ns),
                    _known(raw.throttles), _known(raw.episodes), _known(raw.wall_ns), _known(raw.max_ns),
                    _known(raw.since_ns), _known(raw.updated_ns), ThrottleSource(raw.source))


def fd() -> int:
    """One descriptor that becomes readable when to call dispatch(): loop.add_reader(fd(), dispatch)."""
    return check(lib.fd())


def dispatch() -> Resource:
    """Follow the limits, without blocking. What changed."""
    return Resource(check(lib.dispatch()))


def set_interval(milliseconds: int) -> None:
    """How often moves, removals and the affinity mask are looked at; 0: never."""
    lib.set_interval(milliseconds)


_change_handler: Optional[Callable[[Change], None]] = None


def _changed(pointer: Any, _user: Any) -> None:
    raw, handler = pointer.contents, _change_handler
    if handler is not None:
        handler(Change(Resource(raw.resource), _known(raw.old_limit), _known(raw.new_limit), _known(raw.old_value),
                       _known(raw.new_value)))


_changed_native = _abi.ChangeFn(_changed)


def on_change(handler: Optional[Callable[[Change], None]]) -> None:
    """Have handler called when a limit or a decision changes, by dispatch() or on the watcher's thread."""
    global _change_handler
    _change_handler = handler
    lib.on_change(_changed_native if handler is not None else _abi.ChangeFn(), None)


def watch_start() -> None:
    """A thread of the library's that waits for changes and dispatches them."""
    check(lib.watch_start())
    atexit.register(lib.watch_stop)  # its callback needs an interpreter


def watch_stop() -> None:
    """End the watcher, and wait for it."""
    check(lib.watch_stop())
    atexit.unregister(lib.watch_stop)


@contextlib.contextmanager
def watch(handler: Optional[Callable[[Change], None]] = None) -> Iterator[None]:
    """Follow the limits as long as the block runs; handler is called on another thread."""
    on_change(handler)
    watch_start()
    try:
        yield
    finally:
        watch_stop()
        on_change(None)


_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG}
_logger: Optional[logging.Logger] = None


def _logged(level: int, text: bytes, _user: Any) -> None:
    if _logger is not None:
        _logger.log(_LEVELS.get(level, logging.DEBUG), "%s", os.fsdecode(text))


_logged_native = _abi.LogFn(_logged)


def set_logger(logger: Optional[logging.Logger]) -> None:
    """Give the messages of init() and of live changes to a logger, whose handlers must not call cgtune."""
    global _logger
    _logger = logger
    lib.set_logger(_logged_native if logger is not None else _abi.LogFn(), None)


def version() -> str:
    """The library's version."""
    return str(lib.version().decode())


__all__ = [
    "Change", "Error", "Flag", "Limits", "Options", "Plan", "Report", "ReportKind", "Resource", "Rounding", "Source",
    "Throttle", "ThrottleSource", "Usage", "apply", "dispatch", "fd", "init", "memory", "memory_available",
    "memory_share", "on_change", "plan", "pool_size", "read", "set_interval", "set_logger", "threads", "throttle",
    "undo", "usage", "version", "watch", "watch_start", "watch_stop",
]
