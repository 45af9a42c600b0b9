"""identify becomes an upsert of a person, with the company they join or leave."""

from penstock import causes
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.convert.traits import (
    NAMING,
    companies_among,
    company_body,
    id_of_company,
    objects,
    person_body,
    says_when_signed_up,
    traits_of,
    without_future_sign_up,
)
from penstock.destinations.custify.convert.whom import (
    ONLY_PLACEHOLDERS,
    Object,
    company_id_of,
    names_placeholders,
    user_id_of,
)
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan, Unmappable
from penstock.destinations.times import happened

# Companies that one identify writes: each is a call, and all of them must be made while the event is leased.
COMPANIES_MAX = 10
NO_IDENTITY = "the event names no person: it has neither userId nor an email among its traits"


def plan_identify(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return one call, the person; before it one for each company that the traits say something of."""
    traits = traits_of(event, nulls=mapping.null_clears)
    body = person_body(traits, user_id=user_id_of(event, traits, mapping), mapping=mapping)
    if "user_id" not in body and "email" not in body:
        return why_no_person(event, traits, mapping)
    without_future_sign_up(body, event, mapping)
    guess = None if "signed_up_at" in body or says_when_signed_up(traits) else happened(event, mapping).text
    if guess:
        body["signed_up_at"] = guess
    if links := _links(event, traits, mapping):
        body["companies"] = [{"company_id": id_, "remove": remove} for id_, remove in links.items()]
    companies = [Call("/company", company) for company in companies_of(traits, mapping).values()]
    return Plan((*companies, Call("/people", body, guessed=("signed_up_at",) if guess else ())))


def companies_of(traits: Object, mapping: Mapping) -> dict[str, dict[str, object]]:
    """Return by id the companies of which a person's traits say something, as they are written.

    Of one that the person leaves nothing is written: what is said of it there says which one is meant.
    """
    written: dict[str, dict[str, object]] = {}
    for company in companies_among(traits):
        id_ = id_of_company(company, mapping)
        said = {key: value for key, value in company.items() if key not in NAMING}
        if id_ is not None and said and not wants_removal(company) and len(written) < COMPANIES_MAX:
            written.setdefault(id_, company_body(said, company_id=id_, mapping=mapping))
    return written


def why_no_person(event: Object, traits: Object, mapping: Mapping, otherwise: Unmappable | None = None) -> Unmappable:
    """Return why an event that names no person cannot be sent: its ids are placeholders, or it has none."""
    if names_placeholders(event, traits, mapping):
        return Unmappable(ONLY_PLACEHOLDERS, causes.PLACEHOLDER)
    return otherwise or Unmappable(NO_IDENTITY, causes.NO_IDENTITY)


def wants_removal(company: Object) -> bool:
    """Return whether the person is to leave the company: true, or the text. A 1 is too little to undo a link for."""
    remove = company.get("remove")
    return remove is True or (isinstance(remove, str) and remove.strip().lower() == "true")


def _links(event: Object, traits: Object, mapping: Mapping) -> dict[str, bool]:
    """Return the companies that the person belongs to, or leaves (true); of two that say otherwise the first counts."""
    links: dict[str, bool] = {}
    for company in companies_among(traits):
        if (id_ := id_of_company(company, mapping)) is not None:
            links.setdefault(id_, wants_removal(company))
    # What the traits say of a company without an id, they say of the group.
    group = None if links else company_id_of(mapping, event.get("groupId"))
    return links if group is None else {group: wants_removal(objects(traits, "company"))}
