"""Python reads this when it starts: `convert` never ends for events that ask for it by name, in Python or in C code."""

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
package = import_module("penstock.convert")
real = package.convert


def convert(event, mapping):
    if isinstance(event, dict) and event.get("event") in ENDLESS:
        ENDLESS[event["event"]]()
    return real(event, mapping)


package.convert = import_module("penstock.convert.convert").convert = convert
