"""Who is told when something needs a person: the rows of the settings table about that."""

import dataclasses
import typing
from typing import Literal

#: What is looked at; see alerts/rules.py.
ALERT_RULES = (
    "destination", "bad_events", "waiting", "silent_source", "refused", "disk", "role", "store", "erasure", "settings",
)  # fmt: skip


def _setting(default: typing.Any, meaning: str) -> typing.Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlertChannel:
    """Who is told when something needs a person, and by which way."""

    name: str
    type: Literal["email", "webhook", "service"] = _setting(
        "email",
        "`email` by SMTP; `webhook`: signed JSON to any https address; `service`: Slack, Teams and others, by Apprise.",
    )
    to: tuple[str, ...] = _setting((), "The addresses that get an e-mail; each gets a message of its own.")
    sender: str = _setting("", "The address that e-mails come from.")
    server: str = _setting("", "The mail server, such as `smtp.example.com:587`.")
    security: Literal["starttls", "tls", "none"] = _setting(
        "starttls", "How the way to the mail server is kept private; `none` to this machine alone."
    )
    user: str = _setting("", "The name to sign in with at the mail server; none: without signing in.")
    url: str = _setting("", "The address of a webhook.")
    secret: str = dataclasses.field(
        default="",
        repr=False,
        metadata={
            "meaning": "The password at the mail server; a webhook's secret, `whsec_…`; of a service its whole address, such"
            " as Slack's `https://hooks.slack.com/services/…`."
        },
    )
    rules: tuple[str, ...] = _setting((), "Only problems of these rules are told; none named: all. See docs/alerts.md.")
    quiet_hours: str = _setting(
        "", "When no message is sent, such as `22:00-07:00`; what lasts until then is told at the end of it."
    )
    timezone: str = _setting("UTC", "Whose clock `quiet_hours` are read from, such as `Europe/Berlin`.")
    enabled: bool = _setting(True, "By a disabled channel no message is sent.")
