"""Python reads this when it starts: `convert` never ends for events that ask for it by name, in Python or in C code.

A step has a tenth of its budgets to end, so that the tests cost a tenth: what they are is counted to the line elsewhere.
"""

import collections
import itertools
import sys
from importlib import import_module

sys.modules["rich"] = None

ENDLESS = {
    "never ends, in Python": lambda: sum(1 for _ in itertools.repeat(None)),
    # It holds Python's lock, and looks for no signal.
    "never ends, in C": lambda: collections.deque(itertools.repeat(None), maxlen=0),
}
package = import_module("penstock.destinations.custify.convert")
real = package.convert


def convert(event, mapping):
    if isinstance(event, dict) and event.get("event") in ENDLESS:
        ENDLESS[event["event"]]()
    return real(event, mapping)


package.convert = import_module("penstock.destinations.custify.convert.convert").convert = convert

apart = import_module("penstock.machine.apart")
usual = apart.Budget


def budget(*, cpu_s_max, lines_max=None):
    return usual(cpu_s_max=cpu_s_max / 10, lines_max=lines_max and lines_max // 10)


apart.Budget = budget
