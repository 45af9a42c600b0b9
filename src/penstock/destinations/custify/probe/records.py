"""Questions about people and companies. Each returns the code of an answer, or raises Unclear."""

from typing import Any

from penstock.destinations.custify.probe.asking import Unclear
from penstock.destinations.custify.probe.bench import Facts, Workbench, attributes
from penstock.destinations.custify.probe.names import ATTRIBUTES

TEXT, NUMBER, DATE, NESTED = ATTRIBUTES
LARGE_CHARS = 32_000
WITH_OFFSET, AT_UTC, WITHOUT = "2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05", "2024-01-02T03:04:05"


async def numeric_user_id(b: Workbench) -> str:
    """A user id that is a number."""
    number = b.names.number
    if await b.people(user_id=number):
        raise Unclear(f"a person with the user id {number} is there already")
    written = await b.write_person(user_id=number)
    return "refused" if written.refused else _as_text((await b.person(number))["user_id"], number)


async def numeric_company_id(b: Workbench) -> str:
    """A company id that is a number."""
    number = b.names.number
    if await b.companies(number):
        raise Unclear(f"a company has the id {number} already")
    written = await b.write_company(company_id=number, name=b.names.company("nulls"))
    return "refused" if written.refused else _as_text((await b.company(number))["company_id"], number)


async def null_field(b: Workbench) -> str:
    """Null for a field of a person."""
    user_id = b.names.user("nulls")
    await b.write_person(user_id=user_id, email=b.names.email("nulls"), phone="+3312345", custom_attributes={TEXT: "a"})
    await b.look(lambda: b.people(user_id=user_id), lambda found: bool(found and found[0].get("phone")))
    if (await b.write_person(user_id=user_id, phone=None)).refused:
        return "refused"
    found = await b.look(lambda: b.person(user_id), lambda person: not person.get("phone"))
    return "ignored" if found.get("phone") else "clears"


async def null_attribute(b: Workbench) -> str:
    """Null for a custom attribute of a person."""
    user_id = b.names.user("nulls")
    if (await b.write_person(user_id=user_id, custom_attributes={TEXT: None})).refused:
        return "refused"
    found = await b.look(lambda: b.person(user_id), lambda person: attributes(person).get(TEXT) is None)
    return "clears" if attributes(found).get(TEXT) is None else "ignored"


async def null_email(b: Workbench) -> str:
    """Null for the e-mail of a person who has a user id."""
    user_id = b.names.user("nulls")
    if (await b.write_person(user_id=user_id, email=None)).refused:
        return "refused"
    found = await b.look(lambda: b.person(user_id), lambda person: not person.get("email"))
    return "kept" if found.get("email") else "clears"


async def null_of_company(b: Workbench) -> str:
    """Null for a field of a company."""
    company_id = b.names.company("nulls")
    await b.write_company(company_id=company_id, plan="Pro")
    if (await b.write_company(company_id=company_id, plan=None)).refused:
        return "refused"
    found = await b.look(lambda: b.company(company_id), lambda company: not company.get("plan"))
    return "ignored" if found.get("plan") else "clears"


async def empty_text(b: Workbench) -> str:
    """An empty text for a field of a person."""
    user_id = b.names.user("empty")
    await b.write_person(user_id=user_id, phone="+3312345")
    if (await b.write_person(user_id=user_id, phone="")).refused:
        return "refused"
    found = await b.look(lambda: b.person(user_id), lambda person: not person.get("phone"))
    phone = found.get("phone")
    return "ignored" if phone else "kept" if phone == "" else "clears"


async def user_id_case(b: Workbench) -> str:
    """Whether capitals of a user id count."""
    await b.write_person(user_id=b.names.user("asked"), email=b.names.email("asked"))
    await b.person(b.names.user("asked"))
    return "ignored" if await b.people(user_id=b.names.user("asked").upper()) else "exact"


async def email_case(b: Workbench) -> str:
    """Whether capitals of an e-mail count."""
    email = b.names.email("asked")
    if not await b.look(lambda: b.people(email=email), bool):
        raise Unclear(f"no person is found by e-mail {email}")
    return "ignored" if await b.people(email=email.upper()) else "exact"


