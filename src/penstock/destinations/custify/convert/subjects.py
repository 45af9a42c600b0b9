"""The person and companies that the calls of an event write: by the functions that the mappings name them by.

What is read here of an event is little, so that it can be asked of every event before it is converted; see destinations/custify/naming.py.
"""

from penstock.destinations.custify.convert import rudderstack
from penstock.destinations.custify.convert.group import group_traits, ids_of_group
from penstock.destinations.custify.convert.identify import companies_of
from penstock.destinations.custify.convert.traits import traits_of
from penstock.destinations.custify.convert.whom import Object, company_id_of, email_of, user_id_of, visitor_of
from penstock.destinations.custify.options import Mapping
from penstock.event import Named

# A lane's name; more of an id tells no people apart.
ID_CHARS_MAX = 512


def named(event: Object, mapping: Mapping) -> Named:
    """Return the person an event is about, and the companies it writes."""
    visitor = visitor_of(event, mapping)
    if mapping.name == "rudderstack":
        user_id, email, companies = rudderstack.subjects(dict(event), mapping)
    else:
        user_id, email, companies = _custify_1(event, mapping)
    kind = "user" if mapping.anonymous_fallback else "anon"
    return Named(
        user_id=(user_id or "")[:ID_CHARS_MAX],
        email=(email or "")[:ID_CHARS_MAX],
        visitor=f"{kind}:{visitor[:ID_CHARS_MAX]}" if visitor else "",
        companies=tuple(company[:ID_CHARS_MAX] for company in companies),
    )


def _custify_1(event: Object, mapping: Mapping) -> tuple[str | None, str | None, tuple[str, ...]]:
    kind, companies = event.get("type"), tuple[str, ...]()
    if kind == "group":
        traits, person = group_traits(event)
        company = company_id_of(mapping, *ids_of_group(event, traits))
        companies = (company,) if company else ()
    else:
        person = traits_of(event)
        companies = tuple(companies_of(person, mapping)) if kind == "identify" else ()
    return user_id_of(event, person, mapping), email_of(person, mapping), companies
