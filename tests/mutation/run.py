"""Change the code that decides, one small change at a time, and see whether a quick test notices.

    PYTHONPATH=tests python tests/mutation/run.py [FILE ...]      # as in targets.toml; all of them by default

The tests of a file are collected once. Each mutant is then made in a child of its own, which runs only the tests that ran
the changed line, the quickest first, until one fails. What survives must stand in accepted.toml with its reason, and what
stands there must survive: otherwise the command fails.
"""

import ast
import collections
import dataclasses
import functools
import importlib
import itertools
import json
import os
import resource
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
from hypothesis import settings

from mutation.graft import graft
from mutation.mutants import Mutant, mutants_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# A mutant that goes on for ever is noticed, too; so is one that fills the memory.
CPU_S_MAX, MEMORY_BYTES_MAX = 30, 4 * 2**30
SURVIVED, NOTICED = 0, 1

# The same examples each time, few of them, and none remembered from one mutant to the next.
settings.register_profile(
    "mutants", settings.get_profile("default"), derandomize=True, database=None, deadline=None, max_examples=30
)

#: By test, which lines of the file it runs, and for how long, in seconds.
Looks = dict[str, tuple[set[int], float]]


@dataclasses.dataclass(slots=True, kw_only=True)
class Result:
    """What became of the mutants of one file."""

    mutants: int = 0
    survivors: list[Mutant] = dataclasses.field(default_factory=list)


class Runner:
    """A plug-in of pytest: instead of running the tests, it runs them once for each mutant, in children."""

    def __init__(self, path: Path) -> None:
        self.path, self.result = path, Result()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what goes to the disk: the promises of the reference in memory are the same."""
        items[:] = [item for item in items if "sqlite" not in item.name]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants."""
        module = _module_of(self.path)
        items = {item.nodeid: item for item in session.items}
        looks = _look(session.items, str(self.path))
        source = self.path.read_text()
        for index, mutant in enumerate(mutants_of(ast.parse(source))):
            tests = [items[name] for name in _who_looks(mutant, looks)]
            self.result.mutants += 1
            if _in_a_child(functools.partial(_try, module, source, index, tests)) == SURVIVED:
                self.result.survivors.append(mutant)
        return True


def _module_of(path: Path) -> ModuleType:
    return importlib.import_module(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))


def _who_looks(mutant: Mutant, looks: Looks) -> list[str]:
    """Return the tests that run a mutant's lines, the quickest first; for what is done at the import, all of them."""
    seen = {name: took_s for name, (lines, took_s) in looks.items() if not mutant.is_run or lines & set(mutant.lines)}
    return sorted(seen, key=lambda name: seen[name])