async def nobody(b: Workbench) -> str:
    """How the read of an unknown person is answered."""
    reply = await b.asking.ask("GET", f"/people?user_id={b.names.user('unknown')}")
    return "not_found" if reply.status == 404 else "empty"


async def email_then_user_id(b: Workbench) -> str:
    """A person known by e-mail alone, written again with a user id."""
    user_id, email = b.names.user("mail-first"), b.names.email("mail-first")
    await b.write_person(email=email)
    await b.look(lambda: b.people(email=email), bool)
    await b.write_person(user_id=user_id, email=email)
    await b.person(user_id)
    return "one" if len(await b.people(email=email)) == 1 else "two"


async def one_email_two_user_ids(b: Workbench) -> str:
    """Two user ids with one e-mail."""
    email = b.names.email("mail-shared-1")
    await b.write_person(user_id=b.names.user("mail-shared-1"), email=email)
    await b.person(b.names.user("mail-shared-1"))
    if (await b.write_person(user_id=b.names.user("mail-shared-2"), email=email)).refused:
        return "refused"
    second = await b.look(lambda: b.people(user_id=b.names.user("mail-shared-2")), bool)
    first = await b.people(user_id=b.names.user("mail-shared-1"))
    return "two" if first and second and first[0]["id"] != second[0]["id"] else "one"


async def conflict(b: Workbench) -> str:
    """The user id of one person with the e-mail of another."""
    a, other = b.names.user("conflict-a"), b.names.user("conflict-b")
    await b.write_person(user_id=a, email=b.names.email("conflict-a"))
    await b.write_person(user_id=other, email=b.names.email("conflict-b"))
    before = [(await b.person(a))["id"], (await b.person(other))["id"]]
    written = await b.write_person(user_id=a, email=b.names.email("conflict-b"), phone="+3399999")
    if written.refused:
        return "refused"
    changed = {each["id"] for each in await b.look(lambda: _with_phone(b, a, other), bool)}
    if changed == {before[0]}:
        return "user_id"
    return "email" if changed == {before[1]} else "another"


async def unknown_company(b: Workbench) -> str:
    """A link to an unknown company."""
    link = [{"company_id": b.names.company("linked")}]
    if (await b.write_person(user_id=b.names.user("linked"), companies=link)).refused:
        return "refused"
    await b.person(b.names.user("linked"))
    return "creates" if await b.look(lambda: b.companies(b.names.company("linked")), bool) else "ignored"


async def other_type(b: Workbench) -> str:
    """A text for an attribute that is a number."""
    user_id = b.names.user("types")
    await b.write_person(user_id=user_id, custom_attributes={NUMBER: 1})
    await b.look(lambda: b.person(user_id), lambda person: NUMBER in attributes(person))
    if (await b.write_person(user_id=user_id, custom_attributes={NUMBER: "many"})).refused:
        return "refused"
    found = await b.look(lambda: b.person(user_id), lambda person: attributes(person).get(NUMBER) != 1)
    return {"many": "kept", 1: "ignored"}.get(attributes(found).get(NUMBER), "changed")


async def number_as_text(b: Workbench) -> str:
    """A text of digits for a documented field that is a number."""
    return await _field(b, "wrong", "session_count", "3", {3: "number", "3": "text"})


async def date_with_offset(b: Workbench) -> str:
    """A date with an offset, which the list of forms does not name, for a date field."""
    written = await b.write_person(user_id=b.names.user("offset"), signed_up_at=WITH_OFFSET)
    if written.refused:
        return "refused"
    return as_date((await b.person(b.names.user("offset"))).get("signed_up_at"))


async def date_as_number(b: Workbench) -> str:
    """Seconds since 1970 for a date field."""
    written = await b.write_person(user_id=b.names.user("epoch"), signed_up_at=1_704_164_645)
    if written.refused:
        return "refused"
    value = str((await b.person(b.names.user("epoch"))).get("signed_up_at") or "")
    return "instant" if value.startswith("2024-01-02") else "ignored" if not value else "other"


