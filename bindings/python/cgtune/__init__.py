# SPDX-License-Identifier: LGPL-2.1-or-later
"""cgtune - size thread pools and memory budgets from cgroup limits

    cgtune.init()        read the limits, plan, apply, remember: the one call of a service
    cgtune.threads()     worker threads to run; cgtune.memory() bytes to use
    cgtune.Limiter()     requests, admitted or refused
    cgtune.watch()       follow limits that change

By ctypes on libcgtune.so.0: <cgtune.h> and cgtune(3) say what each value means. What cannot be done raises
cgtune.Error, an OSError; what is not limited or not known is None.
"""

from ._core import *
from ._core import __all__ as _core_names
from ._limiter import *
from ._limiter import __all__ as _limiter_names

__all__ = _core_names + _limiter_names
