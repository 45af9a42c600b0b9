"""People are told: by a real mail server and a real receiver of webhooks, once, whenever the teller is killed."""

import asyncio
import collections
import datetime as dt
import email
import email.policy
import itertools
import json
import random
import re
import signal
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook

from acceptance.conftest import PASSWORD, http, until
from penstock.alerts.mail import send_mail
from penstock.alerts.service import send_by_service
from penstock.buffer.port.alerts import AlertChange, Message
from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
from penstock.cli import penstock as command
from penstock.clock import SystemClock
from penstock.settings import AlertChannel, Settings
from ports import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PEOPLE = ("ana@example.com", "bo@example.com")
MESSAGES, KILLS = 6, 7
# When a teller is killed: before its message counts as taken, between that and the answer, or somewhat later.
BEFORE, BETWEEN, LATER = "before", "between", "later"


class Kills:
    """Kills the teller at points that a seed chooses."""

    def __init__(self, seed: int) -> None:
        self.dice, self.left, self.teller = random.Random(seed), KILLS, None
        #: Ids that were taken, and None where a teller had ended.
        self.story = []

    def around(self, id_: str) -> bool:
        """Take a message, with a kill at the point that is chosen; return whether it was taken."""
        point = ""
        if self.left and self.dice.random() < 0.5:
            self.left, point = self.left - 1, self.dice.choice((BEFORE, BETWEEN, LATER))
        if point == BEFORE:
            self.teller.kill()
            return False
        self.story.append(id_)
        if point == BETWEEN:
            self.teller.kill()
        elif point == LATER:
            threading.Timer(self.dice.uniform(0.0, 0.02), self.teller.kill).start()
        return True


class MailServer:
    """A mail server as it is: keeps what it said 250 to."""

    def __init__(self, kills: Kills | None = None, **options) -> None:
        self.mails, self.kills = [], kills
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)
        self.controller.start()
        self.port = self.controller.port

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as aiosmtpd calls it
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        if self.kills and not self.kills.around(plain(mail["Message-ID"])):
            return "451 try again"
        self.mails.append((envelope.rcpt_tos[0], mail))
        return "250 OK"


