"""Rules that name places in an event, as people write them: `traits.email`, `properties.card_*`, `context.**.lat`.

Names are separated by dots. `*` stands for any letters of one name, and for one whole name or item; `**` for any names, also
for none. Items of arrays have no names: `properties.products.price` is the price of each, and `products[*].price` says
the same. What is said of `traits` holds for `context.traits` too, where some SDKs write them.
"""

import dataclasses
import fnmatch
import functools
import re
from collections.abc import Sequence

ANY_DEPTH, ANY_NAME, DOT = "**", "*", "."
#: More and longer ones are a list of something else.
RULES_MAX, RULE_CHARS_MAX = 200, 200
#: What an event is known, ordered and told apart by. Nothing of it can be removed; see `refusals`.
NEEDED = {
    "messageId": "events that come twice are known by it",
    "type": "it says what the event is",
    "userId": "the person is known by it, here and at the destination",
    "anonymousId": "visitors are known by it",
    "previousId": "it says who was renamed",
    "groupId": "the company is known by it",
    "event": "it says what happened",
    "request_ip": "what is stored of it says ip_addresses",
}
#: What destinations may know a person by: it may be removed, but not in silence.
KNOWN_BY = {
    "traits.email": "a person without userId is known by the e-mail address",
    "traits.id": "a person or company without an id of its own is known by it",
    "traits.userId": "a person without an id of its own is known by it",
    "traits.company.id": "it says which company the person belongs to",
    "traits.groupId": "a company without groupId is known by it",
    "traits.company_id": "it says which company is meant",
    "properties.company_id": "it says which company an event is about",
    "context.groupId": "it says which company an event is about",
}
_ITEMS = re.compile(r"\[\*?\]")
_NUMBERED = re.compile(r"\[\d+\]")


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and the names it goes by."""

    text: str
    names: tuple[str, ...]

    def places(self) -> list[tuple[str, ...]]:
        """Return the rule for every place that it means."""
        return [self.names, ("context", *self.names)] if self.names[0].lower() == "traits" else [self.names]


def parsed(text: str) -> Rule:
    """Read a rule. Raises ValueError that says what is expected."""
    plain = _ITEMS.sub("", text.strip())
    if _NUMBERED.search(plain):
        raise ValueError("items of arrays without numbers: properties.products.price is the price of each")
    names = tuple(plain.split(DOT))
    if not plain or not all(names) or not plain.isprintable() or len(plain) > RULE_CHARS_MAX:
        raise ValueError("names separated by dots, such as traits.email, properties.card_* or **.password")
    if any(ANY_DEPTH in name and name != ANY_DEPTH for name in names):
        raise ValueError("** alone between two dots, for any names; * for any letters of one name")
    return Rule(text.strip(), names)


def fits(pattern: str, name: str, *, any_case: bool) -> bool:
    """Return whether a name is one that a pattern stands for; letters of ASCII alone may have any case."""
    if "*" not in pattern and name.isascii():
        # Most rules and names are so plain, and a stranger may send ten thousand of them.
        return pattern == name or (any_case and pattern.isascii() and pattern.lower() == name.lower())
    return _compiled(pattern, any_case).fullmatch(name) is not None


@functools.lru_cache(maxsize=4_096)
def _compiled(pattern: str, any_case: bool) -> re.Pattern[str]:
    # Of its marks only * means something here; fnmatch's expressions go back over nothing twice.
    return re.compile(fnmatch.translate(re.sub(r"([\[?])", r"[\1]", pattern)), re.ASCII | (any_case and re.IGNORECASE))


def reaches(rule: Rule, path: str) -> bool:
    """Return whether a rule takes away what stands at a path, or what it stands in. The slow and obvious way."""
    return any(_takes(place, tuple(path.split(DOT))) for place in rule.places())


def _takes(names: Sequence[str], path: Sequence[str]) -> bool:
    if not names:
        return True
    if names[0] == ANY_DEPTH and _takes(names[1:], path):
        return True
    if not path:
        return False
    if names[0] == ANY_DEPTH:
        return _takes(names, path[1:])
    return fits(names[0], path[0], any_case=True) and _takes(names[1:], path[1:])


def needed_by(rule: Rule) -> str:
    """Return which field a rule would take away that an event cannot do without, and why; empty for none."""
    return next((f"{field}: {why}" for field, why in NEEDED.items() if reaches(rule, field)), "")


def known_by(rule: Rule) -> Sequence[str]:
    """Return the fields a rule takes away by which a person may be known, each with what that means."""
    return [f"{field}: {why}" for field, why in KNOWN_BY.items() if reaches(rule, field)]
