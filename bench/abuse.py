"""What strangers can do to a running server while honest traffic goes on beside them. Prints every figure; bounded.

Each attack of attacks.py has a window; before it there is a calm window, so that a noisy machine is noisy for both.
Honest traffic is a server's: single events at a fixed pace, sent again as an SDK does when it is refused. What counts: its
p99 while attacked beside its p99 when calm, that none of it is lost, the memory of all processes, and what lies on the disk.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from attacks import ADMIN, ATTACKS, WEB_KEY, attack, basic

INGEST, ADMIN_PORT, SANDBOX = 18380, 18381, 18390
SERVER_KEY, PASSWORD = "key-of-the-server", "a password of the bench"
CALM_S, WINDOW_S = float(os.environ.get("BENCH_CALM_S", "8")), float(os.environ.get("BENCH_WINDOW_S", "15"))
RATE_PER_S, CONNECTIONS, PEOPLE, SETTLE_S_MAX = 50, 8, 200, 300
RATIO_MAX, MEMORY_MB_MAX = 2.0, 400
SETTINGS = f"""
data_dir = "FOLDER/data"
listen = "127.0.0.1:{INGEST}"
admin_listen = "127.0.0.1:{ADMIN_PORT}"
sandbox_listen = "127.0.0.1:{SANDBOX}"
admin_password_file = "FOLDER/password"
log_level = "warning"
[sources.web]
type = "web"
write_key = "{WEB_KEY}"
[sources.server]
write_key = "{SERVER_KEY}"
[destinations.custify]
api_key = "bench-api-key"
base_url = "http://127.0.0.1:{SANDBOX}"
[[connections]]
from = "web"
to = "custify"
[[connections]]
from = "server"
to = "custify"
"""


class Window(NamedTuple):
    """How honest requests fared for a while."""

    latencies_ms: list[float]
    #: Answers other than 200, which were sent again.
    refused: int

    def p(self, share: float) -> float:
        """Return the latency that a share of the requests stayed below, in milliseconds."""
        return sorted(self.latencies_ms)[int(share * (len(self.latencies_ms) - 1))]


class Honest:
    """A server's SDK: single events at a fixed pace, each until it is taken."""

    def __init__(self) -> None:
        self.sent, self.refused, self.latencies_ms = 0, 0, list[float]()
        self.free: asyncio.Queue[list] = asyncio.Queue()

    async def run(self, seconds: float) -> Window:
        """Send for a while."""
        self.latencies_ms, self.refused = [], 0
        for _ in range(CONNECTIONS - self.free.qsize()):
            self.free.put_nowait([])
        began, tasks = time.perf_counter(), []
        for number in range(int(seconds * RATE_PER_S)):
            due = began + number / RATE_PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(self._one(self.sent, due)))
            self.sent += 1
        await asyncio.gather(*tasks)
        return Window(self.latencies_ms, self.refused)

    async def _one(self, number: int, due: float) -> None:
        person = f"honest-{number % PEOPLE}"
        event = {"type": "track", "userId": person, "event": "Honest", "messageId": f"honest-{number}"}
        if number < PEOPLE:
            event = event | {"type": "identify", "traits": {"plan": "Pro"}}
        body = json.dumps(event).encode()
        head = f"POST /v1/{event['type']} HTTP/1.1\r\nHost: 127.0.0.1:{INGEST}\r\n"
        head += f"Authorization: {basic(SERVER_KEY)['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection = await self.free.get()
        try:
            while await self._status(connection, head.encode() + body) != 200:
                self.refused += 1
                await asyncio.sleep(0.25)
        finally:
            self.free.put_nowait(connection)
        self.latencies_ms.append((time.perf_counter() - due) * 1000)

    async def _status(self, connection: list, request: bytes) -> int:
        try:
            if not connection:
                connection.extend(await asyncio.open_connection("127.0.0.1", INGEST))
            reader, writer = connection
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            return int(head.split(b" ", 2)[1])
        except (OSError, EOFError, TimeoutError):
            if connection:
                connection[1].transport.abort()
            connection.clear()
            return 0


class Watcher(threading.Thread):
    """Follows the memory of the server, and when honest events reached Custify."""

    def __init__(self, server: subprocess.Popen) -> None:
        super().__init__(daemon=True)
        self.server, self.memory_mb_max, self.arrived, self.since = server, 0.0, dict[str, float](), 0

    def run(self) -> None:
        """Look twice a second, until the bench ends."""
        while True:
            self.memory_mb_max = max(self.memory_mb_max, memory_mb(self.server))
            self.look()
            time.sleep(0.5)

    def look(self) -> None:
        """Read what the sandbox received since the last look."""
        while page := get(SANDBOX, f"/_sandbox/requests?since={self.since}&limit=1000")["requests"]:
            self.since = page[-1]["n"]
            bodies = [call["body"] for call in page if isinstance(call["body"], dict)]
            ids = [str(body.get("deduplication_id", "")) for body in bodies]
            self.arrived |= {id_: time.monotonic() for id_ in ids if id_.startswith("honest-")}


def get(port: int, path: str) -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=basic(ADMIN, PASSWORD))
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def memory_mb(server: subprocess.Popen) -> float:
    parent = psutil.Process(server.pid)
    sizes = []
    for member in [parent, *parent.children(recursive=True)]:
        try:
            sizes.append(member.memory_full_info().pss)
        except psutil.NoSuchProcess:
            continue
    return sum(sizes) / 1e6


