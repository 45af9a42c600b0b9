"""Questions about events. They can only be seen in the usage of a company, later: all are sent first, then looked at."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from penstock.destinations.custify.probe.asking import Reaction, Unclear
from penstock.destinations.custify.probe.bench import Workbench
from penstock.destinations.custify.probe.records import WITH_OFFSET, as_date

#: Looked at after so many seconds, as long as patience lasts.
LOOKS_S = (0.0, 2.0, 4.0, 8.0, 16.0, 30.0)
COUNTS = ("value", "count", "total", "events", "eventCount")


@dataclasses.dataclass
class SentEvents:
    """What was sent, how each event was answered, and what is seen of it later."""

    replies: dict[str, Reaction] = dataclasses.field(default_factory=dict)
    #: Our labels of companies -> Custify's ids.
    companies: dict[str, str] = dataclasses.field(default_factory=dict)
    #: Usage by company, as answered.
    usage: dict[str, Any] = dataclasses.field(default_factory=dict)
    last: Any = None
    #: Seconds from the last event until it was seen; None when it never was.
    seen_after_s: float | None = None


async def send(b: Workbench) -> SentEvents:
    """Send every event, in this order; the one that must be seen comes last."""
    sent, n = SentEvents(), b.names
    await _people_and_companies(b, sent)
    known, here = {"user_id": n.user("counted")}, {"company_id": n.company("counted")}

    async def event(label: str, **fields: object) -> None:
        sent.replies[label] = await b.write_event(label, **fields)

    await event("of an unknown person", user_id=n.user("unknown"))
    await event("of no company yet", company_id=n.company("unknown"))
    await event("of both companies", user_id=n.user("in-both"))
    for _ in range(2):
        await event("twice", **known, **here, deduplication_id=n.event("twice"))
    await event("one id", **known, **here, deduplication_id=n.event("one id"))
    await event("the same id", user_id=n.user("in-both"), **here, deduplication_id=n.event("one id"))
    await event("nested", **known, **here, metadata={"inner": {"a": 1}})
    await event("with an offset", **known, **here, created_at=WITH_OFFSET)
    await event("by e-mail", email=n.email("counted").upper(), **here)
    await event("unknown user_id", user_id=n.user("nulls") + "-nobody", email=n.email("counted"), **here)
    await _who_was_unknown(b, sent)
    await event("last", **known, **here)
    return sent


async def look(b: Workbench, sent: SentEvents) -> None:
    """Wait until the last event is seen, and note what is seen then. Raises Unclear when it never is."""
    waited_s = 0.0
    for pause_s in _pauses(b.patience_s):
        await b.asking.sleep(pause_s)
        waited_s += pause_s
        usage = await _usage(b, sent.companies["counted"], "eventCount")
        if count(usage, b.names.event("last")):
            sent.seen_after_s = waited_s
            break
    else:
        raise Unclear(f"no event was seen in /company/usage within {b.patience_s:.0f} s")
    # What comes in another order comes now.
    await b.asking.sleep(waited_s)
    for label, id_ in sent.companies.items():
        sent.usage[label] = await _usage(b, id_, "eventCount")
    sent.last = await _usage(b, sent.companies["counted"], "eventLastOccurrence")


async def repeat(b: Workbench, sent: SentEvents) -> str:
    """Send an event again whose identifier was seen a while ago; return the code of what became of it."""
    await b.write_event(
        "twice",
        user_id=b.names.user("counted"),
        company_id=b.names.company("counted"),
        deduplication_id=b.names.event("twice"),
    )
    before = _seen(b, sent, "counted", "twice")
    await b.asking.sleep(min(b.patience_s, 2 * (sent.seen_after_s or 0.0) + 2.0))
    after = count(await _usage(b, sent.companies["counted"], "eventCount"), b.names.event("twice"))
    return "counted" if after > before else "ignored"


def count(usage: Any, name: str) -> int:
    """Return how often an event of this name is counted anywhere in an answer whose shape is not documented."""
    if isinstance(usage, list):
        return sum(count(each, name) for each in usage)
    if not isinstance(usage, dict):
        return 0
    if name in usage.values():
        found = [usage[key] for key in COUNTS if isinstance(usage.get(key), int)]
        return found[0] if found else 1
    own = usage.get(name)
    if isinstance(own, int):
        return own
    return sum(count(each, name) for each in usage.values())


Judge = Callable[[Workbench, SentEvents], str]


def _judged_by(label: str, company: str, *, one: str, none: str) -> Judge:
    """Judge by whether an event is seen at a company."""

    def judge(b: Workbench, sent: SentEvents) -> str:
        if sent.replies[label].refused:
            return "refused"
        return one if _seen(b, sent, company, label) else none

    return judge


def _of_both(b: Workbench, sent: SentEvents) -> str:
    if sent.replies["of both companies"].refused:
        return "refused"
    seen = [_seen(b, sent, company, "of both companies") > 0 for company in ("counted", "second")]
    return "all" if all(seen) else "one" if any(seen) else "none"


def _twice(b: Workbench, sent: SentEvents) -> str:
    return "ignored" if _seen(b, sent, "counted", "twice") == 1 else "counted"


def _offset(b: Workbench, sent: SentEvents) -> str:
    if sent.replies["with an offset"].refused:
        return "refused"
    found = _beside(sent.last, b.names.event("with an offset"))
    if not found:
        raise Unclear("the time of an event was not seen in /company/usage")
    return as_date(found)


JUDGES: Mapping[str, Judge] = {
    "event_of_unknown_person": _judged_by("of an unknown person", "counted", one="kept", none="dropped"),
    "event_of_unknown_company": _judged_by("of no company yet", "unknown", one="kept", none="dropped"),
    "event_without_company": _of_both,
    "deduplication": _twice,
    "deduplication_scope": _judged_by("the same id", "counted", one="narrower", none="workspace"),
    "event_nested_metadata": _judged_by("nested", "counted", one="kept", none="dropped"),
    "event_date_with_offset": _offset,
    "event_email_case": _judged_by("by e-mail", "counted", one="ignored", none="exact"),
    "event_unknown_id_known_email": _judged_by("unknown user_id", "counted", one="kept", none="dropped"),
}


def refused_at_once(sent: SentEvents, question: str) -> bool:
    """Return whether a question is answered by the call alone."""
    label = {"event_of_unknown_person": "of an unknown person", "event_of_unknown_company": "of no company yet",
             "event_nested_metadata": "nested"}.get(question, "")  # fmt: skip
    return bool(label) and sent.replies[label].refused


async def _people_and_companies(b: Workbench, sent: SentEvents) -> None:
    n = b.names
    for label in ("counted", "second"):
        await b.write_company(company_id=n.company(label), name=n.company(label))
        sent.companies[label] = str((await b.company(n.company(label)))["id"])
    counted, second = ({"company_id": n.company(label)} for label in ("counted", "second"))
    await b.write_person(user_id=n.user("counted"), email=n.email("counted"), companies=[counted])
    await b.write_person(user_id=n.user("in-both"), companies=[counted, second])
    await b.person(n.user("counted"))
    await b.person(n.user("in-both"))


async def _who_was_unknown(b: Workbench, sent: SentEvents) -> None:
    """Make known, afterwards, whose events came too early."""
    n = b.names
    await b.write_person(user_id=n.user("unknown"), companies=[{"company_id": n.company("counted")}])
    await b.write_company(company_id=n.company("unknown"), name=n.company("unknown"))
    sent.companies["unknown"] = str((await b.company(n.company("unknown")))["id"])
    await b.person(n.user("unknown"))


def _pauses(patience_s: float) -> list[float]:
    pauses: list[float] = []
    while sum(pauses) < patience_s:
        pauses.append(LOOKS_S[min(len(pauses), len(LOOKS_S) - 1)])
    return pauses


async def _usage(b: Workbench, company: str, type_: str) -> Any:
    return (await b.asking.ask("GET", f"/company/usage/{company}?type={type_}")).json


def _seen(b: Workbench, sent: SentEvents, company: str, label: str) -> int:
    return count(sent.usage[company], b.names.event(label))


def _beside(answer: Any, name: str) -> str:
    """Return the text that stands beside the name of an event in an answer; empty for none."""
    if isinstance(answer, list):
        return next(filter(None, (_beside(each, name) for each in answer)), "")
    if not isinstance(answer, dict):
        return ""
    if isinstance(answer.get(name), str):
        return str(answer[name])
    if name in answer.values():
        return next((value for value in answer.values() if isinstance(value, str) and value[:2] == "20"), "")
    return next(filter(None, (_beside(each, name) for each in answer.values())), "")
