"""Who an event names: people and companies by their ids, and people by e-mail. A placeholder counts as absent."""

from collections.abc import Iterator, Mapping

from penstock.destinations.custify.convert import values
from penstock.destinations.custify.options import Mapping as Options
from penstock.placeholders import is_placeholder, is_placeholder_company, is_placeholder_email

Object = Mapping[str, object]
USER_IDS, COMPANY_IDS = ("userId", "user_id", "id"), ("groupId", "company_id", "id")
LINK_IDS = ("id", "company_id")
ONLY_PLACEHOLDERS = "the event names no person: its ids are placeholders, such as undefined or 0"
ONLY_PLACEHOLDER_GROUPS = "the event names no company: its ids are placeholders, such as undefined"


def user_id_of(event: Object, traits: Object, mapping: Options) -> str | None:
    """Return the person's id: userId, else the traits', else, if the destination falls back, the anonymousId."""
    # Nearly every event names its person at the top.
    first = values.as_id(event.get("userId"))
    if first is not None and not _names_nobody(first, mapping):
        return first
    return next((id_ for id_ in _user_ids(event, traits, mapping) if not _names_nobody(id_, mapping)), None)


def email_of(traits: Object, mapping: Options) -> str | None:
    """Return the person's e-mail address, as all of them are compared."""
    email = values.as_email(traits.get("email"))
    return None if email is None or is_placeholder_email(email, mapping.placeholder_ids) else email


def visitor_of(event: Object, mapping: Options) -> str:
    """Return the anonymous id of an event; empty when it has none, or a placeholder."""
    id_ = values.as_id(event.get("anonymousId"))
    return "" if id_ is None or _names_nobody(id_, mapping) else id_


def company_id_of(mapping: Options, *given: object) -> str | None:
    """Return the first of these that is the id of a company."""
    for value in given:
        id_ = values.as_id(value) if value is not None else None
        if id_ is not None and not is_placeholder_company(id_, mapping.placeholder_ids):
            return id_
    return None


def names_placeholders(event: Object, traits: Object, mapping: Options) -> bool:
    """Return whether there was an id of a person, or an e-mail address, that is a placeholder."""
    return any(_names_nobody(id_, mapping) for id_ in _user_ids(event, traits, mapping)) or (
        values.as_email(traits.get("email")) is not None and email_of(traits, mapping) is None
    )


def is_placeholder_of(field: str, value: object, mapping: Options) -> bool:
    """Return whether a value is left out of a field for being a placeholder."""
    if field == "email":
        email = values.as_email(value)
        return email is not None and is_placeholder_email(email, mapping.placeholder_ids)
    id_ = values.as_id(value)
    is_none = {"user_id": is_placeholder, "company_id": is_placeholder_company}.get(field)
    return id_ is not None and is_none is not None and is_none(id_, mapping.placeholder_ids)


def _user_ids(event: Object, traits: Object, mapping: Options) -> Iterator[str]:
    given = [event.get("userId"), *(traits.get(name) for name in USER_IDS)]
    given += [event.get("anonymousId")] if mapping.anonymous_fallback else []
    yield from (id_ for value in given if (id_ := values.as_id(value)) is not None)


def _names_nobody(id_: str, mapping: Options) -> bool:
    return is_placeholder(id_, mapping.placeholder_ids)
