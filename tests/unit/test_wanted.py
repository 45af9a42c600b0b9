"""Which events a destination does not want: the `integrations` object, consent, and names of events."""

import pytest
from hypothesis import given

from model.test_convert_properties import events, values
from penstock.destinations.wanted import EventNames, Wishes, unwanted


def cause(event, **wishes) -> str:
    refusal = unwanted({"type": "track", "event": "Paid"} | event, source="web", wishes=Wishes(**wishes))
    return refusal.cause if refusal else ""


@pytest.mark.parametrize(
    ("integrations", "wanted"),
    [
        ({}, True),
        ({"All": True}, True),
        ({"All": False}, False),
        ({"All": False, "Custify": True}, True),
        ({"All": False, "CUSTIFY": True}, True),
        ({"All": True, "Custify": False}, False),
        ({"Custify": False}, False),
        ({"CUSTIFY": False}, False),
        ({"custify": False}, False),
        ({"All": True, "custify": False}, False),
        ({"all": False}, False),
        ({"ALL": False, "custify": True}, True),
        ({"All": True, "all": False}, False),
        ({" Custify ": False}, False),
        ({"Custify": True, "CUSTIFY": False}, False),
        ({"Custify": {}, "custify": False}, False),
        # By the destination's own name here, in any case, as RudderStack's users name one of several of a kind.
        ({"All": True, "Custify-EU": False}, False),
        ({"All": True, "custify-us": False}, True),
        ({"All": False, "custify-eu": True}, True),
        ({"Custify": True, "custify-eu": False}, False),
        ({"All": False, "Custify": {}}, True),
        ({"All": False, "Custify": {"plan": "x"}}, True),
        ({"All": False, "Custify": "yes"}, False),
        # An opt-out counts in every form that a language, a form or a template writes it in.
        ({"All": True, "Custify": 0}, False),
        ({"All": True, "Custify": "false"}, False),
        ({"All": True, "custify": " FALSE "}, False),
        ({"All": True, "Custify": "off"}, False),
        ({"All": True, "Custify": {"enabled": False}}, False),
        ({"All": False, "Custify": {"enabled": True}}, True),
        ({"All": True, "Custify": {"enabled": "false"}}, False),
        ({"All": True, "Custify": {"enabled": 0}}, False),
        ({"All": True, "Custify": {"enabled": None}}, True),
        ({"All": True, "Custify": "disabled"}, False),
        ({"All": True, "Custify": "N"}, False),
        ({"All": True, "Custify": None}, True),
        ({"All": True, "Custify": []}, True),
        ({"All": True, "Custify EU": False}, False),
        ({"All": True, "custify_eu": False}, False),
        ({"All": "true", "Custify": True}, False),
        ({"All": None}, False),
        ({"Salesforce": False}, True),
        (None, False),
        ([], False),
        ("all", False),
    ],
    ids=repr,
)
def test_integrations_are_obeyed_in_any_case_and_no_wins(integrations, wanted):
    assert cause({"integrations": integrations}, name="custify-eu") == ("" if wanted else "filter.integrations")


def test_an_event_without_integrations_is_for_everybody():
    assert cause({}) == ""


def preferences(**agreed):
    return {"context": {"consent": {"categoryPreferences": agreed}}}


def consent(denied, **more):
    return {"context": {"consentManagement": {"deniedConsentIds": denied, **more}}}


