"""What rules would remove of the newest stored event of a source: a look before they are in force."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.admin.pages.rows import pretty
from penstock.event import Event, mended
from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import TEXT_CHARS, cut
from penstock.inspect.status import StatusReader
from penstock.minimise.notes import is_body_gone, read, text_of
from penstock.settings import Settings, Source
from penstock.settings.check_minimise import check_minimise, minimiser_of
from penstock.settings.mistakes import Mistakes

# Events looked through for one of the source.
LOOKED_AT_MAX = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredLess:
    """An event as it would be stored, and what would be removed of it."""

    body: str = ""
    removed: list[str] = dataclasses.field(default_factory=list)


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
    """Return the newest stored event of a source as its rules would have left it, as the viewer may see it."""
    event = _newest(source.name, reader)
    if event is None:
        return StoredLess()
    rules = minimiser_of(source, key=b"for a look alone")
    body, counts = rules.kept(event.body)
    removed = [each.sentence() for each in read(text_of(counts))]
    if rules.address(event.request_ip) != event.request_ip:
        removed.append(f"the sender's address would be {rules.address(event.request_ip) or 'left out'}")
    return StoredLess(body=cut(_shown(event, body, eyes), TEXT_CHARS), removed=removed)


def _newest(source: str, reader: StatusReader) -> Event | None:
    # A destination it is not connected to has its events all the same: they are of the log.
    stories = reader.shelf.stories("", newest=True, limit=LOOKED_AT_MAX)
    events = (story.event for story in reversed(stories))
    return next((e for e in events if e.source == source and not is_body_gone(e.minimised)), None)


def _shown(event: Event, body: bytes, eyes: Eyes) -> str:
    mask = eyes.mask(event)
    if mask.is_idle:
        return pretty(body)
    try:
        return pretty(msgspec.json.encode(mask.value(msgspec.json.decode(mended(body)))))
    except (msgspec.DecodeError, RecursionError):
        return mask.text(body.decode(errors="replace"))
