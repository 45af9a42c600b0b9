"""How soon Penstock is there: `serve` in a new folder until its first event is taken, and `penstock --help`."""

import os
import socket
import subprocess
import sys
import time

from load import Traffic
from rounds import in_turn, median, say
from rows import Row
from serving import ROOT, Penstock, one_way, place

NOWHERE = "http://127.0.0.1:9"


def first_taken_s() -> tuple[float, float]:
    """Return seconds until the first 200, and processor seconds until then."""
    with place() as root, Penstock(root / "start", one_way(NOWHERE)) as penstock:
        began = time.monotonic()
        penstock.start()
        while not taken(penstock.port):
            time.sleep(0.005)
        return time.monotonic() - began, penstock.cpu_us() / 1e6


def taken(port: int) -> bool:
    """Send an event; return whether it was taken."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(Traffic().request())
        return line.recv(4_096).startswith(b"HTTP/1.1 200")


def help_s() -> float:
    """Return how long the list of commands takes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests/acceptance/as_installed")}
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "penstock", "--help"], env=environment, check=True, capture_output=True)
    return time.monotonic() - began


def main() -> None:
    found = in_turn({"serve": first_taken_s, "help": help_s})
    say(
        Row(
            name="start: serve takes its first event",
            unit="s",
            figure=median(found["serve"], lambda each: each[0]),
            target="<= 1",
            note=f"{median(found['serve'], lambda each: each[1]):.1f} s of processor time by then, three processes and who watches them",
        ),
        Row(name="start: penstock --help", unit="s", figure=median(found["help"]), target="<= 0.15"),
    )


if __name__ == "__main__":
    main()
