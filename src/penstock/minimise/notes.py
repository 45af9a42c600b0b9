"""What is remembered of a removal: how often which rule was followed, and never a value, nor a name that a sender chose.

It stands in the head of the stored event, as a line a rule, and so it goes wherever the event goes.
"""

import collections
from typing import NamedTuple

NEVER_STORE, STORE_HASHED, STORE_ONLY, IP = "never_store", "store_hashed", "store_only", "ip_addresses"
#: The body could not be taken apart, and may have held what must not be stored; and: it was kept as long as settings say.
UNREADABLE, PAST = "unreadable", "payload_days"
SORTS = (NEVER_STORE, STORE_HASHED, STORE_ONLY, IP, UNREADABLE, PAST)


class Mark(NamedTuple):
    """A setting, and which of its rules."""

    setting: str
    rule: str


class Removed(NamedTuple):
    """How many values of an event a rule was applied to."""

    setting: str
    rule: str
    times: int

    def sentence(self) -> str:
        """Say it to a person."""
        values = "1 value" if self.times == 1 else f"{self.times} values"
        match self.setting:
            case "never_store":
                return f"{values} removed before the event was stored: never_store {self.rule}"
            case "store_hashed":
                return f"{values} stored as a keyed hash: store_hashed {self.rule}"
            case "store_only":
                return f"{values} removed before the event was stored: not named in store_only"
            case "ip_addresses":
                what = (
                    "the last part of the IP address was removed" if self.rule == "truncate" else "IP address removed"
                )
                return f"{what} before the event was stored: ip_addresses {self.rule}"
            case "unreadable":
                return "the body was removed before the event was stored: it cannot be taken apart, and the source has rules"
            case _:
                return "the body is no longer kept: payload_days"


def text_of(counts: collections.Counter[Mark], before: str = "") -> str:
    """Write down what was removed, beside what was `before`."""
    for each in read(before):
        counts[Mark(each.setting, each.rule)] += each.times
    return "\n".join(f"{SORTS.index(mark.setting)}{count} {mark.rule}" for mark, count in sorted(counts.items()))


def read(text: str) -> list[Removed]:
    """Read what was written down; lines of a later version are passed over."""
    found = []
    for line in text.splitlines():
        head, _, rule = line.partition(" ")
        if head[1:].isdigit() and head[0].isdigit() and int(head[0]) < len(SORTS):
            found.append(Removed(SORTS[int(head[0])], rule, int(head[1:])))
    return found


def is_body_gone(text: str) -> bool:
    """Return whether an event is without its body, given what was written down."""
    return any(each.setting == PAST for each in read(text)) if text else False
