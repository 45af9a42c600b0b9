"""What a whole `penstock serve` costs: memory after 200 000 events, and CPU when idle. Prints figures; bounded.

Memory is the sum of the proportional set sizes (PSS) of all processes, which counts shared pages once; RSS is printed too.
"""

import argparse
import base64
import gzip
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

SETTINGS = """
data_dir = "{data}"
listen = "127.0.0.1:18180"
admin_listen = "127.0.0.1:18181"
sandbox_listen = "127.0.0.1:18190"
log_level = "warning"
[sources.server]
write_key = "key"
[destinations.custify]
api_key = "bench-api-key"
base_url = "http://127.0.0.1:18190"
[[connections]]
from = "server"
to = "custify"
"""
AUTH = {"Authorization": "Basic " + base64.b64encode(b"key:").decode(), "Content-Encoding": "gzip"}
DELIVER_S_MAX, IDLE_S, PEOPLE = 600, 10, 2_000


def started(command: str, config: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "penstock", command, "--config", str(config)])


def status() -> dict | None:
    try:
        with urllib.request.urlopen("http://127.0.0.1:18181/api/v1/status", timeout=10) as answer:
            return json.load(answer)["destinations"]["custify"]
    except OSError:
        return None


def send(first: int, count: int) -> None:
    events = [
        {
            # Everybody is identified first, or their events would wait for that; and again every now and then.
            "type": "identify" if i < PEOPLE or i % 7 == 0 else "track",
            "userId": f"u{i % PEOPLE}",
            "messageId": f"m{i}",
            "event": "Used",
            "properties": {"n": i, "feature": "export"},
            "traits": {"plan": "Pro", "seats": i % 50},
        }
        for i in range(first, first + count)
    ]
    body = gzip.compress(json.dumps({"batch": events}).encode(), 1)
    urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:18180/v1/batch", body, AUTH), timeout=30).read()


def family(process: subprocess.Popen) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def memory_mb(process: subprocess.Popen) -> tuple[float, float]:
    infos = [member.memory_full_info() for member in family(process)]
    return sum(info.pss for info in infos) / 1e6, sum(info.rss for info in infos) / 1e6


def idle_percent(process: subprocess.Popen) -> float:
    def used() -> float:
        return sum(sum(member.cpu_times()[:2]) for member in family(process))

    before = used()
    time.sleep(IDLE_S)
    return 100 * (used() - before) / IDLE_S


def main(events: int) -> None:
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        config = Path(folder) / "penstock.toml"
        config.write_text(SETTINGS.format(data=f"{folder}/data"))
        sandbox, server = started("sandbox", config), started("serve", config)
        try:
            while status() is None:
                time.sleep(0.1)
            print("at start: PSS {:.0f} MB, RSS {:.0f} MB".format(*memory_mb(server)))
            begin = time.perf_counter()
            for first in range(0, events, 100):
                send(first, 100)
            print(f"accepted {events} events in {time.perf_counter() - begin:.1f} s")
            print("after accepting: PSS {:.0f} MB, RSS {:.0f} MB".format(*memory_mb(server)), flush=True)
            while (counts := status()) and counts["waiting"] and time.perf_counter() - begin < DELIVER_S_MAX:
                time.sleep(0.5)
            seconds = time.perf_counter() - begin
            ended = {outcome: count for outcome, count in counts["outcomes"].items() if count}
            print(f"ended {ended} in {seconds:.1f} s: {sum(ended.values()) / seconds:.0f}/s")
            print("after delivering: PSS {:.0f} MB, RSS {:.0f} MB".format(*memory_mb(server)))
            time.sleep(3)
            print(f"idle: {idle_percent(server):.2f} % of one core, all processes together")
        finally:
            for process in (server, sandbox):
                process.terminate()
                process.wait(60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200_000)
    main(parser.parse_args().events)
