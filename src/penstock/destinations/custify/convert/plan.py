"""What convert answers with: a Plan of Calls, Unmappable, or Filtered."""

import dataclasses
from typing import Literal

from penstock import causes
from penstock.placeholders import PLACEHOLDER_IDS

Path = Literal["/people", "/company", "/event"]
MappingName = Literal["custify/1", "rudderstack"]
Trust = Literal["trusted", "traits", "events"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How a destination wants the events of a source read. Part of the settings of both."""

    name: MappingName = "custify/1"
    #: RudderStack's "Fall back to anonymousId if userId is not present".
    anonymous_fallback: bool = False
    #: What becomes of arrays and objects among traits and properties (custify/1 only).
    nested: Literal["drop", "flatten", "json"] = "drop"
    #: Send page and screen views as events (custify/1 only).
    page_views: bool = False
    #: What the event's source may write; see trust.py.
    trust: Trust = "trusted"
    trusted_traits: tuple[str, ...] = ()
    #: How many names an event may have among its traits and properties, and how long one may be.
    names_max: int = 10_000
    name_chars_max: int = 1_000
    #: Ids that name nobody (custify/1 only); see placeholders.py.
    placeholder_ids: tuple[str, ...] = PLACEHOLDER_IDS
    #: Attributes that are dates at Custify, as `people.NAME`, `company.NAME`, `event.NAME`, or NAME for all (custify/1 only).
    date_attributes: tuple[str, ...] = ()
    #: How far the time of an event may be ahead of its arrival (custify/1 only).
    clock_ahead_s_max: float = 86_400.0
    #: A trait of null takes a field back; without, it says nothing (custify/1 only).
    null_clears: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to Custify. Sending it twice does no harm."""

    path: Path
    body: dict[str, object]
    method: Literal["POST"] = "POST"
    #: Fields whose value nobody stated: it was derived, and gives way to what anybody ever says.
    guessed: tuple[str, ...] = dataclasses.field(default=(), compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one event, to be made in this order."""

    calls: tuple[Call, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Unmappable:
    """The event cannot become a call; it ends as rejected, and `reason` is a sentence for the operator."""

    reason: str
    #: One of causes.py.
    cause: str
    #: The anonymous id of an event that names nobody else: it could be sent if it were known who that is.
    visitor: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Filtered:
    """The event could be read but is not wanted at this destination; it ends as filtered."""

    reason: str
    cause: str = causes.TYPE_UNWANTED


Meaning = Plan | Unmappable | Filtered
