"""What pages, the API and the CLI ask of convert and Explain has a budget: it is done in a process of its own.

An event that costs more than a page may gets an answer that says so; other requests go on, in Python or in C code.
"""

import atexit
from collections.abc import Callable
from typing import TypeVar

from penstock.errors import TooCostly
from penstock.machine.apart import Budget, Died, Pool, Spent

# CPU seconds for one question. A usual event is explained in a few milliseconds, the largest in less than one second.
CPU_S_MAX = 3.0
# Two, so that one event that costs does not keep others from being looked at.
POOL = Pool(Budget(cpu_s_max=CPU_S_MAX), size=2)
atexit.register(POOL.close)

T = TypeVar("T")


def within_budget(function: Callable[..., T], *args: object) -> T:
    """Return what a pure function of a module returns, done elsewhere. Raises TooCostly."""
    try:
        return POOL.run(function, *args)
    except Spent as found:
        raise TooCostly(f"it takes more than {CPU_S_MAX:g} s of CPU to read it") from found
    except Died as found:
        raise TooCostly(f"the process that read it {found}") from found
