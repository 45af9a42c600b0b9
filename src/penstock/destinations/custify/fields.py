"""Fields that Custify has of its own, and where custify/1 looks for each, in words for people. Pure."""

from collections.abc import Mapping

from penstock.destinations.custify.calls import COMPANY, EVENT, NESTED, PEOPLE
from penstock.destinations.custify.convert.traits import COMPANY_FIELDS, PERSON_FIELDS, Field

#: In front of the names that people made up, as `json_paths.as_text` writes them.
MADE_UP = tuple(f"{group}{mark}" for group in NESTED for mark in ".[")
#: The order of the calls on a page.
PATHS = (PEOPLE, COMPANY, EVENT)
# Besides what PERSON_FIELDS and COMPANY_FIELDS say.
_OTHERS = {
    (PEOPLE, "user_id"): "userId",
    (PEOPLE, "email"): "traits.email",
    (PEOPLE, "name"): "traits.name, or firstName and lastName",
    (PEOPLE, "companies"): "traits.company.id, groupId",
    (COMPANY, "company_id"): "groupId",
    (EVENT, "user_id"): "userId",
    (EVENT, "email"): "traits.email",
    (EVENT, "company_id"): "properties.company_id, context.groupId",
    (EVENT, "name"): "event",
    (EVENT, "created_at"): "timestamp",
    (EVENT, "deduplication_id"): "messageId",
}


def _read_from(field: Field) -> str:
    return ", ".join(f"traits.{name}" for name in (*field.spellings, *field.stand_ins))


_TABLES = ((PEOPLE, PERSON_FIELDS), (COMPANY, COMPANY_FIELDS))
#: By path and field: what it is read from.
STANDARD: Mapping[tuple[str, str], str] = _OTHERS | {
    (path, field.name): _read_from(field) for path, table in _TABLES for field in table
}
