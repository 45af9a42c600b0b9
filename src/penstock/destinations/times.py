"""When an event happened: what it says, with a wrong clock of the sender taken out, or else when it arrived. Pure.

Facts of the field: RudderStack's SDKs write `originalTimestamp` when the event is made and `sentAt` when it is sent;
Segment's write `timestamp` and `sentAt`. Both by the sender's clock, so what lies between them is right whatever that clock
says. An event with both `timestamp` and `originalTimestamp` was given its time on purpose, or comes from a
server that corrected it before.
"""

import dataclasses
import datetime as dt
import functools
from collections.abc import Mapping

from penstock.destinations.options import Options
from penstock.timestamps import EVENTS_SINCE, YEAR_MIN, date_of, moment, to_text

#: What this module reads of an event.
FIELDS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
SERVER = "server"
TEXT_OR_NONE = frozenset({str, type(None)})
ARRIVAL = "when the event arrived: it does not say when it happened"


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """When an event happened, and how that was found out."""

    #: None when it is unknown: the event does not say, and has not arrived.
    at: dt.datetime | None
    why: str = "when the event happened"
    #: Of a field whose time was not taken, why.
    passed_over: tuple[tuple[str, str], ...] = ()

    #: The sender's clock was wrong, and that was taken out.
    is_corrected: bool = False

    @property
    def text(self) -> str | None:
        """Return the time in Custify's UTC form."""
        return to_text(self.at) if self.at else None


def happened(event: Mapping[str, object], mapping: Options) -> Happened:
    """Return when an event happened. Without `receivedAt` nothing can be corrected, and what the event says holds."""
    timestamp, original, sent, received = said = [event.get(field) for field in FIELDS]
    if sent == timestamp and sent is not None and event.get("channel") == SERVER:
        # RudderStack's Ruby SDK writes both when the event is made, long before it is sent: that says nothing of its clock.
        sent = None
    found = _found_once if TEXT_OR_NONE.issuperset(map(type, said)) else _found
    return found(timestamp, original, sent, received, mapping.clock_ahead_s_max)


def _found(timestamp: object, original: object, sent: object, received: object, ahead_s_max: float) -> Happened:
    return when(timestamp=timestamp, original=original, sent=sent, received=received, ahead_s_max=ahead_s_max)


#: Who converts an event and who delivers it ask one after the other. Texts alone: 1, 1.0 and true are one key.
_found_once = functools.lru_cache(maxsize=1)(_found)


def when(*, timestamp: object, original: object, sent: object, received: object, ahead_s_max: float) -> Happened:
    """Return when an event happened, given what it says and when it arrived, in any form that times have."""
    arrived, passed_over = date_of(received), list[tuple[str, str]]()
    stated = (("timestamp", _moment(timestamp)), ("originalTimestamp", _moment(original)))
    # With both, the first was meant.
    left = _moment(sent) if arrived and (stated[0][1] is None or stated[1][1] is None) else None
    for field, said in stated:
        if said is None:
            continue
        is_of_one_clock = left is not None and said <= _later(left, ahead_s_max)
        at = _corrected(arrived, sent=left, said=said) if arrived and left and is_of_one_clock else said
        if at < EVENTS_SINCE:
            passed_over.append((field, "it is no date: the zero of a counter or of a calendar"))
        elif arrived and at > _later(arrived, ahead_s_max):
            passed_over.append((field, _ahead(ahead_s_max)))
            return Happened(arrived, f"when the event arrived: {field} is {_ahead(ahead_s_max)}", tuple(passed_over))
        else:
            return Happened(at, _why(at, said), tuple(passed_over), is_corrected=at != said)
    return Happened(arrived, ARRIVAL, tuple(passed_over))


def is_ahead(value: dt.datetime, event: Mapping[str, object], mapping: Options) -> bool:
    """Return whether a time is further ahead of the event's arrival than any clock is wrong."""
    arrived = date_of(event.get("receivedAt"))
    return arrived is not None and value > _later(arrived, mapping.clock_ahead_s_max)


def _moment(value: object) -> dt.datetime | None:
    """Return the moment that is meant, a clock's zero too: beside another reading of the same clock it says something."""
    found = moment(value)
    return found if found and found.year > YEAR_MIN else None


def _corrected(arrived: dt.datetime, *, sent: dt.datetime, said: dt.datetime) -> dt.datetime:
    try:
        return arrived - (sent - said)
    except OverflowError:
        return said


def _later(moment: dt.datetime, seconds: float) -> dt.datetime:
    try:
        return moment + dt.timedelta(seconds=seconds)
    except OverflowError:
        return dt.datetime.max.replace(tzinfo=dt.UTC)


def _why(at: dt.datetime, said: dt.datetime) -> str:
    if at == said:
        return "when the event happened"
    fast_s = (said - at).total_seconds()
    clock = f"the sender's clock was {abs(fast_s):.3f} s {'fast' if fast_s > 0 else 'slow'}"
    return f"when the event happened: as sentAt shows, {clock}"


def _ahead(seconds: float) -> str:
    return f"further ahead of its arrival than the {seconds:g} s that a clock may be wrong (clock_ahead_s_max)"
