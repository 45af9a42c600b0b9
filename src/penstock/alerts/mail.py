"""A message by SMTP: from us to the server that the settings name, at an address that was judged as a destination's is."""

import asyncio
import contextlib
import email.message
import email.policy
import email.utils
import smtplib
import socket
import ssl
from collections.abc import Mapping

from penstock.alerts.words import text_of
from penstock.buffer.port.alerts import Message
from penstock.clock import Clock
from penstock.destinations.egress import Egress, Resolver, Shut, SystemResolver
from penstock.settings import AlertChannel, Settings, host_and_port

ANSWER_CHARS_MAX = 300
# A proxy for HTTP takes no mail: the server is always asked directly.
NO_PROXY: Mapping[str, str] = {}


async def send_mail(
    message: Message,
    channel: AlertChannel,
    settings: Settings,
    *,
    clock: Clock,
    s_max: float,
    resolver: Resolver | None = None,
) -> tuple[bool, str]:
    """Return whether the server took a message, and what it said. Raises nothing for whatever the network does."""
    host, port = host_and_port("server", channel.server)
    scheme = "http" if channel.security == "none" else "https"
    egress = Egress(
        f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}",
        allowed=settings.allowed_private_hosts,
        resolver=resolver or SystemResolver(),
        clock=clock,
        look_up_s_max=s_max,
        environ=NO_PROXY,
    )
    try:
        way = await egress.way()
        return await asyncio.to_thread(
            _sent, mail_of(message, channel), channel, (host, port), way.address or host, s_max
        )
    except Shut as shut:
        return False, str(shut)
    except (OSError, smtplib.SMTPException) as error:
        return False, _in_words(error, is_quiet=egress.is_quiet)


def mail_of(message: Message, channel: AlertChannel) -> email.message.EmailMessage:
    """Return the mail: each try of it is the same, to the letter."""
    mail, domain = email.message.EmailMessage(policy=email.policy.SMTP), channel.sender.partition("@")[2]
    mail["From"], mail["To"] = email.utils.formataddr(("Penstock", channel.sender)), message.recipient
    mail["Subject"] = "".join(char if char.isprintable() else " " for char in message.title)
    mail["Date"] = email.utils.formatdate(message.made_at)
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if message.number:
        # Mail programs put what is about one problem into one conversation.
        mail["References"] = f"<{_conversation(message)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text_of(message), cte="quoted-printable")
    return mail


def _conversation(message: Message) -> str:
    name = "".join(char if char.isascii() and char.isalnum() else "-" for char in message.subject)
    return f"{message.rule}.{name}.{message.number}"


class JudgedSmtp(smtplib.SMTP):
    """Connects to an address that was judged; certificates are checked for the server's name."""

    def __init__(self, address: str, *, context: ssl.SSLContext | None, name: str, port: int, s_max: float) -> None:
        self.address, self.context = address, context
        super().__init__(name, port, timeout=s_max)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((self.address, port), timeout)
        if self.context is None:
            return plain
        try:
            return self.context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


def _sent(
    mail: email.message.EmailMessage, channel: AlertChannel, server: tuple[str, int], address: str, s_max: float
) -> tuple[bool, str]:
    name, port = server
    context = None if channel.security == "none" else ssl.create_default_context()
    at_once = context if channel.security == "tls" else None
    smtp = JudgedSmtp(address, context=at_once, name=name, port=port, s_max=s_max)
    try:
        if channel.security == "starttls":
            smtp.starttls(context=context)
        if channel.user:
            smtp.login(channel.user, channel.secret)
        smtp.send_message(mail, from_addr=channel.sender, to_addrs=[str(mail["To"])])
    finally:
        # It has been taken, or not: how we part changes nothing of that.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
    return True, "taken by the mail server"


def _in_words(error: Exception, *, is_quiet: bool) -> str:
    """Return what went wrong. Of hosts that are not the internet's, no more than that something did, before SMTP was spoken."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return f"the recipient was refused with {code}: {_text(said)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}: {_text(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPException):
        return str(error)[:ANSWER_CHARS_MAX] or type(error).__name__
    return "no usable answer of the mail server" if is_quiet else (str(error) or "no answer in time")[:ANSWER_CHARS_MAX]


def _text(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:ANSWER_CHARS_MAX]
