"""identify becomes an upsert of a person, with the company they join or leave."""

from penstock import causes
from penstock.convert.plan import Call, Mapping, Plan, Unmappable
from penstock.convert.times import happened
from penstock.convert.traits import objects, person_body, says_when_signed_up, traits_of, without_future_sign_up
from penstock.convert.whom import LINK_IDS, ONLY_PLACEHOLDERS, Object, company_id_of, names_placeholders, user_id_of

NO_IDENTITY = "the event names nobody: it has neither userId nor an email among its traits"


def plan_identify(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: the person."""
    traits = traits_of(event)
    body = person_body(traits, user_id=user_id_of(event, traits, mapping), mapping=mapping)
    if "user_id" not in body and "email" not in body:
        return nobody(event, traits, mapping)
    without_future_sign_up(body, event, mapping)
    guess = None if "signed_up_at" in body or says_when_signed_up(traits) else happened(event, mapping).text
    if guess:
        body["signed_up_at"] = guess
    if link := _link(event, objects(traits, "company"), mapping):
        body["companies"] = [link]
    return Plan((Call("/people", body, guessed=("signed_up_at",) if guess else ()),))


def nobody(event: Object, traits: Object, mapping: Mapping, otherwise: Unmappable | None = None) -> Unmappable:
    """Return why an event that names nobody cannot be sent: its ids are none, or it has none."""
    if names_placeholders(event, traits, mapping):
        return Unmappable(ONLY_PLACEHOLDERS, causes.PLACEHOLDER)
    return otherwise or Unmappable(NO_IDENTITY, causes.NO_IDENTITY)


def wants_removal(company: Object) -> bool:
    """Return whether the person is to leave the company: true, or the text. A 1 is too little to undo a link for."""
    remove = company.get("remove")
    return remove is True or (isinstance(remove, str) and remove.strip().lower() == "true")


def _link(event: Object, company: Object, mapping: Mapping) -> dict[str, object] | None:
    company_id = company_id_of(mapping, *(company.get(name) for name in LINK_IDS), event.get("groupId"))
    if company_id is None:
        return None
    return {"company_id": company_id, "remove": wants_removal(company)}
