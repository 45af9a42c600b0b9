"""identify becomes an upsert of a person, with the company they join or leave."""

from penstock import causes
from penstock.convert import values
from penstock.convert.plan import Call, Mapping, Plan, Unmappable
from penstock.convert.traits import (
    LINK_IDS,
    Object,
    event_time,
    first_text,
    objects,
    person_body,
    traits_of,
    user_id_of,
)

NO_IDENTITY = "the event names nobody: it has neither userId nor an email among its traits"


def plan_identify(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: the person."""
    traits = traits_of(event)
    body = person_body(traits, user_id=user_id_of(event, traits, mapping), mapping=mapping)
    if "user_id" not in body and "email" not in body:
        return Unmappable(NO_IDENTITY, causes.NO_IDENTITY)
    if "signed_up_at" not in body and (happened := event_time(event)):
        body["signed_up_at"] = happened
    if link := _link(event, objects(traits, "company")):
        body["companies"] = [link]
    return Plan((Call("/people", body),))


def wants_removal(company: Object) -> bool:
    """Return whether the person is to leave the company: true, or the text. A 1 is too little to undo a link for."""
    remove = company.get("remove")
    return remove is True or (isinstance(remove, str) and remove.strip().lower() == "true")


def _link(event: Object, company: Object) -> dict[str, object] | None:
    company_id = first_text(company, LINK_IDS) or values.as_text(event.get("groupId"))
    if company_id is None:
        return None
    return {"company_id": company_id, "remove": wants_removal(company)}
