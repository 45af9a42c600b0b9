"""What a source never stores, through a real server: nowhere on the disk nor at Custify, and told by name."""

from acceptance.conftest import until
from acceptance.test_commands import penstock_command

RULES = 'never_store = ["traits.phone"]\nstore_hashed = ["traits.tax"]\nip_addresses = "truncate"'
PHONE, LATER, TAX = "+4930901820", "Geheimniskraemer", "DE136695976"


def test_rules_are_followed_from_the_first_event_and_changed_without_a_restart(start, sandbox):
    penstock = start(source=RULES)
    penstock.send(
        {"type": "identify", "userId": "ana", "messageId": "i", "traits": {"phone": PHONE, "tax": TAX, "plan": "pro"}}
    )
    penstock.until_settled()
    text = penstock.config.read_text()
    penstock.config.write_text(text.replace('["traits.phone"]', '["traits.phone", "**.secret"]'))

    def is_followed() -> bool:
        penstock.send({"type": "track", "userId": "ana", "event": "E", "properties": {"secret": "probe", "n": 1}})
        penstock.until_settled()
        return "secret" not in sandbox.events("E")[-1]["metadata"]

    until(is_followed)
    penstock.send({"type": "track", "userId": "ana", "event": "F", "messageId": "f", "properties": {"secret": LATER}})
    penstock.until_settled()
    said = penstock_command("explain", "i", "--config", penstock.config, env=penstock.env).stdout.decode()
    penstock.stop()

    assert "1 value removed before the event was stored: never_store traits.phone" in said
    assert "1 value stored as a keyed hash: store_hashed traits.tax" in said
    person = sandbox.person("ana")
    assert person["custom_attributes"]["plan"] == "pro"
    assert person["custom_attributes"]["tax"].startswith("hmac:")
    data = penstock.config.parent / "data"
    texts = {path.name: path.read_bytes() for path in [*data.rglob("*"), penstock.log] if path.is_file()}
    assert [name for name, text in texts.items() for word in (PHONE, TAX, LATER) if word.encode() in text] == []
    assert "phone" not in person
