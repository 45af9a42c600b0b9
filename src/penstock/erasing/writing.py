"""What a receipt says: everything that can be said of an erasure without naming anybody. Pure."""

from collections.abc import Mapping
from typing import Any

from penstock.privacy.requests import PrivacyRequest
from penstock.timestamps import from_ms, to_text

#: Where people are looked for, and how.
SEARCHED = {
    "events.db": "every stored event, waiting, ended or not, and message ids that carry an id of theirs",
    "delivery.db": "waiting and parked events, outcomes, attempts with answers, records, ties, search keys",
    "control.db": "replays, orders to forget, shared links, the audit log",
    "alerts.db": "alerts, the messages that told of them, and what was looked at for them",
    "snapshots": "requests that ingest refused, by path and program",
    "memory": "what deliver holds of the log, and knows of records by heart",
}
FORM = "penstock-erasure-receipt/1"


def receipt_of(request: PrivacyRequest, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the text of a receipt; `facts` tell which Penstock writes it, for which data folder."""
    destinations = {
        name: {"deleted": each.deleted, "read_back": each.said, "tries": each.tries}
        for name, each in sorted(request.destinations.items())
    }
    return {
        "form": FORM,
        **facts,
        "request": request.number,
        "who": [{"kind": kind, "digest": digest} for kind, digest in request.digests],
        "asked_at": text_of(request.asked_at),
        "asked_by": request.asked_by,
        "approved_by": request.approved_by,
        "suppressed_at": text_of(request.suppressed_at),
        "ended_at": text_of(request.ended_at),
        "took_s": round(request.ended_at - request.asked_at),
        "deadline_at": text_of(request.deadline_at),
        "stays_suppressed": request.stays_suppressed,
        "searched": SEARCHED,
        "removed": dict(sorted(request.removed.items())),
        "found_afterwards": 0,
        "destinations": destinations,
        "left": list(request.left),
    }


def text_of(at: float) -> str:
    """Return a time, seconds since 1970, as people read it; empty for none."""
    return to_text(from_ms(round(at * 1000))) if at else ""


def request_shown(request: PrivacyRequest) -> dict[str, Any]:
    """Return a request as it may be shown: without what is sealed in it."""
    return {
        "number": request.number,
        "action": request.action,
        "state": request.state,
        "asked_at": text_of(request.asked_at),
        "asked_by": request.asked_by,
        "approved_by": request.approved_by,
        "deadline_at": text_of(request.deadline_at),
        "ended_at": text_of(request.ended_at),
        "who": [{"kind": kind, "digest": digest} for kind, digest in request.digests],
        "removed": request.removed,
        "destinations": {name: {"is_done": d.is_done, "said": d.said} for name, d in request.destinations.items()},
        "left": list(request.left),
        "problem": request.problem,
    }