def _try(module: ModuleType, source: str, index: int, tests: Sequence[pytest.Item]) -> int:
    """Return whether somebody notices a mutant. A module that cannot even be imported is noticed by everybody."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    tree = ast.parse(source)
    mutants_of(tree)[index].apply()
    try:
        graft(module, tree)
    except Exception:  # noqa: BLE001 what a mutant raises is its own affair
        return NOTICED
    return SURVIVED if all(_passes(test) for test in tests) else NOTICED


def _passes(item: pytest.Item) -> bool:
    reports = _reports_of(item)
    return not any(report.failed for report in reports)


def _reports_of(item: pytest.Item) -> list[pytest.TestReport]:
    """Run one test and return its reports: as pytest does, with what is set up for it alone."""
    kept = _Kept()
    item.config.pluginmanager.register(kept)
    try:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    finally:
        item.config.pluginmanager.unregister(kept)
    return kept.reports


class _Kept:
    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(report)


def _look(items: Sequence[pytest.Item], path: str) -> Looks:
    """Run all tests once, in a child, and return what each of them looks at. Raises SystemExit if one fails."""
    reader, writer = os.pipe()

    def look() -> int:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            json.dump([_look_of(item, path) for item in items], out)
        return NOTICED

    pid = _begin(look)
    os.close(writer)
    with os.fdopen(reader) as into:
        found = json.load(into)
    os.waitpid(pid, 0)
    if failed := [name for name, passes, _, _ in found if not passes]:
        sys.exit(f"without any mutant these fail: {', '.join(failed)}")
    return {name: (set(lines), took_s) for name, _, lines, took_s in found}


def _look_of(item: pytest.Item, path: str) -> tuple[str, bool, list[int], float]:
    lines, began = set[int](), time.process_time()

    def in_file(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        lines.add(frame.f_lineno)
        return in_file

    def everywhere(frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        return in_file(frame, event, arg) if frame.f_code.co_filename == path else None

    sys.settrace(everywhere)
    try:
        passes = _passes(item)
    finally:
        sys.settrace(None)
    return item.nodeid, passes, sorted(lines), time.process_time() - began


def _begin(do: Callable[[], int]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = NOTICED
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = do()
    finally:
        os._exit(code)


def _in_a_child(do: Callable[[], int]) -> int:
    """Return what it returns; whatever else ends the child counts as noticed."""
    _, status = os.waitpid(_begin(do), 0)
    return SURVIVED if status == 0 else NOTICED


def run(path: Path, tests: Iterable[str]) -> Result:
    """Try all mutants of one file with the tests of it."""
    runner = Runner(path)
    chosen = [str(ROOT / "tests" / test) for test in tests]
    plugins = ["-qq", "--capture=no", "--assert=plain", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider"]
    code = pytest.main([*plugins, "--timeout=60", "--hypothesis-profile=mutants", *chosen], plugins=[runner])
    if code or not runner.result.mutants:
        sys.exit(f"the tests of {path} could not be run: pytest ends with {code}")
    return runner.result


def _judge(name: str, result: Result, accepted: Sequence[dict[str, str]]) -> bool:
    """Say what became of a file's mutants; return whether that is as it is written down."""
    known = collections.Counter((each["in"], each["mutant"]) for each in accepted)
    found = {(mutant.where, mutant.text): mutant for mutant in result.survivors}
    killed = result.mutants - len(found)
    print(
        f"{name}: {killed} of {result.mutants} noticed ({killed / result.mutants:.1%}), {len(found)} survive",
        flush=True,
    )
    for key in sorted(found.keys() - known.keys(), key=lambda key: found[key].lines.start):
        print(f"  line {found[key].lines.start}, survives and is not accepted: in = {key[0]!r}, mutant = {key[1]!r}")
    for key in sorted(known.keys() - found.keys()):
        print(f"  accepted, but there is no such survivor: in = {key[0]!r}, mutant = {key[1]!r}")
    return found.keys() == known.keys()


def main(names: Sequence[str]) -> int:
    """Try the mutants of these files, or of all; return 1 if one survives that should not, or the other way round."""
    targets = tomllib.loads((HERE / "targets.toml").read_text())
    accepted = tomllib.loads((HERE / "accepted.toml").read_text())
    if unknown := set(names) - targets.keys():
        sys.exit(f"not in targets.toml: {', '.join(sorted(unknown))}; expected some of {', '.join(targets)}")
    if without := [each["mutant"] for each in itertools.chain(*accepted.values()) if not each.get("why")]:
        sys.exit(f"accepted.toml does not say why: {'; '.join(without)}")
    is_good = True
    for name in names or targets:
        # Each file in a process of its own: pytest is begun anew, and nothing is left of the last one.
        is_good &= _in_a_child_that_speaks(name, targets[name], accepted.get(name, []))
    return 0 if is_good else 1


def _in_a_child_that_speaks(name: str, tests: Sequence[str], accepted: Sequence[dict[str, str]]) -> bool:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    code = 1
    try:
        code = 0 if _judge(name, run(ROOT / name, tests), accepted) else 1
    except BaseException as end:  # noqa: BLE001 the child ends here, whatever it was, and has said so
        traceback.print_exception(end)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
