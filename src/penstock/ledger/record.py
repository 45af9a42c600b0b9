"""One record of the ledger: what a destination is known to hold of one person or company.

Rules for this file: a record says only what was acknowledged. Whenever a call may have been applied
without an answer, its fields are forgotten: to send once too often is harmless, to skip what the destination lacks is not.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.destinations.plan import Value

# Longer texts are kept as their digest: enough to see a change, and a record stays small.
VALUE_CHARS_MAX = 200
# More than anybody keeps of a person. A record is read and written whole, and who sends ever new names must not make it
# grow without end: what is beyond is not remembered, and so sent again each time, which does no harm.
FIELDS_MAX, FIELD_CHARS_MAX, COMPANIES_MAX = 5_000, 250, 1_000
# Fields of Custify's own still find room beside as many custom attributes.
OWN_FIELDS_MAX = 50
DIGEST = "\x00blake2:"
#: A field that was taken back, as records keep it: what they do not hold is not known.
NULL = "\x00null"
# In the name of a field that people made up: the group that it stands in comes first.
IN_GROUP = "."
# A person was taken out of a company, belongs to it, or was linked before it was known whether the destination has the company: a
# link to a company that it lacks is ignored there, and must be said again once the company was sent.
LEFT, MEMBER, UNPROVEN = 0, 1, 2


class Record(msgspec.Struct, kw_only=True, omit_defaults=True, rename={
    "fields": "f", "companies": "c", "last_group": "g", "times": "t", "asserted_at": "a", "user_id": "u", "guessed": "s",
}):  # fmt: skip
    """What is known of one subject. An e-mail that belongs to a user has a record that names the user, and nothing else."""

    #: Values by field, attributes that people made up as `GROUP.NAME`.
    fields: dict[str, Value] = {}
    #: Companies a person was linked to or taken out of: LEFT, MEMBER or UNPROVEN.
    companies: dict[str, int] = {}
    #: The company of the person's last group call.
    last_group: str = ""
    #: When the events happened that set fields under the policy `latest`, milliseconds since 1970.
    times: dict[str, int] = {}
    #: When everything here was last sent in full, seconds since 1970.
    asserted_at: float = 0.0
    #: Only in a record of an e-mail: whose it is.
    user_id: str = ""
    #: Fields whose value was not stated but derived from the time of an event.
    guessed: list[str] = []


def attribute_of(field: str) -> str:
    """Return the name of an attribute without its group; every other field's as it is."""
    return field.partition(IN_GROUP)[2] or field


def sent(value: Value) -> Value | None:
    """Return a value as it is sent."""
    return None if value == NULL else value


def kept(value: Value) -> Value:
    """Return a value as a record keeps it."""
    if isinstance(value, str) and len(value) > VALUE_CHARS_MAX:
        return DIGEST + hashlib.blake2b(value.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return value


def is_digest(value: Value) -> bool:
    """Return whether only the digest of a value is known."""
    return isinstance(value, str) and value.startswith(DIGEST)


def same(held: Value | None, value: Value) -> bool:
    """Return whether just this is held; 1, 1.0 and true are three different values."""
    short = kept(value)
    return type(held) is type(short) and held == short


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one acknowledged call adds to a record."""

    fields: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    companies: Mapping[str, int] = dataclasses.field(default_factory=dict)
    times: Mapping[str, int] = dataclasses.field(default_factory=dict)
    last_group: str = ""
    #: The call carried everything that is known: the time, else None.
    asserted_at: float | None = None
    #: Which of the fields have a value that was not stated.
    guessed: frozenset[str] = frozenset()

    def after(self, earlier: "Delta | None") -> "Delta":
        """Return both as one; what was learned earlier is older."""
        if earlier is None:
            return self
        return Delta(
            fields={**earlier.fields, **self.fields},
            companies={**earlier.companies, **self.companies},
            times={**earlier.times, **self.times},
            last_group=self.last_group or earlier.last_group,
            asserted_at=earlier.asserted_at if self.asserted_at is None else self.asserted_at,
            guessed=(earlier.guessed - self.fields.keys()) | self.guessed,
        )

    def learn(self, raw: bytes | None) -> bytes:
        """Return the record with this in it. A record that cannot be read is begun anew."""
        record = decoded(raw) or Record(asserted_at=self.asserted_at or 0.0)
        record.user_id = ""
        record.fields = _with_fields(record.fields, self.fields)
        record.guessed = sorted((set(record.guessed) - self.fields.keys()) | self.guessed)
        record.companies = _with(record.companies, self.companies, size_max=COMPANIES_MAX)
        record.times = {**record.times, **self.times}
        record.last_group = self.last_group or record.last_group
        if self.asserted_at is not None:
            record.asserted_at = self.asserted_at
        return encoded(record)

    def doubt(self, raw: bytes | None) -> bytes | None:
        """Return the record without what this may have changed: the call was made, and what came of it is unknown."""
        record = decoded(raw)
        if record is None:
            return None
        record.fields = _without(record.fields, self.fields)
        record.guessed = [name for name in record.guessed if name not in self.fields]
        record.companies = _without(record.companies, self.companies)
        record.times = _without(record.times, self.times)
        if self.last_group:
            record.last_group = ""
        return encoded(record)


@dataclasses.dataclass(frozen=True, slots=True)
class Alias:
    """An e-mail belongs to a user, or no longer does (empty)."""

    user_id: str

    def learn(self, raw: bytes | None) -> bytes | None:  # noqa: ARG002 - whatever was known of it is replaced
        """Return the record of the e-mail."""
        return encoded(Record(user_id=self.user_id)) if self.user_id else None

    def doubt(self, raw: bytes | None) -> bytes | None:  # noqa: ARG002 - whatever was known of it is in doubt
        """Return nothing: whose the e-mail is, is unknown now."""
        return None


def encoded(record: Record) -> bytes:
    """Return a record as it is kept."""
    return msgspec.json.encode(record)


def decoded(raw: bytes | None) -> Record | None:
    """Return a record; None when there is none, or none that this version can read: it is learned anew then."""
    try:
        return msgspec.json.decode(raw, type=Record) if raw is not None else None
    except msgspec.DecodeError:
        return None


def memberships(record: Record) -> Sequence[str]:
    """Return the companies a person is known to belong to."""
    return [company for company, state in record.companies.items() if state == MEMBER]


def _with_fields(fields: Mapping[str, Value], learned: Mapping[str, Value]) -> dict[str, Value]:
    short = {name: kept(value) for name, value in learned.items() if len(name) <= FIELD_CHARS_MAX}
    own = {name: value for name, value in short.items() if IN_GROUP not in name}
    custom = {name: value for name, value in short.items() if name not in own}
    return _with(_with(fields, own, size_max=FIELDS_MAX + OWN_FIELDS_MAX), custom, size_max=FIELDS_MAX)


def _with(table: Mapping[str, Any], learned: Mapping[str, Any], *, size_max: int) -> dict[str, Any]:
    """Return a table with what was learned, as far as there is room; what is in it already is always brought up to date."""
    new = [name for name in learned if name not in table]
    left_out = new[max(0, size_max - len(table)) :]
    return {**table, **(_without(learned, dict.fromkeys(left_out)) if left_out else learned)}


def _without(table: Mapping[str, Any], doubtful: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in doubtful}