async def offset_attribute(b: Workbench) -> str:
    """The type of an attribute that came as a date with an offset."""
    user_id = b.names.user("offset")
    await b.write_person(user_id=user_id, custom_attributes={DATE: WITH_OFFSET})

    async def types() -> list[str]:
        listed = (await b.asking.ask("GET", "/customer/attributes")).json
        entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return [_type(each) for each in entries if DATE in {str(value) for value in each.values()}]

    found = await b.look(types, bool)
    if not found or not found[0]:
        raise Unclear(f"/customer/attributes says no type of {DATE}")
    return "date" if "date" in found[0] else "text"


async def nested_attribute(b: Workbench) -> str:
    """An object among the custom attributes."""
    user_id = b.names.user("nested")
    if (await b.write_person(user_id=user_id, custom_attributes={NESTED: {"inner": 1}})).refused:
        return "refused"
    return "kept" if attributes(await b.person(user_id)).get(NESTED) else "ignored"


async def unknown_field(b: Workbench) -> str:
    """A field that no page documents."""
    return await _field(b, "unknown-field", "penstock_probe_field", "x", {None: "ignored", "x": "kept"})


async def large_body(b: Workbench) -> str:
    """An attribute of 32 kB, as much as SDKs let one event have."""
    written = await b.write_person(user_id=b.names.user("large"), custom_attributes={TEXT: "x" * LARGE_CHARS})
    if written.refused:
        return "refused"
    found = str(attributes(await b.person(b.names.user("large"))).get(TEXT, ""))
    return "kept" if len(found) == LARGE_CHARS else "cut"


async def deletion(b: Workbench) -> str:
    """DELETE /people?user_id=."""
    user_id = b.names.user("deleted")
    await b.write_person(user_id=user_id, custom_attributes={TEXT: "before"})
    await b.person(user_id)
    reply = await b.asking.ask("DELETE", f"/people?user_id={user_id}")
    if not reply.ok:
        return "refused"
    return "remains" if await b.look(lambda: b.people(user_id=user_id), lambda found: not found) else "gone"


async def written_again(b: Workbench) -> str:
    """A deleted person, written again."""
    user_id = b.names.user("deleted")
    if await b.people(user_id=user_id):
        raise Unclear("the person is still there")
    if (await b.write_person(user_id=user_id)).refused:
        return "refused"
    return "restored" if attributes(await b.person(user_id)).get(TEXT) == "before" else "new"


async def deletion_of_nobody(b: Workbench) -> str:
    """DELETE /people?user_id= of an unknown person."""
    user_id = b.names.user("unknown")
    if await b.people(user_id=user_id):
        raise Unclear("the person is there")
    reply = await b.asking.ask("DELETE", f"/people?user_id={user_id}")
    return "taken" if reply.ok else "not_found"


def as_date(value: object) -> str:
    """Return the code of how a date with an offset came back."""
    text = str(value or "").replace(" ", "T")
    if text == WITH_OFFSET:
        return "as_sent"
    return "instant" if text.startswith(AT_UTC) else "no_offset" if text.startswith(WITHOUT) else "ignored"


def _as_text(found: object, number: int) -> str:
    return "text" if found == str(number) else "number" if found == number else "changed"


def _type(entry: Facts) -> str:
    return next((str(entry[name]).lower() for name in ("type", "fieldType", "dataType") if entry.get(name)), "")


async def _with_phone(b: Workbench, *user_ids: str) -> list[Facts]:
    found = [person for user_id in user_ids for person in await b.people(user_id=user_id)]
    return [person for person in found if person.get("phone") == "+3399999"]


async def _field(b: Workbench, label: str, name: str, value: object, meanings: dict[Any, str]) -> str:
    """Write one field of a person; return what a later read of it means."""
    if (await b.write_person(user_id=b.names.user(label), **{name: value})).refused:
        return "refused"
    return meanings.get((await b.person(b.names.user(label))).get(name), "ignored")
