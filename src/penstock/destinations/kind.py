"""What a kind of destination is to people: its words, what is entered and set for it, and why its events end badly."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from penstock.causes import Cause
from penstock.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DestinationKind:
    """One kind of destination, for settings and pages. Its folder has its name, and in `first.html` what a form asks first."""

    #: How settings name it; the codes of its causes begin with it.
    type: str
    #: How people call it, and what is at its far side (at the beginning of a sentence).
    title: str
    who: str
    #: What it is good for, for those who choose among kinds; and what the second step of its set-up asks for.
    purpose: str
    asks: str
    #: What people enter for it, and where they find it.
    credential: str
    found: str
    #: How its address is called; where it is unless settings say otherwise, empty where only they can know.
    address: str
    base_url: str = ""
    #: Settings of the table that people set for it, beside what every kind has.
    settings: Sequence[str]
    causes: Sequence[Cause]
    #: Why there is no mapping to look at; empty where there is one.
    unmapped: str = ""
    #: What is wrong with an address and a credential, as errors of the setting whose name, with a point, is given first.
    mistakes: Callable[[str, str, str], Iterable[SettingsError]]
    #: The origin that calls to an address go to.
    origin: Callable[[str], str]
    #: A credential that we make; empty where the far side makes it.
    fresh_credential: Callable[[], str] = str
