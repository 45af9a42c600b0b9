"""Measures all of it, prints a table, and writes it down: `make bench`. See --help of `make` for its variables.

Each measure is a process of its own, with a time within which it must have ended; one that fails or takes longer is named, and the
others go on. QUICK=1 is a short run. RECORD=1 writes bench/recorded.json, from which docs/performance.md is made; only a
whole run is recorded. ARGS are names of measures. BEFORE=<another checkout> is measured in turn where that is possible.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rounds import QUICK
from rows import Row, row_of, table

HERE = Path(__file__).parent
RECORDED, LAST = HERE / "recorded.json", Path(os.environ.get("BENCH_OUT", HERE / "last.json"))
#: In the order of an event's way, and how long each may take at most, in seconds: some three times what it takes on two cores with
#: nothing else to do. There all of them together take less than a quarter of an hour.
MEASURES = {
    "accept": 300,
    "open_loop": 120,
    "convert": 90,
    "deliver": 180,
    "cheap": 120,
    "wire": 120,
    "whole_way": 240,
    "end_to_end": 180,
    "latency": 150,
    "isolation": 420,
    "buffer": 300,
    "people": 300,
    "many": 240,
    "pages": 180,
    "ledger": 240,
    "guard": 120,
    "footprint": 180,
    "start": 60,
    "profile_deliver": 120,
}


def machine() -> dict[str, Any]:
    """Return what the figures depend on, and nothing that says whose machine it is."""
    return {
        "cpu": cpu_model(),
        "cores": psutil.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def cpu_model() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measured(name: str, s_max: float) -> dict[str, Any]:
    """Run one measure; raise RuntimeError when it fails, or takes too long. Leaves nothing running."""
    print(f"{name} (at most {s_max:.0f} s)", file=sys.stderr, flush=True)
    path = os.pathsep.join((str(HERE), str(HERE.parent / "tests")))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, str(HERE / f"{name}.py")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=s_max)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{name}: has not ended after {s_max:.0f} s") from None
    finally:
        end_group(process)
    lines = out.strip().splitlines()
    if process.returncode or not lines:
        raise RuntimeError(f"{name}: ended with {process.returncode}")
    return json.loads(lines[-1])


def end_group(process: "subprocess.Popen[str]") -> None:
    """End whatever a measure started and left; its group is its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(10)


def recorded() -> dict[str, Any]:
    """Return the recorded run; empty when there is none."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {}


def rows_by_name(run: Mapping[str, Any]) -> dict[str, Row]:
    """Return the rows of a run."""
    return {told["name"]: row_of(told) for told in run.get("rows", ())}


def run_all(names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Measure; return what was found, and a sentence for each measure that failed."""
    began, failed = time.time(), []
    found: dict[str, Any] = {
        "machine": machine(),
        "quick": QUICK,
        "load_before": os.getloadavg()[0],
        "rows": [],
        "profiles": {},
        "took_s": {},
    }
    for name in names:
        at = time.monotonic()
        try:
            said = measured(name, MEASURES[name])
        except RuntimeError as error:
            failed.append(str(error))
            print(f"FAILED {error}", file=sys.stderr, flush=True)
            continue
        found["took_s"][name] = round(time.monotonic() - at)
        print(f"   {name} took {found['took_s'][name]} s", file=sys.stderr, flush=True)
        found["rows"] += said["rows"]
        found["profiles"] |= said.get("profiles", {})
    return found | {"load_after": os.getloadavg()[0], "seconds": round(time.time() - began), "at": round(began)}, failed


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a measure failed. A target that is missed is a figure and no failure."""
    names = list(arguments) or list(MEASURES)
    if unknown := [name for name in names if name not in MEASURES]:
        print(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    is_to_record = bool(os.environ.get("RECORD"))
    if is_to_record and (QUICK or names != list(MEASURES)):
        print("only a whole run is recorded: no QUICK, no ARGS", file=sys.stderr)
        return 2
    found, failed = run_all(names)
    before = recorded()
    print(table([row_of(told) for told in found["rows"]], rows_by_name(before)))
    print(summary(found, before))
    LAST.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if failed:
        print("\n".join(f"FAILED {sentence}" for sentence in failed))
        return 1
    if is_to_record:
        RECORDED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print("recorded; `make docs` makes docs/performance.md of it")
    return 0


def summary(found: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Return in a few lines what the run was."""
    missed = [told["name"] for told in found["rows"] if told["holds"] is False]
    lines = [
        f"{len(found['rows'])} rows in {found['seconds']} s, load {found['load_before']:.1f} to {found['load_after']:.1f}"
    ]
    lines += [f"{len(missed)} targets missed"]
    if before and before["machine"] != found["machine"]:
        lines.append("the recorded run is of another machine: compare ratios, not figures")
    return "; ".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
