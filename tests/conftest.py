"""For every test: nothing measures time, syncs that nobody asks about cost nothing, and what takes long begins first."""

import collections
import gc
import os
import shutil
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from contract.worlds import QUICK_DISK

settings.register_profile("shared-machine", deadline=None, suppress_health_check=list(HealthCheck))
# What `make sim-long` runs: --hypothesis-profile=deep
settings.register_profile("deep", settings.get_profile("shared-machine"), max_examples=5_000)
settings.load_profile("shared-machine")

# All that tests leave at one time is a small part of this; in a container there may be much less.
QUICK_BYTES_MIN = 2 * 1024**3
# The last of what a test said is shown when it fails; a story may say it a hundred thousand times.
LINES_MAX = 200
_said: collections.deque[dict[str, Any]] = collections.deque(maxlen=LINES_MAX)


def pytest_configure(config: pytest.Config) -> None:
    """Let folders of tests lie where a sync costs nothing: those of servers apart, see acceptance/conftest.py."""
    if QUICK_DISK.is_dir() and shutil.disk_usage(QUICK_DISK).free > QUICK_BYTES_MIN:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(QUICK_DISK))
    remember_logs()


def remember_logs() -> None:
    """Keep log lines as they are: to write them costs more than the events they are about."""
    structlog.configure(processors=[_remembered], wrapper_class=structlog.make_filtering_bound_logger(0))


def _remembered(_logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    _said.append({"level": method, **line})
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _logs() -> None:
    """Begin with the logs of this test alone, whatever the one before has set up."""
    remember_logs()
    _said.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed and _said:
        report.sections.append(("log lines", "\n".join(map(str, _said))))
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes long: at the end, no worker then waits long for the other."""
    items.sort(key=_place)


def pytest_collection_finish() -> None:
    """Let nobody look again and again through what stays until the end: thousands of tests and all of their modules."""
    gc.collect()
    gc.freeze()


def _place(item: pytest.Item) -> int:
    """Return 0 for stories and for modules that one worker has to do alone, 1 for those with servers, 2 for the others."""
    folders = {"acceptance", "sim"}.intersection(item.path.parts)
    if "sim" in folders or item.get_closest_marker("xdist_group"):
        return 0
    return 1 if folders else 2
