"""What the rules look at: the figures of one moment, and what changed since the moments before. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import cast

from penstock.inspect.sensitive import redacted
from penstock.inspect.status import DestinationStatus, Status
from penstock.machine.pulse import ROLES
from penstock.settings import Settings

# What a person is asked to look at is about the last quarter of an hour.
WINDOW_S = 900.0
NO_SOURCE = "no source"
# Of what strangers, or a destination, said: no more than a sentence.
WORDS_MAX = 300


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DestinationLook:
    """One destination; see inspect/status.py."""

    state: str
    cause: str
    reason: str
    waiting: int
    #: Of those, the ones that wait for their person to become known.
    parked: int
    oldest_waiting_s: float | None
    #: Events that died or were rejected in the last WINDOW_S, and the cause that most of all have.
    bad: int
    worst: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SourceLook:
    """One source."""

    accepted: int
    #: When it was seen to send something last, in steady seconds; None: it never did.
    heard: float | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoleLook:
    """One process of `penstock serve`."""

    state: str
    words: str
    restarts: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How everything is at one moment."""

    #: In steady seconds.
    at: float
    destinations: Mapping[str, DestinationLook]
    sources: Mapping[str, SourceLook]
    #: Requests refused since ingest was started, by source and status.
    refused: Mapping[str, Mapping[str, int]]
    roles: Mapping[str, RoleLook]
    free_bytes: int | None
    notices: Sequence[str]
    settings_problem: str
    #: Erasures past their deadline, as sentences.
    late_erasures: Sequence[str] = ()


#: How many events of a destination ended badly lately, and why most of them did.
Bad = Mapping[str, tuple[int, str]]


def look_of(
    status: Status, settings: Settings, *, accept: Mapping[str, object], bad: Bad, free_bytes: int | None, at: float
) -> Look:
    """Return what the rules see of a status; `accept` is what ingest left to be looked at."""
    enabled = (name for name, source in settings.sources.items() if source.enabled)
    return Look(
        at=at,
        destinations={name: _destination(d, *bad.get(name, (0, ""))) for name, d in status.destinations.items()},
        sources={name: SourceLook(accepted=status.accepted.get(name, 0), heard=None) for name in enabled},
        refused=_refused(accept),
        roles={
            role: RoleLook(state=found.state, words=found.in_words(), restarts=found.restarts)
            if (found := status.roles.get(role))
            else RoleLook(state="down", words="has not started", restarts=0)
            for role in ROLES
        },
        free_bytes=free_bytes,
        notices=[redacted(each)[:WORDS_MAX] for each in status.notices if each not in status.late_erasures],
        late_erasures=[redacted(each)[:WORDS_MAX] for each in status.late_erasures],
        settings_problem=status.settings_problem[:WORDS_MAX],
    )


def carried(now: Look, last: Look | None) -> Look:
    """Return a look that knows when each source was heard last, by the look before it."""
    before = last.sources if last else {}
    sources = {name: _heard(source, before.get(name), now.at) for name, source in now.sources.items()}
    return dataclasses.replace(now, sources=sources)


def before_of(looks: Sequence[Look], at: float) -> Look | None:
    """Return the look to compare with: the newest that is as old as the window, else the oldest there is."""
    old_enough = [look for look in looks if look.at <= at - WINDOW_S]
    return old_enough[-1] if old_enough else looks[0] if looks else None


def _heard(now: SourceLook, before: SourceLook | None, at: float) -> SourceLook:
    if before is None or now.accepted != before.accepted:
        # How long ago the events came that were there at the first look, is not known.
        return dataclasses.replace(now, heard=at if now.accepted else None)
    return dataclasses.replace(now, heard=before.heard)


def _destination(status: DestinationStatus, bad: int, worst: str) -> DestinationLook:
    return DestinationLook(
        state=status.state,
        cause=status.cause,
        reason=redacted(status.reason)[:WORDS_MAX],
        waiting=status.waiting,
        parked=status.parked,
        oldest_waiting_s=status.oldest_waiting_s,
        bad=bad,
        worst=worst,
    )


def _refused(accept: Mapping[str, object]) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for source, code, count in cast("list[tuple[str, int, int]]", accept.get("requests", [])):
        if int(code) >= 400:
            found.setdefault(source or NO_SOURCE, {})[str(code)] = count
    return found
