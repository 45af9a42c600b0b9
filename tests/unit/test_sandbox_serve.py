"""The sandbox as a program: a port, a data file, a signal."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ports import free_port

PROGRAM = """
import pathlib, sys
from penstock.sandbox.serve import serve
serve(host="127.0.0.1", port=int(sys.argv[1]), data=pathlib.Path(sys.argv[2]), api_keys=frozenset({"k"}))
"""


class Program:
    def __init__(self, port: int, data: str) -> None:
        self.port = port
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port), data], stderr=subprocess.PIPE)

    def connect(self) -> http.client.HTTPConnection:
        while self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.connect()
            except ConnectionRefusedError:
                continue
            return connection
        raise AssertionError(self.process.stderr.read().decode())

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        connection = self.connect()
        try:
            connection.request(method, path, json.dumps(body), {"Authorization": "Bearer k"})
            got = connection.getresponse()
            return got.status, json.loads(got.read())
        finally:
            connection.close()

    def end(self, with_signal: signal.Signals) -> int:
        self.process.send_signal(with_signal)
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def start(tmp_path) -> Iterator:
    programs = []

    def _start(port: int) -> Program:
        programs.append(Program(port, str(tmp_path / "sandbox.jsonl")))
        return programs[-1]

    yield _start
    for program in programs:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


@pytest.mark.timeout(60)
def test_what_was_answered_survives_kill_9_and_a_lost_answer_is_cut_off(start):
    port = free_port()
    program = start(port)
    assert program.ask("POST", "/people", {"user_id": "u1"})[0] == 200
    program.ask("POST", "/_sandbox/faults", {"drop_answers": 1})
    with pytest.raises(http.client.IncompleteRead):
        program.ask("POST", "/people", {"user_id": "u2"})
    program.end(signal.SIGKILL)

    program = start(port)
    people = program.ask("GET", "/people/all")[1][0]["people"]
    assert [person["user_id"] for person in people] == ["u1", "u2"]
    assert program.end(signal.SIGTERM) == 0


@pytest.mark.timeout(60)
def test_a_port_that_is_taken_is_refused(start):
    first = start(free_port())
    first.connect().close()

    second = start(first.port)

    assert second.process.wait(timeout=20) == 1
    assert b"Address already in use" in second.process.stderr.read()
    second.process.stderr.close()


@pytest.mark.timeout(60)
def test_it_ends_on_a_signal_though_a_client_is_still_connected(start):
    program = start(free_port())
    idle = program.connect()
    assert program.ask("GET", "/company/all")[0] == 200

    assert program.end(signal.SIGINT) == 0
    idle.close()
