"""track becomes an event of a person, or of a company alone; page and screen views too, if the destination wants them."""

import dataclasses

from penstock import causes
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.convert import values
from penstock.destinations.custify.convert.dates import dates_among
from penstock.destinations.custify.convert.identify import why_no_person
from penstock.destinations.custify.convert.traits import objects, traits_of
from penstock.destinations.custify.convert.whom import Object, company_id_of, email_of, user_id_of, visitor_of
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan, Unmappable
from penstock.destinations.times import happened

COMPANY_IDS = ("company_id", "companyId", "organization_id")
NO_NAME = "track without an event name"
NO_SUBJECT = "the event names no person: it has neither userId nor an email among its traits, and no company"


def plan_track(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: the event."""
    name = values.as_text(event.get("event"))
    return _plan(event, name, mapping) if name else Unmappable(NO_NAME, causes.NO_NAME)


def plan_view(event: Object, view: str, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: a page or screen view, named after the page."""
    name = values.as_text(event.get("name")) or values.as_text(objects(event, "properties").get("name"))
    return _plan(event, f"Viewed {name} {view.title()}" if name else f"Viewed a {view.title()}", mapping)


def _plan(event: Object, name: str, mapping: Mapping) -> Plan | Unmappable:
    # Only traits say who acted. An email among the properties is of another person: an invited one.
    traits, properties = traits_of(event), objects(event, "properties")
    user_id, email = user_id_of(event, traits, mapping), email_of(traits, mapping)
    named = (*(properties.get(name) for name in COMPANY_IDS), objects(event, "context").get("groupId"))
    company_id = company_id_of(mapping, *named)
    if not (user_id or email or company_id):
        why = why_no_person(event, traits, mapping, Unmappable(NO_SUBJECT, causes.NO_SUBJECT))
        # What a visitor did is theirs once they sign in; what they said of themselves, SDKs say again then.
        return dataclasses.replace(why, visitor=visitor_of(event, mapping))
    facts = {
        "user_id": user_id,
        "email": email,
        "company_id": company_id,
        "name": name,
        "created_at": happened(event, mapping).text,
        "deduplication_id": values.as_text(event.get("messageId")),
    }
    body: dict[str, object] = {key: value for key, value in facts.items() if value is not None}
    # Every property, the company's id too: reports filter by what the application sent.
    dates = dates_among(mapping.date_attributes, "event")
    body["metadata"] = values.attributes(properties, nested=mapping.nested, dates=dates)
    return Plan((Call("/event", body),))
