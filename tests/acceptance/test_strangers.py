"""Strangers at a running server: silent connections, half bodies, endless headers, small requests that are large in work.

What honest senders get beside them is told by the order of answers and by what is stored, not by seconds.
"""

import base64
import gzip
import os
import socket
import threading

import psutil
import pytest

from acceptance.conftest import http, until

pytestmark = pytest.mark.xdist_group("strangers")

SILENT, HALF, HEADERS = 300, 150, 600
# Python, the server, the store and the room for bodies; never what strangers send beside it.
RSS_BYTES_MAX = 250 * 1024 * 1024
EVENTS = 270_000


@pytest.fixture(scope="module")
def penstock(share):
    return share()


@pytest.fixture
def connect(penstock):
    """Return a function that opens a connection to ingest and sends something."""
    host, port = penstock.url.removeprefix("http://").split(":")
    opened = []

    def open_one(sent: bytes = b"") -> socket.socket:
        opened.append(socket.create_connection((host, int(port)), 10))
        opened[-1].sendall(sent)
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def accept_of(penstock) -> psutil.Process:
    return next(process for process in penstock.family() if process.cmdline()[-1] == "accept")


def head(auth: str, length: int, more: str = "") -> bytes:
    return (
        f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


def send_some(penstock, count: int = 30) -> None:
    """Send events as an SDK does; each must be taken."""
    for number in range(count):
        status, _, body = penstock.send({"type": "track", "userId": f"u{number}", "event": "Step"})
        assert (status, body) == (200, b"ok")


def test_silent_connections_and_half_bodies_leave_honest_traffic_as_it_was(penstock, connect):
    auth, rss = penstock.auth()["Authorization"], []
    for _ in range(SILENT):
        connect()
    for _ in range(HALF):
        half = connect(head(auth, 4_000_000))
        # A server that hangs up in the middle has done what is asked here.
        threading.Thread(target=lambda half=half: send_quietly(half, b"a" * 3_000_000), daemon=True).start()
    send_some(penstock)
    rss.append(accept_of(penstock).memory_info().rss)
    large = {"type": "track", "userId": "large", "event": "Step", "properties": {"text": "x" * 400_000}}

    assert until(lambda: penstock.send(large)[0] == 200, what="a large batch found no room")
    assert max(rss) < RSS_BYTES_MAX


def send_quietly(to: socket.socket, data: bytes) -> None:
    try:
        to.sendall(data)
    except OSError:
        to.close()


@pytest.mark.parametrize("size_bytes", [50_000, 390_000])
def test_headers_of_strangers_are_forgotten(penstock, connect, size_bytes):
    accept, held = accept_of(penstock), []
    # What a process needs to answer them at all, it needs once.
    for _ in range(2):
        for _ in range(HEADERS):
            key = base64.b64encode(os.urandom(size_bytes * 3 // 4)).decode()
            one = connect()
            send_quietly(one, head(f"Basic {key}", 2) + b"{}")
            one.close()
        send_some(penstock, 3)
        held.append(accept.memory_info().rss)

    assert held[1] - held[0] < HEADERS * size_bytes / 2


def test_others_are_answered_while_a_bomb_is_taken_apart(penstock):
    bomb = gzip.compress(b'{"batch":[' + b",".join([b'{"userId":"a"}'] * EVENTS) + b"]}")
    headers, answers = penstock.auth() | {"Content-Encoding": "gzip"}, []

    def attack() -> None:
        answers.append(http("POST", f"{penstock.url}/v1/batch", bomb, headers)[0])

    attackers = [threading.Thread(target=attack) for _ in range(8)]
    for attacker in attackers:
        attacker.start()
    while any(attacker.is_alive() for attacker in attackers):
        assert http("GET", f"{penstock.url}/health")[0] == 200
        answers.append("health")
    for attacker in attackers:
        attacker.join()

    assert [answer for answer in answers if answer != "health"] == [413] * 8
    # Between the first refusal and the last there are seven turns; in each of them others were answered.
    between = answers[answers.index(413) : len(answers) - answers[::-1].index(413)]
    assert between.count("health") >= 7
    assert accept_of(penstock).memory_info().rss < RSS_BYTES_MAX
