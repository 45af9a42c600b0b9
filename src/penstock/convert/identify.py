"""identify becomes an upsert of a person, with the company they join or leave."""

from penstock.convert import values
from penstock.convert.plan import Call, Mapping, Plan, Unmappable
from penstock.convert.traits import Object, event_time, first_text, objects, person_body, user_id_of

NO_IDENTITY = "the event names nobody: it has neither userId nor an email among its traits"


def plan_identify(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: the person. `traits` and `context.traits` are merged, `traits` wins key by key."""
    traits = {**objects(event, "context", "traits"), **objects(event, "traits")}
    body = person_body(traits, user_id=user_id_of(event, traits, mapping), mapping=mapping)
    if "user_id" not in body and "email" not in body:
        return Unmappable(NO_IDENTITY)
    if "signed_up_at" not in body and (happened := event_time(event)):
        body["signed_up_at"] = happened
    if link := _link(event, traits):
        body["companies"] = [link]
    return Plan((Call("/people", body),))


def wants_removal(company: Object) -> bool:
    """Return whether the person is to leave the company."""
    return values.as_flag(company.get("remove")) is True


def _link(event: Object, traits: Object) -> dict[str, object] | None:
    company = objects(traits, "company")
    company_id = first_text(company, ("id", "company_id")) or values.as_text(event.get("groupId"))
    if company_id is None:
        return None
    return {"company_id": company_id, "remove": wants_removal(company)}
