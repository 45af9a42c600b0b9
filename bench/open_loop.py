"""How long a request takes at half of what accept could take, sent by a schedule that waits for nobody, checkpoints included.

Beside it, in the same minute on the same disk: what a sync of 8 kB takes by itself, somewhere else in the same file system.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from load import Traffic, by_schedule, flood
from rounds import QUICK, percentile, say, sized
from rows import Row
from serving import Penstock, main_of, one_way, place

SECONDS, LIMIT_S, CONNECTIONS, PROBE_EVERY_S, PROBED_BYTES = sized(20, 6), sized(3, 2), 32, 0.02, 8_192
NOWHERE = "http://127.0.0.1:9"


def probe(folder: Path, seconds: float) -> None:
    """Sync now and then, and print how long each took, in ms."""
    until, took_ms = time.monotonic() + seconds, []
    with (folder / "synced").open("wb", buffering=0) as file:
        while time.monotonic() < until:
            file.write(os.urandom(PROBED_BYTES))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took_ms.append(1000 * (time.perf_counter() - began))
            time.sleep(PROBE_EVERY_S)
    print(json.dumps(took_ms), flush=True)


def main() -> None:
    with place() as root, Penstock(root / "accept", one_way(NOWHERE)) as penstock:
        penstock.start("accept")
        limit, _ = flood(penstock.port, Traffic(), seconds=LIMIT_S, connections=CONNECTIONS, usage=penstock.cpu_us)
        command = [*main_of("open_loop"), str(root), str(SECONDS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as probing:
            used = penstock.cpu_us()
            late = by_schedule(penstock.port, Traffic(number=10**9), per_s=limit / 2, seconds=SECONDS, connections=256)
            used = (penstock.cpu_us() - used) / len(late)
            synced = json.loads(probing.communicate(timeout=60)[0])
    sync_ms = percentile(synced, 0.99)
    say(
        *(
            Row(
                name=f"accept at half its limit: p{text} of a request",
                unit="ms",
                figure=1000 * percentile(late, share),
                beside="p99 of a sync",
                limit=sync_ms,
                target=target,
                cpu_us=used,
                note=f"{limit / 2:.0f} requests a second for {SECONDS} s{', a short run' if QUICK else ''}",
            )
            for text, share, target in (("50", 0.5, ""), ("99", 0.99, "<= 2"), ("99.9", 0.999, "<= 3"))
        )
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        probe(Path(sys.argv[1]), float(sys.argv[2]))
    else:
        main()