@pytest.mark.parametrize(
    ("event", "wishes", "wanted"),
    [
        (consent(["ads"]), {}, False),
        (consent([]), {}, True),
        (consent(["other"]), {}, True),
        (consent([""]), {}, True),
        (consent("ads"), {}, False),
        (consent("mail, ads"), {}, False),
        (consent("other"), {}, True),
        # A pixel's address has texts alone.
        (consent('["mail","ads"]'), {}, False),
        (consent("['other']"), {}, True),
        (consent(None), {}, True),
        (consent({"ads": True}), {}, True),
        (consent([1, None, "ads"]), {}, False),
        ({"context": {"consentManagement": ["ads"]}}, {}, True),
        ({"context": "x"}, {}, True),
        ({}, {}, True),
        (consent(["ads"]), {"consent_provider": "none"}, True),
        (consent(["ads"]), {"consent_categories": ()}, True),
        (consent(["ads"], provider="oneTrust"), {}, True),
        (consent(["ads"], provider="custom"), {}, False),
        (consent(["ads"]), {"consent_resolution": "or"}, True),
        (consent(["ads", "mail"]), {"consent_resolution": "or"}, False),
        # A custom provider's strategy is the destination's; that of any other comes with the event.
        (consent(["ads"], provider="custom", resolutionStrategy="or"), {}, False),
        (consent(["ads"], provider="ketch", resolutionStrategy="or"), {"consent_provider": "ketch"}, True),
        (consent(["ads"], provider="ketch"), {"consent_provider": "ketch", "consent_resolution": "or"}, True),
        (consent(["ads"], allowedConsentIds=["ads"]), {}, False),
        (consent([" ADS"]), {}, False),
        (consent(["ads"], provider="Custom"), {}, False),
        (consent(["ads"], provider="ketch", resolutionStrategy="OR"), {"consent_provider": "ketch"}, True),
        (consent(["ads"], provider=7), {}, True),
        # Segment's form names no provider; a category that is not there was not agreed to.
        (preferences(ads=True, mail=True), {}, True),
        (preferences(ads=False, mail=True), {}, False),
        (preferences(Ads=True, MAIL=False), {}, False),
        (preferences(ads=True), {}, False),
        (preferences(other=False), {}, False),
        (preferences(ads="true", mail=True), {}, False),
        (preferences(ads=True, mail=False), {"consent_resolution": "or"}, True),
        (preferences(ads=False, mail=False), {"consent_resolution": "or"}, False),
        (preferences(ads=False), {"consent_provider": "none"}, False),
        (preferences(ads=False), {"consent_categories": ()}, True),
        ({"context": {"consent": {"categoryPreferences": ["ads"]}}}, {}, True),
        ({"context": {"consent": "no"}}, {}, True),
    ],
    ids=repr,
)
def test_consent_is_obeyed(event, wishes, wanted):
    wishes = {"consent_provider": "custom", "consent_categories": ("ads", "mail")} | wishes

    assert cause(event, **wishes) == ("" if wanted else "filter.consent")


@pytest.mark.parametrize(
    ("event", "names", "wanted"),
    [
        ({"event": "Paid"}, EventNames(), True),
        ({"event": "Paid"}, EventNames(deny=("Paid",)), False),
        ({"event": " Paid "}, EventNames(deny=("Paid",)), False),
        ({"event": "Paid twice"}, EventNames(deny=("Paid",)), True),
        ({"event": "Paid twice"}, EventNames(deny=("Paid*",)), False),
        ({"event": "Paid"}, EventNames(allow=("Paid", "Opened*")), True),
        ({"event": "Opened mail"}, EventNames(allow=("Paid", "Opened*")), True),
        ({"event": "Closed"}, EventNames(allow=("Paid", "Opened*")), False),
        ({"event": 7}, EventNames(allow=("Paid",)), False),
        ({"type": "identify"}, EventNames(allow=("Paid",)), True),
        ({"type": "group"}, EventNames(allow=("Paid",)), True),
        ({"type": "page", "name": "Pricing"}, EventNames(deny=("Pricing",)), False),
    ],
    ids=repr,
)
def test_a_connection_lets_named_events_through_or_not(event, names, wanted):
    assert cause(event, event_names={"web": names}) == ("" if wanted else "filter.event")


def test_another_connection_of_the_destination_has_its_own_list():
    assert cause({"event": "Paid"}, event_names={"app": EventNames(deny=("Paid",))}) == ""


@given(event=events, integrations=values, management=values)
def test_whatever_an_event_is_there_is_an_answer(event, integrations, management):
    wishes = Wishes(consent_provider="custom", consent_categories=("a",), event_names={"web": EventNames(deny=("a*",))})
    hostile = event | {
        "integrations": integrations,
        "context": {"consentManagement": management, "consent": {"categoryPreferences": management}},
    }

    assert unwanted(hostile, source="web", wishes=wishes) == unwanted(hostile, source="web", wishes=wishes)
