"""Python reads this when it starts: the wall clock of this process is as far from the machine's as a file says.

libfaketime would move it below Python, but with it CPython's time.sleep fails (EINVAL) once the clock was set back, since it
waits for an absolute time of the monotonic clock. The product asks for the wall clock in one place, by this function.
"""

import os
import sys
import time
from pathlib import Path

# As in tests/acceptance/as_installed: a package that users do not have, and that makes every start slower.
sys.modules["rich"] = None

_LOOK_S = 0.05
_file, _real, _monotonic = Path(os.environ["CHAOS_CLOCK"]), time.time, time.monotonic
_seen = [float("-inf"), 0.0]


def _now() -> float:
    if _monotonic() - _seen[0] > _LOOK_S:
        _seen[:] = _monotonic(), float(_file.read_text())
    return _real() + _seen[1]


time.time = _now
