"""An erasure with real processes: a kill -9 and a Custify that is down in between, and nothing is left but the receipt."""

import json
import os
import signal

from acceptance.conftest import until
from acceptance.test_ledger import identify, run, track

ANN = {"email": "ann-1f9c@example.com", "note": "Ann Onymous-1f9c"}
WORDS = (b"ann-1f9c", b"onymous-1f9c")


def left_of_ann(penstock) -> list[str]:
    """Return the files in which she stands, but for the command's own log."""
    files = [path for path in (penstock.folder / "data").rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes().lower() for word in WORDS)]


def test_a_person_is_erased_though_processes_are_killed_and_custify_is_down(penstock, sandbox):
    penstock.send(identify("ann-1f9c", "i1", **ANN), track("ann-1f9c", "t1"), identify("bob", "i2", plan="pro"))
    penstock.until_settled()
    sandbox.faults(status=503, times=1_000)
    penstock.send(track("ann-1f9c", "t2"), track("bob", "t3"))

    run(penstock, "erase", "--email", ANN["email"], "--yes")
    for role in penstock.family()[1:]:
        os.kill(role.pid, signal.SIGKILL)
    until(lambda: json.loads(run(penstock, "erase", "--list", "--json"))["problem"], s_max=60.0)
    assert "custify: Custify gave no usable answer (503)" in run(penstock, "erase", "--list")
    assert sandbox.person("ann-1f9c")

    sandbox.faults()
    until(lambda: json.loads(run(penstock, "erase", "--list", "--json"))["state"] == "done", s_max=90.0)
    penstock.send(track("ann-1f9c", "t4"), identify("new-id", "i3", **ANN), source="mobile")
    counts = penstock.until_settled(s_max=60.0)

    assert sandbox.person("bob")
    assert not sandbox.person("ann-1f9c")
    assert not sandbox.person("new-id")
    assert [event["deduplication_id"] for event in sandbox.events()] == ["t3"]
    assert (counts["outcomes"]["suppressed"], counts["outcomes"]["erased"]) == (2, 1)
    assert counts["received"] == 7
    receipt = penstock.folder / "data" / "privacy" / "receipt-000001.json"
    run(penstock, "verify", str(receipt))
    assert json.loads(receipt.read_text())["receipt"]["destinations"]["custify"]["deleted"] == 1
    assert left_of_ann(penstock) == []
