"""How events become Custify's calls: the choices of both mappings."""

import dataclasses
from typing import ClassVar, Literal

from penstock.destinations.options import Options
from penstock.settings.table import MappingName


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mapping(Options):
    """One of the mappings, with its choices; placeholders and the clock's tolerance count for custify/1 alone."""

    type: ClassVar[str] = "custify"
    name: MappingName = "custify/1"
    #: RudderStack's "Fall back to anonymousId if userId is not present".
    anonymous_fallback: bool = False
    #: What becomes of arrays and objects among traits and properties (custify/1 only).
    nested: Literal["drop", "flatten", "json"] = "drop"
    #: Send page and screen views as events (custify/1 only).
    page_views: bool = False
    #: Attributes that are dates at Custify, as `people.NAME`, `company.NAME`, `event.NAME`, or NAME for all (custify/1 only).
    date_attributes: tuple[str, ...] = ()
    #: A trait of null takes a field back; without, it says nothing (custify/1 only).
    null_clears: bool = False

    @property
    def is_alone(self) -> bool:
        """Return whether a call is read without its batch: RudderStack does not see what stands beside the calls."""
        return self.name == "rudderstack"
