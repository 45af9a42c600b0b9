"""Channels that alerts cannot go to, and rules that cannot hold."""

import re
from collections.abc import Callable, Iterator

from penstock.errors import SettingsError
from penstock.origin import address_of, without_user
from penstock.settings.channel import ALERT_RULES, AlertChannel
from penstock.settings.check import DAY_S, Mistaken, check_origin, host_and_port
from penstock.settings.quiet_hours import hours_of, zone_of
from penstock.settings.table import Settings
from penstock.signing_secret import secret_of

# Not what RFC 5321 allows, but what people have; no line end, no list, no comment.
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
RECIPIENTS_MAX = 20
#: Apprise's words for services that are asked by https alone; https itself: the address as the service shows it.
SERVICES = (
    "https", "slack", "workflow", "workflows", "discord", "gchat", "mmosts", "rockets", "zulip", "webex", "wxteams", "matrixs",
    "tgram", "opsgenie", "splunk", "victorops", "ilert", "pagertree", "incidentio", "spike", "signl4", "jira", "pover", "ntfys",
    "gotifys", "threema", "line", "lark", "feishu", "dingtalk", "wecombot", "twist", "flock", "ryver", "guilded", "revolt", "cliq",
)  # fmt: skip
NEVER_BELOW_0 = (
    "alert_after_s", "alert_clear_s", "alert_waiting_minutes", "alert_silent_hours", "alert_bad_events",
    "alert_refused_requests", "alert_restarts", "alert_disk_free_bytes",
)  # fmt: skip


def check_alerts(settings: Settings) -> Mistaken:
    """Yield what is wrong with the settings about alerts."""
    for name in NEVER_BELOW_0:
        if getattr(settings, name) < 0:
            yield SettingsError(name, expected="0 or more", got=getattr(settings, name))
    if settings.alert_after_s > DAY_S:
        yield SettingsError("alert_after_s", expected="a day at most", got=settings.alert_after_s)
    for name, channel in settings.alerts.items():
        yield from _check_channel(f"alerts.{name}", channel, frozenset(settings.allowed_private_hosts))


def _check_channel(name: str, channel: AlertChannel, allowed: frozenset[str]) -> Mistaken:
    for rule in channel.rules:
        if rule not in ALERT_RULES:
            yield SettingsError(f"{name}.rules", expected=", ".join(ALERT_RULES), got=rule)
    yield from _read(f"{name}.quiet_hours", hours_of, channel.quiet_hours)
    yield from _read(f"{name}.timezone", zone_of, channel.timezone)
    check = {"email": _check_email, "webhook": _check_webhook, "service": _check_service}[channel.type]
    yield from check(name, channel, allowed)


def _check_email(name: str, channel: AlertChannel, allowed: frozenset[str]) -> Mistaken:
    if not 0 < len(channel.to) <= RECIPIENTS_MAX:
        expected = f"1 to {RECIPIENTS_MAX} e-mail addresses"
        yield SettingsError(f"{name}.to", expected=expected, got=list(channel.to), hint="who is told")
    for key, texts in (("to", channel.to), ("sender", (channel.sender,))):
        for text in texts:
            if not MAILBOX.fullmatch(text):
                yield SettingsError(f"{name}.{key}", expected="an address such as ops@example.com", got=text)
    try:
        host, port = host_and_port(f"{name}.server", channel.server)
    except SettingsError as error:
        hint = "for example smtp.example.com:587"
        yield SettingsError(error.name, expected=error.expected, got=error.got, hint=hint)
        return
    scheme = "http" if channel.security == "none" else "https"
    for found in check_origin(f"{name}.server", f"{scheme}://{_bracketed(host)}:{port}", allowed):
        hint = "without TLS only to this machine" if channel.security == "none" else found.hint
        yield SettingsError(found.name, expected="a mail server of the internet", got=channel.server, hint=hint)
    if bool(channel.user) != bool(channel.secret):
        missing = "secret" if channel.user else "user"
        yield SettingsError(f"{name}.{missing}", expected="user and secret, or neither", got="one of them")


def _check_webhook(name: str, channel: AlertChannel, allowed: frozenset[str]) -> Mistaken:
    try:
        origin = str(address_of(channel.url).origin)
    except ValueError as error:
        yield SettingsError(f"{name}.url", expected=str(error), got=without_user(channel.url))
        return
    yield from check_origin(f"{name}.url", origin, allowed)
    for found in _read(f"{name}.secret", secret_of, channel.secret):
        yield SettingsError(found.name, expected=found.expected, got="(hidden)", hint="see docs/alerts.md")


def _check_service(name: str, channel: AlertChannel, _: frozenset[str]) -> Mistaken:
    scheme, colon, rest = channel.secret.partition("://")
    if not colon or not rest or scheme.lower() not in SERVICES:
        expected = f"the address that the service shows, https://…, or Apprise's, one of {', '.join(SERVICES[1:])}"
        yield SettingsError(f"{name}.secret", expected=expected, got="(hidden)", hint="see docs/alerts.md")
    elif not channel.secret.isascii() or not channel.secret.isprintable():
        yield SettingsError(f"{name}.secret", expected="printable ASCII", got="(hidden)", hint="a stray line end?")


def _read(name: str, read: Callable[[str], object], text: str) -> Iterator[SettingsError]:
    try:
        read(text)
    except ValueError as error:
        yield SettingsError(name, expected=str(error), got=text)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
