"""A destination that is connected later: what of the stored events it is sent, and that this is decided once."""

from acceptance.conftest import API_KEY, until


def track(name: str) -> dict:
    return {"type": "track", "userId": "ana", "event": name, "messageId": name}


def received(penstock, name: str) -> int | None:
    status = until(penstock.status)["destinations"].get(name)
    if status is None or status["waiting"]:
        return None
    assert status["received"] == sum(status["outcomes"].values())
    return status["received"]


def test_a_later_destination_begins_now_or_as_its_file_says_and_a_restart_changes_nothing(start, sandbox):
    penstock = start(destination='unknown_people = "send"')
    penstock.send(track("a"), track("b"))
    until(lambda: received(penstock, "custify") == 2)

    def block(name: str, begin: str) -> str:
        return (
            f'[destinations.{name}]\napi_key = "{API_KEY}"\nbase_url = "{sandbox.url}"\nunknown_people = "send"\n{begin}'
            f'[[connections]]\nfrom = "server"\nto = "{name}"\n'
        )

    text = penstock.config.read_text() + block("later", "") + block("whole", 'deliver_from = "all"\n')
    penstock.config.write_text(text)
    until(lambda: received(penstock, "whole") == 2)
    until(lambda: received(penstock, "later") == 0)
    penstock.send(track("c"))
    until(lambda: received(penstock, "later") == 1)
    until(lambda: received(penstock, "whole") == 3)

    penstock.stop()
    penstock.config.write_text(text.replace('deliver_from = "all"', 'deliver_from = "now"'))
    penstock.start()
    penstock.until_ready()
    penstock.send(track("d"))

    until(lambda: (received(penstock, "later"), received(penstock, "whole")) == (2, 4))
