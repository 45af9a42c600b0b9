"""Decides from a history alone whether a promise was broken. Pure.

Records, in order:

    sent       request, events: [{id, who, n, type}]   once, before the first try of a request
    tried      request                                  before each try
    accepted   request                                  a try was answered 200
    applied    id, who, n, path                         Custify took the call in; id is its deduplication id, None for upserts
    figures    received, waiting, outcomes              as the server shows them
    backup     set                                      a backup begins
    restored   set                                      the server is down, and holds what that backup had
    end        received, waiting, outcomes              nothing is under way any more, and nobody makes trouble
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, order=True)
class Violation:
    """One broken promise: `lost`, `reordered`, `doubled`, `invented`, `sums`, `stale` or `waiting`."""

    kind: str
    sentence: str


@dataclasses.dataclass
class Story:
    """A history, taken apart."""

    sent: dict[str, dict] = dataclasses.field(default_factory=dict)
    #: request -> ids
    requests: dict[int, list[str]] = dataclasses.field(default_factory=dict)
    #: request -> when it was last tried before it was accepted
    tried: dict[int, int] = dataclasses.field(default_factory=dict)
    accepted: dict[int, int] = dataclasses.field(default_factory=dict)
    applied: list[dict] = dataclasses.field(default_factory=list)
    figures: list[dict] = dataclasses.field(default_factory=list)
    #: (when the backup began, when it was restored)
    gaps: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    end: dict | None = None

    def is_excused(self, request: int) -> bool:
        """Return whether a restore may have taken it: accepted after the backup began, before it was put back."""
        return any(began < self.accepted[request] and self.tried[request] < put_back for began, put_back in self.gaps)


def violations(records: Iterable[dict]) -> list[Violation]:
    """Return every promise that was broken; empty means that the history is as it should be."""
    story = _story(records)
    found = [*_lost(story), *_reordered(story), *_doubled(story), *_invented(story), *_sums(story), *_stale(story)]
    return sorted(set(found))


def _story(records: Iterable[dict]) -> Story:
    story, backups = Story(), {}
    for record in records:
        match record["kind"]:
            case "sent":
                story.requests[record["request"]] = [event["id"] for event in record["events"]]
                story.sent |= {event["id"]: event for event in record["events"]}
            case "tried":
                story.tried[record["request"]] = record["at"]
            case "accepted":
                story.accepted[record["request"]] = record["at"]
            case "applied":
                story.applied.append(record)
            case "figures":
                story.figures.append(record)
            case "backup":
                backups[record["set"]] = record["at"]
            case "restored":
                story.gaps.append((backups[record["set"]], record["at"]))
            case "end":
                story.end = record
    return story


def _lost(story: Story) -> Iterable[Violation]:
    """What was accepted must have been applied, or, an upsert, one that came after it."""
    applied = {record["id"] for record in story.applied if record["id"]}
    written = _last_upserts(story)
    for request in story.accepted:
        for event in map(story.sent.__getitem__, story.requests[request]):
            there = event["id"] in applied or (
                event["type"] == "identify" and written.get(event["who"], 0) >= event["n"]
            )
            if not there and not story.is_excused(request):
                yield Violation("lost", f"{event['id']} was accepted and never applied")


def _reordered(story: Story) -> Iterable[Violation]:
    """What is applied for the first time comes after all of that person that was applied before."""
    seen: set[tuple[str, int]] = set()
    last: dict[str, int] = defaultdict(int)
    for record in story.applied:
        who, n = record["who"], record["n"]
        if (who, n) in seen:
            continue
        seen.add((who, n))
        if n < last[who]:
            yield Violation("reordered", f"{who}-{n} was applied after {who}-{last[who]}")
        last[who] = max(last[who], n)


def _doubled(story: Story) -> Iterable[Violation]:
    """However often an event comes, it carries one deduplication id."""
    ids: dict[tuple[str, int], set[str | None]] = defaultdict(set)
    for record in story.applied:
        if record["path"] == "/event":
            ids[record["who"], record["n"]].add(record["id"])
    for (who, n), names in ids.items():
        if len(names) > 1:
            yield Violation("doubled", f"{who}-{n} came with {len(names)} deduplication ids")


def _invented(story: Story) -> Iterable[Violation]:
    """Nothing is applied that nobody sent, and what is applied is what was sent."""
    types = {"/event": "track", "/people": "identify"}
    known = {(event["who"], event["n"], event["type"]) for event in story.sent.values()}
    for record in story.applied:
        name = f"{record['who']}-{record['n']}"
        if (record["who"], record["n"], types[record["path"]]) not in known:
            yield Violation("invented", f"{name} was applied, and nobody sent it")
        elif record["path"] == "/event" and record["id"] not in story.sent:
            yield Violation("invented", f"{name} came with the deduplication id {record['id']}")
        elif record["path"] == "/event" and story.sent[record["id"]]["n"] != record["n"]:
            yield Violation("invented", f"{name} came with the deduplication id of another event")


def _sums(story: Story) -> Iterable[Violation]:
    """Received is waiting plus outcomes whenever one looks, and only a restore makes it less."""
    before: dict | None = None
    for figures in [*story.figures, *([story.end] if story.end else [])]:
        total = figures["waiting"] + sum(figures["outcomes"].values())
        if figures["received"] != total:
            yield Violation("sums", f"at {figures['at']}: received {figures['received']}, accounted for {total}")
        if before and figures["received"] < before["received"] and not _restored_between(story, before, figures):
            yield Violation(
                "sums", f"at {figures['at']}: received went from {before['received']} to {figures['received']}"
            )
        before = figures
    if story.end is None:
        yield Violation("waiting", "the history has no end")
        return
    if story.end["waiting"]:
        yield Violation("waiting", f"{story.end['waiting']} wait although nothing is in their way")
    if not story.gaps and story.end["received"] < (accepted := len(_ids_accepted(story))):
        yield Violation("sums", f"{accepted} were accepted, {story.end['received']} received")
    for outcome in story.end["outcomes"].keys() - {"delivered", "no-op", "coalesced"}:
        if story.end["outcomes"][outcome]:
            yield Violation("lost", f"{story.end['outcomes'][outcome]} ended as {outcome}")


def _stale(story: Story) -> Iterable[Violation]:
    """In the end Custify holds what the last accepted upsert of a person said."""
    holds = {record["who"]: record["n"] for record in story.applied if record["path"] == "/people"}
    wanted: dict[str, int] = defaultdict(int)
    for request in story.accepted:
        # What came before a restore may be written again, and what followed it be gone.
        if not any(story.tried[request] < put_back for _, put_back in story.gaps):
            for event in map(story.sent.__getitem__, story.requests[request]):
                if event["type"] == "identify":
                    wanted[event["who"]] = max(wanted[event["who"]], event["n"])
    for who, n in wanted.items():
        if holds.get(who, 0) < n:
            yield Violation("stale", f"{who} is as of {holds.get(who, 0)}, and said {n}")


def _last_upserts(story: Story) -> dict[str, int]:
    last: dict[str, int] = defaultdict(int)
    for record in story.applied:
        if record["path"] == "/people":
            last[record["who"]] = max(last[record["who"]], record["n"])
    return last


def _ids_accepted(story: Story) -> set[str]:
    return {id_ for request in story.accepted for id_ in story.requests[request]}


def _restored_between(story: Story, before: dict, after: dict) -> bool:
    return any(before["at"] < put_back < after["at"] for _, put_back in story.gaps)