class Receiver:
    """A receiver of webhooks as its authors would write it."""

    def __init__(self, kills: Kills | None = None) -> None:
        self.taken, receiver, proof = [], self, Webhook(SECRET)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                payload, id_ = proof.verify(body, dict(self.headers.items())), self.headers["webhook-id"]
                is_taken = kills is None or kills.around(id_)
                if is_taken:
                    receiver.taken.append((id_, payload))
                self.send_response(204 if is_taken else 503)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def certificate(tmp_path) -> Path:
    """Return a file with a certificate of localhost that it signed itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now, pem = dt.datetime.now(dt.UTC), serialization.Encoding.PEM
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(names, critical=False)
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "mail.pem"
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


@pytest.fixture
def servers():
    """Start a mail server and a receiver; end them."""
    begun = []

    def begin(kills: Kills | None = None):
        begun.extend((MailServer(kills), Receiver(kills)))
        return begun[-2:]

    yield begin
    for each in begun:
        if isinstance(each, MailServer):
            each.controller.stop()
        else:
            each.server.shutdown()
            each.server.server_close()


def channels(mail: MailServer, hook: Receiver) -> str:
    to = json.dumps(PEOPLE)
    return (
        f'[alerts.ops]\ntype = "email"\nto = {to}\nsender = "penstock@example.org"\nserver = "127.0.0.1:{mail.port}"\n'
        f'security = "none"\n[alerts.pager]\ntype = "webhook"\nurl = "{hook.url}"\nsecret = "{SECRET}"\n'
    )


def message(number: int, channel: str, recipient: str) -> Message:
    return Message(
        id=f"msg_{recipient.partition('@')[0]}_{number}",
        channel=channel,
        recipient=recipient,
        kind="problem",
        title=f"Message {number}",
        sentence="s",
        advice="a",
        link="",
        mute="",
        made_at=1_700_000_000.0,
        due=0.0,
    )


def test_no_message_is_lost_over_kill_minus_nine_and_a_double_has_the_same_id(tmp_path, servers):
    kills = Kills(seed=1)
    mail, hook = servers(kills)
    config = tmp_path / "penstock.toml"
    config.write_text(channels(mail, hook))
    book = SqliteAlertBook(tmp_path)
    whom = [("ops", PEOPLE[0]), ("ops", PEOPLE[1]), ("pager", "http://127.0.0.1")]
    messages = [message(n, *each) for n in range(MESSAGES) for each in whom]
    book.keep(AlertChange(messages=messages))

    while book.waiting():
        assert kills.story.count(None) < 60, "it never ends"
        command = [sys.executable, str(Path(__file__).parent / "tell_all.py"), str(config), str(tmp_path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as kills.teller:
            said = kills.teller.communicate(timeout=60)[1]
        assert kills.teller.returncode in {0, -signal.SIGKILL}, said.decode()
        kills.story.append(None)

    times = collections.Counter(each for each in kills.story if each)
    assert kills.left == 0
    assert set(times) == {each.id for each in messages}, "none is lost, none is made up"
    assert {each.state for each in book.messages(limit=100)} == {"sent"}
    for id_ in (id_ for id_, count in times.items() if count > 1):
        assert_was_being_told(kills.story, id_)
    for name in {recipient_of(id_) for id_ in times}:
        mine = [id_ for id_ in dict.fromkeys(filter(None, kills.story)) if recipient_of(id_) == name]
        assert mine == [f"{name}_{n}" for n in range(MESSAGES)], "none overtakes another"


def assert_was_being_told(story: list, id_: str) -> None:
    """Whenever a message came again, a teller had been killed since, with this message as its last to that recipient."""
    places = [place for place, each in enumerate(story) if each == id_]
    for first, second in itertools.pairwise(places):
        between = story[first + 1 : second]
        assert None in between, f"{id_} was sent twice by one teller"
        assert recipient_of(id_) not in {recipient_of(each) for each in between if each}, f"{id_} had been kept"


def plain(message_id: str) -> str:
    return message_id.removeprefix("<").partition("@")[0]


def recipient_of(id_: str) -> str:
    return id_.rpartition("_")[0]


def test_a_held_destination_is_told_and_its_end_too_and_a_link_mutes(start, servers):
    mail, hook = servers()
    penstock = start(
        password=PASSWORD,
        top="alert_after_s = 0\nalert_clear_s = 1\n",
        source=channels(mail, hook),
    )
    penstock.sandbox.faults(reject_keys=True)
    penstock.send({"type": "identify", "userId": "ana", "messageId": "m1"})

    def of_destination(kind: str) -> list:
        return [
            p for _, p in hook.taken if p["type"] == f"penstock.alert.{kind}" and p["data"]["rule"] == "destination"
        ]

    until(lambda: of_destination("problem"), s_max=60.0, what="nobody was told")
    until(lambda: {who for who, _ in mail.mails} == set(PEOPLE), what="not everybody was told")
    [problem] = of_destination("problem")
    assert "custify is held" in problem["data"]["sentence"]
    assert problem["data"]["link"] == f"{penstock.admin_url}/destinations/custify"
    text = mail.mails[0][1].get_content()
    assert "What to do:" in text
    link = re.search(r"Mute: (\S+)", text)[1]
    assert b"Mute this problem?" in http("GET", link)[2]
    assert b"No reminders" in http("POST", link, b"hours=8", {"Content-Type": "application/x-www-form-urlencoded"})[2]
    metrics = http("GET", f"{penstock.admin_url}/metrics", None, penstock.admin_auth())[2].decode()
    assert 'penstock_alert_active{rule="destination",subject="custify"} 1.0' in metrics
    checked = check(penstock)
    assert checked.exit_code == 1
    assert "custify is held" in checked.output

    penstock.sandbox.faults()
    penstock.until_settled(s_max=60.0)
    until(lambda: of_destination("recovery"), s_max=60.0, what="nobody was told that it is over")
    assert len(of_destination("problem")) == len(of_destination("recovery")) == 1
    checked = check(penstock)
    assert (checked.exit_code, checked.output) == (0, "nothing is wrong\n")
    penstock.stop()
    assert check(penstock).exit_code == 1, "a server that does not run is wrong"


def check(penstock):
    environ = {"PENSTOCK_DATA_DIR": str(penstock.folder / "data")}
    return CliRunner().invoke(command, ["status", "--check", "--config", str(penstock.config)], env=environ)


async def test_a_mail_server_is_spoken_to_over_tls_and_signed_in_to(tmp_path, monkeypatch, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    signed_in = []

    def authenticate(server, session, envelope, mechanism, given):
        signed_in.append((given.login, given.password))
        return AuthResult(success=given.password == b"right", handled=False)

    server = MailServer(tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True)
    channel = AlertChannel(
        name="ops", to=PEOPLE[:1], sender="p@example.org", server=f"localhost:{server.port}", user="u", secret="right"
    )
    settings = Settings(allowed_private_hosts=("localhost",))
    clock = SystemClock()

    async def told(channel=channel, settings=settings):
        return await send_mail(message(1, "ops", PEOPLE[0]), channel, settings, clock=clock, s_max=10.0)

    try:
        assert (await told())[0] is False, "nobody signed that certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await told() == (True, "taken by the mail server")
        assert (await told(settings=Settings()))[1].startswith("localhost leads to an address")
        wrong = AlertChannel(**{name: getattr(channel, name) for name in AlertChannel.__slots__} | {"secret": "wrong"})
        assert (await told(channel=wrong))[1].startswith("the mail server answered 535")
    finally:
        server.controller.stop()
    assert set(signed_in) == {(b"u", b"right"), (b"u", b"wrong")}
    assert [who for who, _ in server.mails] == [PEOPLE[0]]


async def test_apprise_tells_a_service_and_connects_to_nothing_that_is_not_allowed(servers):
    heard = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"mmost://127.0.0.1:{server.server_port}/3ccdd113474722377935511fc85d3dd4"
    channel = AlertChannel(name="chat", type="service", secret=address)
    try:
        refused = await send_by_service(message(1, "chat", "chat"), channel, Settings(), s_max=10.0)
        assert refused[0] is False
        assert heard == []
        open_ = Settings(allowed_private_hosts=("127.0.0.1",))
        assert await send_by_service(message(1, "chat", "chat"), channel, open_, s_max=10.0) == (
            True,
            "taken by Mattermost",
        )
    finally:
        server.shutdown()
        server.server_close()
    assert "Message 1" in heard[0]
    nothing = AlertChannel(name="chat", type="service", secret="https://example.com/nothing")
    taken, answer = await asyncio.wait_for(send_by_service(message(1, "chat", "chat"), nothing, open_, s_max=10.0), 60)
    assert (taken, answer) == (False, "this is not an address of a service that Apprise knows")
