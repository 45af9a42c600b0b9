"""Who may overwrite what: the policy of each field of Custify. Pure."""

from collections.abc import Mapping

from penstock.destinations.plan import Value
from penstock.ledger.record import NULL, Record
from penstock.settings.table import Policy

MEANING: Mapping[Policy, str] = {
    "always": "every event that names the field sets it",
    "set_once": "only the first value is sent; one that was guessed gives way to one that an event states",
    "never_null": "an empty value is never sent",
    "max": "only a larger number or a later date is sent",
    "min": "only a smaller number or an earlier date is sent",
    "latest": "only an event that happened later overwrites it, whenever it arrives",
    "owner": "never sent: it is maintained by hand at the destination",
}
#: What must be known of a person in Custify before the first write, or the policy could not be kept.
NEEDS_HELD = frozenset({"set_once", "max", "min"})
#: Of such fields the last event that was sent has the say: to send an older one again is to look for newer ones.
BY_ORDER = frozenset({"always", "never_null"})
# A later event than this cannot have set a field: its time was wrong, and an older version believed it.
AHEAD_MS_MAX = 2 * 86_400_000


def withheld(
    policy: Policy, value: Value, *, name: str, record: Record | None, at_ms: int, guessed: bool = False, now: float
) -> str:
    """Return why a value is not sent; empty when it is. `now` is in seconds since 1970."""
    held = record.fields.get(name) if record else None
    # With `always` the ledger has no say: that is its meaning.
    if guessed and held is not None and policy not in {"always", "owner"}:
        return f"{policy}: Custify holds a value already, and this is a guess, from the time of the event"
    match policy:
        case "owner":
            return "owner: it is maintained by hand at the destination"
        case "never_null" if value in {"", NULL}:
            return "never_null: the value is empty"
        case "set_once" | "max" | "min" if value == NULL:
            return f"{policy}: it is not taken back"
        case "set_once" if held is not None and record and name not in record.guessed:
            return "set_once: Custify holds a value already"
        case "max" if held is not None and not _exceeds(value, held):
            return "max: Custify holds as much or more"
        case "min" if held is not None and not _exceeds(held, value):
            return "min: Custify holds as little or less"
        case "latest" if record and at_ms < record.times.get(name, at_ms) <= now * 1000 + AHEAD_MS_MAX:
            return "latest: Custify holds the value of a later event"
    return ""


def _exceeds(value: Value, other: Value) -> bool:
    """Compare numbers with numbers and dates, in Custify's one form, with dates; what cannot be compared exceeds nothing."""
    if NULL in {value, other}:
        return True
    if isinstance(value, str) and isinstance(other, str):
        return value > other
    if isinstance(value, str) or isinstance(other, str):
        return False
    return value > other
