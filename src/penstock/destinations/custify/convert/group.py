"""group becomes an upsert of a company, then of the person who belongs to it: Custify links by company_id."""

from penstock import causes
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.convert import values
from penstock.destinations.custify.convert.identify import wants_removal
from penstock.destinations.custify.convert.traits import company_body, objects, person_body, without_future_sign_up
from penstock.destinations.custify.convert.whom import (
    COMPANY_IDS,
    LINK_IDS,
    ONLY_PLACEHOLDER_GROUPS,
    Object,
    company_id_of,
    user_id_of,
)
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan, Unmappable

NO_GROUP = "group without groupId: it cannot be known which company is meant"


def plan_group(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return two calls, company then person; the company's alone if the event names no person."""
    traits, person_traits = group_traits(event)
    given = ids_of_group(event, traits)
    company_id = company_id_of(mapping, *given)
    if company_id is None and any(values.as_id(value) for value in given):
        return Unmappable(ONLY_PLACEHOLDER_GROUPS, causes.PLACEHOLDER)
    if company_id is None:
        return Unmappable(NO_GROUP, causes.NO_COMPANY)
    company = Call("/company", company_body(traits, company_id=company_id, mapping=mapping))
    person = person_body(person_traits, user_id=user_id_of(event, person_traits, mapping), mapping=mapping)
    if "user_id" not in person and "email" not in person:
        return Plan((company,))
    without_future_sign_up(person, event, mapping)
    named = objects(person_traits, "company")
    leaves = wants_removal(named) and company_id_of(mapping, *(named.get(name) for name in LINK_IDS)) == company_id
    person["companies"] = [{"company_id": company_id, "remove": leaves}]
    return Plan((company, Call("/people", person)))


def ids_of_group(event: Object, traits: Object) -> tuple[object, ...]:
    """Return what may be the id of a group call's company, the first of them first."""
    return (event.get("groupId"), *(traits.get(name) for name in COMPANY_IDS))


def group_traits(event: Object) -> tuple[Object, Object]:
    """Return the company's traits, which are `traits`, and the person's, which are `context.traits`. They never mix.

    RudderStack's page shows `group("id", {traits: {…}, context: {traits: {…}}})`; its SDK puts that whole object into
    `traits`. It is read as it was meant, and so is either half of it alone.
    """
    traits, person = objects(event, "traits"), objects(event, "context", "traits")
    inner, inner_person = traits.get("traits"), objects(traits, "context", "traits")
    if not isinstance(inner, dict) and not inner_person:
        return traits, person
    outer = {key: value for key, value in traits.items() if key not in {"traits", "context"}}
    return outer | (inner if isinstance(inner, dict) else {}), {**person, **inner_person}
