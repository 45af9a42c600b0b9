"""What the admin API answers about what a replay would do, as types."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from penstock.explain.preview import ReplayPreview
from penstock.inspect.eyes import Eyes


class PlannedCall(TypedDict):
    """A call that a replay would make, as far as the caller may see it."""

    message_id: str
    method: str
    path: str
    body: Any


class PreviewTold(TypedDict):
    """What would become of the events that were looked at; nothing was sent.

    `repeats` were taken before and keep their id, by which the destination ignores them; `counted_again`, among those `sent`,
    count once more; for `unknown_people` of both the destination is asked, and if it has none, they wait; of those `overtaken`, values that newer events have said since are not sent.
    """

    looked_at: int
    is_all: bool
    is_sure: bool
    sent: int
    calls: Mapping[str, int]
    repeats: int
    counted_again: int
    up_to_date: int
    overtaken: int
    unknown_people: int
    rejected: Mapping[str, int]
    filtered: Mapping[str, int]
    sample: Sequence[PlannedCall]


def preview_told(would: ReplayPreview, eyes: Eyes, *, calls: bool) -> PreviewTold:
    """Return a preview as JSON, as the caller may see it; `calls` themselves only for those who see payloads."""
    return {
        "looked_at": would.looked_at,
        "is_all": would.is_all,
        "is_sure": would.is_sure,
        "sent": would.sent,
        "calls": dict(would.calls),
        "repeats": would.repeats,
        "counted_again": would.counted_again,
        "up_to_date": would.up_to_date,
        "overtaken": would.overtaken,
        "unknown_people": would.unknown_people,
        "rejected": _masked(would.rejected, eyes),
        "filtered": _masked(would.filtered, eyes),
        "sample": _calls(would, eyes) if calls else [],
    }


def _masked(counts: Mapping[str, int], eyes: Eyes) -> dict[str, int]:
    return {eyes.text(reason): count for reason, count in counts.items()}


def _calls(would: ReplayPreview, eyes: Eyes) -> list[PlannedCall]:
    made: list[PlannedCall] = []
    for each in would.sample:
        mask = eyes.mask(each.story.event)
        body = msgspec.to_builtins(mask.value(each.call.body))
        id_ = mask.message_id(each.story.event.message_id)
        made.append({"message_id": id_, "method": each.call.method, "path": each.call.path, "body": body})
    return made
