"""What rules would remove of the recent events of a source: a look before they are in force."""

import collections
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from penstock.admin.pages.rows import pretty
from penstock.event import Event, mended
from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import TEXT_CHARS, cut
from penstock.inspect.status import StatusReader
from penstock.minimise.minimiser import Minimiser, Tallied
from penstock.minimise.notes import Removed, is_body_gone, read, text_of
from penstock.settings import Settings, Source
from penstock.settings.check_minimise import check_minimise, minimiser_of
from penstock.settings.mistakes import Mistakes

# Events looked through for those of the source, and how much of them is taken apart: some seconds at most, however they are made.
LOOKED_AT_MAX, LOOKED_AT_BYTES_MAX = 200, 4_000_000


class RuleCount(NamedTuple):
    """What one rule would do to recent events."""

    setting: str
    rule: str
    events: int
    values: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredLess:
    """An event as it would be stored, and what would be removed of it."""

    body: str = ""
    removed: list[str] = dataclasses.field(default_factory=list)
    #: Of the recent events of the source: how many were looked at, and how many the rules would change.
    looked_at: int = 0
    changed: int = 0
    #: By setting and rule: in how many of them it would remove or hash something.
    by_rule: list[RuleCount] = dataclasses.field(default_factory=list)


def trial_of(name: str, fields: Mapping[str, Any], settings: Settings) -> Source:
    """Return a source as a form would make it. Raises SettingsError for rules that cannot be used."""
    own = settings.sources[name]
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    source = dataclasses.replace(own, **values)
    mistakes = Mistakes()
    mistakes.add(check_minimise(f"sources.{name}", source))
    mistakes.end()
    return source


def stored_less(source: Source, reader: StatusReader, eyes: Eyes) -> StoredLess:
    """Return what the rules of a source would have left of its recent events, the newest as a whole, as the viewer may see it."""
    events = _recent(source.name, reader)
    if not events:
        return StoredLess()
    rules = minimiser_of(source, key=b"for a look alone")
    tried = [_tried(event, rules) for event in events]
    newest, body = events[0], rules.kept(events[0].body)[0]
    removed = [each.sentence() for each in tried[0]]
    if rules.address(newest.request_ip) != newest.request_ip:
        removed.append(f"the sender's address would be {rules.address(newest.request_ip) or 'left out'}")
    return StoredLess(
        body=cut(_shown(newest, body, eyes), TEXT_CHARS),
        removed=removed,
        looked_at=len(tried),
        changed=sum(bool(each) for each in tried),
        by_rule=_by_rule(tried),
    )


def _tried(event: Event, rules: Minimiser) -> list[Removed]:
    """Return what rules would do to an event; for the sender's address alone, that is said of the newest one only."""
    counts: Tallied = collections.Counter()
    for text in (event.body, event.envelope):
        counts += rules.kept(text)[1]
    return read(text_of(counts))


def _by_rule(tried: Sequence[Sequence[Removed]]) -> list[RuleCount]:
    events, values = collections.Counter[tuple[str, str]](), collections.Counter[tuple[str, str]]()
    for each in itertools.chain.from_iterable(tried):
        events[each.setting, each.rule] += 1
        values[each.setting, each.rule] += each.times
    return [RuleCount(*key, count, values[key]) for key, count in sorted(events.items())]


def _recent(source: str, reader: StatusReader) -> list[Event]:
    """Return recent events of a source, the newest first."""
    # A destination it is not connected to has its events all the same: they are of the log.
    stories = reader.shelf.stories("", newest=True, limit=LOOKED_AT_MAX)
    events = (story.event for story in reversed(stories))
    found, left_bytes = list[Event](), LOOKED_AT_BYTES_MAX
    for event in events:
        if event.source == source and not is_body_gone(event.minimised):
            left_bytes -= len(event.body)
            if found and left_bytes < 0:
                break
            found.append(event)
    return found


def _shown(event: Event, body: bytes, eyes: Eyes) -> str:
    mask = eyes.mask(event)
    if mask.is_idle:
        return pretty(body)
    try:
        return pretty(msgspec.json.encode(mask.value(msgspec.json.decode(mended(body)))))
    except (msgspec.DecodeError, RecursionError):
        return mask.text(body.decode(errors="replace"))
