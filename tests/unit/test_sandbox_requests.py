"""The sandbox tells every call it received, in order, and never a key."""

import itertools

from penstock.sandbox.calls import BODY_BYTES_MAX, CallLog
from sandbox_client import Sandbox


async def test_every_call_is_told_in_order_with_its_answer():
    sandbox = Sandbox()
    await sandbox.post("/people", {"user_id": "u1"}, key="Bearer secret-key")
    await sandbox.get("/people?user_id=u1&x=%C3%A9", key="Bearer secret-key")
    await sandbox.post("/event", b"{bad")

    got = await sandbox.get("/_sandbox/requests")

    assert [call["n"] for call in got.json["requests"]] == [1, 2, 3]
    assert got.json["requests"][0] == {
        "n": 1,
        "at": "2023-11-14T22:13:20.000Z",
        "method": "POST",
        "path": "/people",
        "query": {},
        "body": {"user_id": "u1"},
        "body_bytes": 17,
        "key": "accepted",
        "status": 200,
        "notes": [],
    }
    assert got.json["requests"][1]["query"] == {"user_id": "u1", "x": "é"}
    assert (got.json["requests"][2]["body"], got.json["requests"][2]["status"]) == ("{bad", 400)
    assert b"secret-key" not in got.body
    assert b"secret-key" not in (await sandbox.get("/")).body


async def test_a_reader_continues_where_it_stopped():
    sandbox = Sandbox()
    for number in range(5):
        await sandbox.get(f"/people?user_id={number}")

    first = (await sandbox.get("/_sandbox/requests?since=1&limit=2")).json
    rest = (await sandbox.get(f"/_sandbox/requests?since={first['next']}")).json
    none = (await sandbox.get(f"/_sandbox/requests?since={rest['next']}")).json

    assert [call["n"] for call in first["requests"]] == [2, 3]
    assert [call["n"] for call in rest["requests"]] == [4, 5]
    assert none == {"requests": [], "total": 5, "next": 5}


async def test_a_reader_must_count():
    sandbox = Sandbox()

    assert (await sandbox.get("/_sandbox/requests?since=yesterday")).status == 400
    assert (await sandbox.get("/_sandbox/requests?limit=")).status == 400


def test_the_newest_calls_are_kept_and_all_are_counted():
    log = CallLog(calls_max=3)
    for at, body in zip(itertools.count(1.0), [b"a", b"b", b"c", b"x" * (BODY_BYTES_MAX + 1), b"e"], strict=False):
        log.add(at=at, method="POST", path="/event", query={}, body=body, key="accepted")

    assert log.total == 5
    assert [(entry.n, entry.body, entry.body_bytes) for entry in log.after(0, limit=10)] == [
        (3, b"c", 1),
        (4, b"", BODY_BYTES_MAX + 1),
        (5, b"e", 1),
    ]
    assert [entry.n for entry in log.after(4, limit=10)] == [5]
    assert [entry.n for entry in log.newest(2)] == [5, 4]
