"""A run: every question once, and whatever happens, what was made is removed."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from penstock.destinations.custify.probe import events, records
from penstock.destinations.custify.probe.asking import Asking, Stopped, Unclear
from penstock.destinations.custify.probe.bench import Workbench
from penstock.destinations.custify.probe.names import RunNames
from penstock.destinations.custify.probe.removing import remove

#: In this order: some go on with what an earlier one made.
RECORDS: Mapping[str, Callable[[Workbench], Awaitable[str]]] = {
    name: getattr(records, name)
    for name in (
        "nobody", "deletion_of_nobody", "numeric_user_id", "numeric_company_id", "null_field", "null_attribute",
        "null_email", "null_of_company", "empty_text", "user_id_case", "email_case", "email_then_user_id",
        "one_email_two_user_ids", "conflict", "unknown_company", "other_type", "number_as_text", "date_with_offset",
        "date_as_number", "offset_attribute", "nested_attribute", "unknown_field", "large_body", "deletion",
        "written_again",
    )
}  # fmt: skip
LATER = "deduplication_later"
QUESTIONS = (*RECORDS, *events.JUDGES, LATER)


@dataclasses.dataclass(slots=True)
class Told:
    """What came of one question."""

    #: Code of the answer; empty when it could not be found out.
    answer: str = ""
    #: Why not.
    why: str = ""
    #: The calls it took, and their answers.
    said: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Examination:
    """What came of a run."""

    names: RunNames
    found: dict[str, Told] = dataclasses.field(default_factory=dict)
    #: Why the run ended before its end; empty if it did not.
    stopped: str = ""
    #: What could not be removed, a sentence each.
    left: list[str] = dataclasses.field(default_factory=list)
    calls: int = 0
    throttled: int = 0
    limits: dict[str, str] = dataclasses.field(default_factory=dict)
    #: Seconds until an event was seen in /company/usage; None when none was.
    seen_after_s: float | None = None
    #: Seconds after which an identifier was used again.
    repeated_after_s: float = 0.0


async def examine(
    asking: Asking,
    removing: Asking,
    names: RunNames,
    *,
    patience_s: float,
    wait_s: float,
    tell: Callable[[str], None],
) -> Examination:
    """Ask everything; return what was found, also when the task is cancelled or nothing can be asked any more.

    `removing` makes the calls that take away what was made, so that no bound of `asking` keeps them from it.
    """
    bench, findings = Workbench(asking, names, patience_s=patience_s), Examination(names)
    try:
        await _ask_all(bench, findings, wait_s=wait_s, tell=tell)
    except Stopped as error:
        findings.stopped = str(error)
    except asyncio.CancelledError:
        findings.stopped = "it was interrupted"
    finally:
        tell(f"removing {len(bench.people_made) + len(bench.companies_made)} ids of {names.run}")
        findings.left = await _to_its_end(remove(bench, removing))
        findings.calls = asking.calls + removing.calls
        findings.throttled = asking.throttled + removing.throttled
        findings.limits = asking.limits | removing.limits
    return findings


async def _to_its_end(work: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Do what must not be interrupted."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


async def _ask_all(bench: Workbench, findings: Examination, *, wait_s: float, tell: Callable[[str], None]) -> None:
    for name, question in RECORDS.items():
        tell(f"asking: {name}")
        findings.found[name] = await _one(bench, lambda question=question: question(bench))  # type: ignore[misc]
    tell("asking about events")
    sent: events.SentEvents | None = None

    async def send_and_look() -> str:
        nonlocal sent
        sent = await events.send(bench)
        tell("waiting until the events can be seen")
        await events.look(bench, sent)
        return ""

    whole = await _one(bench, send_and_look)
    for name, judge in events.JUDGES.items():
        findings.found[name] = _judged(bench, name, judge, sent, whole)
    findings.seen_after_s = sent.seen_after_s if sent else None
    findings.found[LATER] = await _later(bench, sent, findings, whole, wait_s=wait_s, tell=tell)


async def _one(bench: Workbench, ask: Callable[[], Awaitable[str]]) -> Told:
    found, bench.asking.said = Told(), []
    try:
        found.answer = await ask()
    except Unclear as error:
        found.why = str(error)
    found.said = bench.asking.said
    return found


def _judged(bench: Workbench, name: str, judge: events.Judge, sent: events.SentEvents | None, whole: Told) -> Told:
    if sent is not None and events.refused_at_once(sent, name):
        return Told("refused", said=whole.said)
    if sent is None or whole.why:
        return Told(why=whole.why, said=whole.said)
    try:
        return Told(judge(bench, sent), said=whole.said)
    except Unclear as error:
        return Told(why=str(error), said=whole.said)


async def _later(
    bench: Workbench,
    sent: events.SentEvents | None,
    findings: Examination,
    whole: Told,
    *,
    wait_s: float,
    tell: Callable[[str], None],
) -> Told:
    seen = sent
    if seen is None or whole.why:
        return Told(why=whole.why)
    if wait_s:
        tell(f"waiting {wait_s:.0f} s to use an identifier again")
        await bench.asking.sleep(wait_s)
    findings.repeated_after_s = wait_s + 2 * (seen.seen_after_s or 0.0)
    return await _one(bench, lambda: events.repeat(bench, seen))
