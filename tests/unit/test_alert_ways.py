"""How messages go out: mails that are the same for every try, addresses that are judged, links that cannot be made up."""

import asyncio
import email
import email.policy

import pytest

from penstock.alerts.judged_sockets import AddressJudge, NotOpen, proxies_in
from penstock.alerts.mail import mail_of, send_mail
from penstock.alerts.mute_links import MuteLinks
from penstock.alerts.service import notify
from penstock.alerts.words import payload_of, text_of, title_of
from penstock.buffer.port.alerts import Episode, Message
from penstock.clock import ManualClock
from penstock.settings import AlertChannel, Settings

MESSAGE = Message(
    id="msg_1",
    channel="ops",
    recipient="ops@example.com",
    kind="problem",
    rule="destination",
    subject="Custify EU",
    number=3,
    title="Custify EU is held\r\nBcc: everybody@example.com",
    sentence="Custify EU is held: Schlüssel refused. 3 events wait.",
    advice="Enter the key again.",
    link="https://p.example.com/destinations/Custify%20EU",
    mute="https://p.example.com/alerts/mute/abc",
    made_at=1_700_000_000.0,
    due=0.0,
)
CHANNEL = AlertChannel(
    name="ops", to=("ops@example.com",), sender="penstock@example.org", server="smtp.example.com:587"
)
EPISODE = Episode(
    rule="destination", subject="Custify EU", number=3, since=0.0, began_at=0.0, seen=0.0, sentence="s", advice="a", path="/"
)  # fmt: skip


class Resolver:
    def __init__(self, *addresses: str) -> None:
        self.found = addresses

    async def addresses(self, host: str):
        return self.found


def test_every_try_of_a_mail_is_the_same_to_the_letter():
    first, second = (mail_of(MESSAGE, CHANNEL).as_bytes() for _ in range(2))

    mail = email.message_from_bytes(first, policy=email.policy.default)
    assert first == second
    assert mail["Message-ID"] == "<msg_1@example.org>"
    assert mail["References"] == "<destination.Custify-EU.3@example.org>"
    assert mail["Date"] == "Tue, 14 Nov 2023 22:13:20 -0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["To"] == "ops@example.com"
    body = mail.get_content()
    assert "Schlüssel" in body
    assert "What to do: Enter the key again." in body
    assert MESSAGE.link in body
    assert MESSAGE.mute in body


def test_what_somebody_called_a_thing_adds_no_header():
    mail = email.message_from_bytes(mail_of(MESSAGE, CHANNEL).as_bytes(), policy=email.policy.default)

    assert mail["Bcc"] is None
    assert "Bcc: everybody" in mail["Subject"]


@pytest.mark.parametrize("address", ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "fe80::1"])
def test_no_mail_goes_to_an_address_that_is_not_the_internets(address):
    sending = send_mail(MESSAGE, CHANNEL, Settings(), clock=ManualClock(), s_max=1.0, resolver=Resolver(address))

    is_taken, answer = asyncio.run(sending)

    assert not is_taken
    assert "not the internet's" in answer


def test_a_webhook_is_told_with_the_id_that_every_try_has():
    payload = payload_of(MESSAGE)

    assert payload["type"] == "penstock.alert.problem"
    assert payload["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert payload["data"]["messageId"] == "msg_1"
    assert payload["data"]["rule"] == "destination"


def test_a_title_is_one_sentence_that_fits_a_line():
    assert title_of("recovery", "custify is held: refused. 3 events wait.") == "Over: custify is held: refused"
    assert title_of("reminder", "It waits.") == "Still: It waits"
    assert len(title_of("problem", "x" * 500)) == 120
    assert text_of(MESSAGE).count("\n") < 12


def test_a_mute_link_is_good_for_what_it_names_alone():
    links = MuteLinks(lambda: b"k" * 64)
    token = links.token(EPISODE)

    assert links.opened(token) == (("destination", "Custify EU"), 3)
    assert MuteLinks(lambda: b"other" * 12).opened(token) is None
    for at in range(0, len(token), 7):
        other = "A" if token[at] != "A" else "B"
        changed = links.opened(token[:at] + other + token[at + 1 :])
        assert changed is None
    for broken in ("", "x", "ü", token[:-4], "A" * 5_000):
        assert links.opened(broken) is None


def judge(*allowed: str) -> AddressJudge:
    return AddressJudge(allowed)


@pytest.mark.parametrize("address", [
    ("10.0.0.5", 443), ("127.0.0.1", 443), ("169.254.169.254", 80), ("::1", 443, 0, 0), ("fe80::1%eth0", 443, 0, 2),
    ("localhost", 443), ("hooks.slack.com", 443), "/run/docker.sock", b"\0abstract",
])  # fmt: skip
def test_a_library_connects_to_no_address_that_a_destination_could_not_have(address):
    with pytest.raises(NotOpen):
        judge().heard("socket.connect", (None, address))


def test_a_library_connects_to_the_internet_and_to_hosts_that_are_meant():
    judge().heard("socket.connect", (None, ("93.184.216.34", 443)))
    judge("10.0.0.5").heard("socket.connect", (None, ("10.0.0.5", 443)))
    named = judge("chat.example.com")
    named.heard("socket.getaddrinfo", (b"chat.example.com", 443, 0, 1, 0))
    named.heard("socket.connect", (None, ("10.0.0.6", 443)))

    named.heard("socket.getaddrinfo", ("evil.example.com", 443, 0, 1, 0))
    with pytest.raises(NotOpen):
        named.heard("socket.connect", (None, ("10.0.0.6", 443)))
    with pytest.raises(NotOpen):
        named.heard("socket.connect", (None, ("169.254.169.254", 80)))


def test_a_library_that_tells_people_something_starts_no_programs():
    with pytest.raises(NotOpen):
        judge().heard("subprocess.Popen", ("sh", ["sh"], None, None))
    judge().heard("import", ("apprise", None))


def test_proxies_of_the_environment_are_known_by_name():
    environ = {"HTTPS_PROXY": "http://user:pw@proxy.example.com:3128", "http_proxy": "10.0.0.9:8080", "NO_PROXY": "*"}

    assert proxies_in(environ) == ["proxy.example.com", "10.0.0.9"]
    assert notify.__module__ == "penstock.alerts.service", "the process apart finds it by its name"
