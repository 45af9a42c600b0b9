"""An event read again: with the settings that were in force when it ended, and with those of now. Nothing is sent."""

import dataclasses

from penstock.buffer.port.control import Revision
from penstock.buffer.port.shelf import Story
from penstock.destinations.plan import Meaning, Plan
from penstock.errors import SettingsError
from penstock.explain.compare import in_words
from penstock.explain.questions import meaning_of
from penstock.settings import Settings
from penstock.settings.revisions import Desk


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What an event meant then, and what it means now."""

    #: The revision that was in force then; None when the destination was, or is, in penstock.toml.
    revision: Revision | None
    then: str
    now: str
    #: What would be done now, as a sentence.
    verdict: str
    #: Nothing would be sent otherwise.
    is_same: bool


def rerun(story: Story, destination: str, *, desk: Desk, settings: Settings) -> Rerun:
    """Read an event again."""
    now = meaning_of(story, destination, settings)
    revision = revision_then(desk, destination, story.ended_at)
    then = now
    if revision is not None:
        try:
            then = meaning_of(story, destination, desk.preview(revision.document))
        except (SettingsError, KeyError):
            # That revision cannot be read any more: its key is gone, or penstock.toml took a name over since.
            revision = None
    return Rerun(revision=revision, then=in_words(then), now=in_words(now), verdict=_verdict(now), is_same=then == now)


def revision_then(desk: Desk, destination: str, moment: float | None) -> Revision | None:
    """Return the revision in force at a moment, now for an event that has not ended."""
    for revision in desk.revisions.revisions(limit=1_000):
        if moment is None or revision.at <= moment:
            return revision if destination in revision.document.get("destinations", {}) else None
    return None


def _verdict(meaning: Meaning) -> str:
    if isinstance(meaning, Plan):
        paths = " and ".join(f"{call.method} {call.path}" for call in meaning.calls)
        return f"It would become {paths or 'no call'}."
    return f"Nothing would be sent: {meaning.reason}."
