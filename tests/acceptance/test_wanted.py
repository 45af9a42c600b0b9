"""What a destination does not want ends as filtered, with its reason; the rest arrives."""

from acceptance.conftest import until
from acceptance.test_commands import penstock_command


def test_integrations_consent_and_event_names_are_obeyed_and_followed_without_restart(start, sandbox):
    consent = 'consent_provider = "custom"\nconsent_categories = ["ads"]'
    penstock = start(destination=consent)
    refused = {"context": {"consentManagement": {"deniedConsentIds": ["ads"], "provider": "custom"}}}
    penstock.send({"type": "identify", "userId": "ana", "messageId": "i"})
    penstock.send({"type": "track", "userId": "ana", "event": "A", "messageId": "a"} | refused)
    penstock.send({"type": "track", "userId": "ana", "event": "B", "messageId": "b", "integrations": {"All": False}})
    penstock.send({"type": "track", "userId": "ana", "event": "C", "messageId": "c"})
    assert penstock.until_settled()["outcomes"]["filtered"] == 2
    assert [event["name"] for event in sandbox.events()] == ["C"]

    text = penstock.config.read_text()
    penstock.config.write_text(text.replace('from = "server"\n', 'from = "server"\nevents_deny = ["C*"]\n'))
    until(lambda: "destination_changed" in penstock.log.read_text())
    penstock.send({"type": "track", "userId": "ana", "event": "Clicked", "messageId": "d"})
    penstock.send({"type": "track", "userId": "ana", "event": "Paid", "messageId": "e"})

    assert penstock.until_settled()["outcomes"]["filtered"] == 3
    assert [event["name"] for event in sandbox.events()] == ["C", "Paid"]


def test_explain_says_that_an_event_is_not_wanted(penstock):
    penstock.send(
        {"type": "track", "userId": "ana", "event": "B", "messageId": "b", "integrations": {"Custify": False}}
    )
    penstock.until_settled()

    said = penstock_command("explain", "b", "--config", penstock.config, env=penstock.env).stdout.decode()

    assert "the application switched Custify off" in said
    assert "POST /event" not in said