def until_up(port: int, path: str) -> None:
    for _ in range(300):
        try:
            get(port, path)
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}")


def chosen() -> Iterator[str]:
    wanted = sys.argv[1:]
    return (each.__name__ for each in ATTACKS if not wanted or each.__name__ in wanted)


async def attacked(honest: Honest, name: str) -> tuple[Window, object]:
    """Send honest events while another process attacks; return how they fared, and what the attacker was told."""
    ours, theirs = multiprocessing.Pipe()
    attacker = multiprocessing.Process(target=attack, args=(name, INGEST, ADMIN_PORT, WINDOW_S, theirs.send))
    attacker.start()
    window = await honest.run(WINDOW_S)
    await asyncio.to_thread(attacker.join, 90)
    told = ours.recv() if ours.poll() else "nothing: the attacker did not end"
    attacker.kill()
    return window, told


async def measure(watcher: Watcher) -> tuple[Honest, list[float]]:
    honest, ratios = Honest(), list[float]()
    await honest.run(PEOPLE / RATE_PER_S + CALM_S)
    for name in chosen():
        calm = await honest.run(CALM_S)
        window, told = await attacked(honest, name)
        ratios.append(window.p(0.99) / calm.p(0.99))
        waiting = honest.sent - PEOPLE - len(watcher.arrived)
        print(
            f"{name}: honest p50 {window.p(0.5):.1f} ms, p99 {window.p(0.99):.1f} ms, calm {calm.p(0.5):.1f} and"
            f" {calm.p(0.99):.1f}: {ratios[-1]:.2f} of calm; refused and sent again {window.refused}; not yet at Custify"
            f" {waiting}; memory at most {watcher.memory_mb_max:.0f} MB; the attacker was told {told}",
            flush=True,
        )
    return honest, ratios


def settled(honest: Honest, watcher: Watcher) -> int:
    """Wait until every honest event reached Custify; return how many did not."""
    deadline = time.monotonic() + SETTLE_S_MAX
    while (lost := honest.sent - PEOPLE - len(watcher.arrived)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return lost


def signed_in() -> urllib.request.OpenerDirector:
    """Sign in as somebody does who was here before the attacks."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    form = f"name={ADMIN}&password={PASSWORD.replace(' ', '+')}".encode()
    browser.open(f"http://127.0.0.1:{ADMIN_PORT}/signin", form, timeout=90).read()
    return browser


def looked_at(browser: urllib.request.OpenerDirector) -> None:
    """Look at pages about what strangers sent, as a person does; print how large they are and how long they took."""
    for count in (3_000, 60_000):
        event = {"type": "identify", "userId": f"large-{count}", "messageId": f"large-{count}"}
        body = json.dumps(event | {"traits": {f"key_{n}": f"value {n}" for n in range(count)}}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{INGEST}/v1/identify", body, basic(SERVER_KEY))
        urllib.request.urlopen(request, timeout=60).read()
    for page in (
        "events/custify/large-3000",
        "events/custify/large-60000",
        "live",
        "people",
        "problems",
        "mapping/custify",
    ):
        began = time.perf_counter()
        try:
            size = len(browser.open(f"http://127.0.0.1:{ADMIN_PORT}/{page}", timeout=90).read())
        except urllib.error.HTTPError as error:
            size = -error.code
        print(f"page /{page}: {size / 1e3:.0f} kB in {time.perf_counter() - began:.2f} s", flush=True)


def main(folder: Path) -> int:
    config = folder / "penstock.toml"
    config.write_text(SETTINGS.replace("FOLDER", str(folder)))
    (folder / "password").write_text(PASSWORD)
    command = [sys.executable, "-m", "penstock"]
    with (folder / "log").open("wb") as log:
        servers = [
            subprocess.Popen([*command, part, "--config", str(config)], stderr=log, stdout=log)
            for part in ("sandbox", "serve")
        ]
        try:
            until_up(SANDBOX, "/_sandbox/state")
            until_up(ADMIN_PORT, "/api/v1/status")
            until_up(INGEST, "/health")
            browser = signed_in()
            watcher = Watcher(servers[1])
            watcher.start()
            honest, ratios = asyncio.run(measure(watcher))
            lost = settled(honest, watcher)
            looked_at(browser)
        finally:
            for server in reversed(servers):
                server.terminate()
                server.wait(60)
    disk_mb = sum(file.stat().st_size for file in (folder / "data").rglob("*") if file.is_file()) / 1e6
    lines = (folder / "log").read_bytes().count(b"\n")
    print(
        f"honest events {honest.sent}, lost {lost}; p99 at most {max(ratios):.2f} of calm (goal {RATIO_MAX}), median"
        f" {statistics.median(ratios):.2f}; memory at most {watcher.memory_mb_max:.0f} MB (goal {MEMORY_MB_MAX});"
        f" on the disk {disk_mb:.0f} MB; lines logged {lines}"
    )
    return 0 if lost == 0 and max(ratios) <= RATIO_MAX and watcher.memory_mb_max <= MEMORY_MB_MAX else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="penstock-abuse-") as name:
        sys.exit(main(Path(name)))
