"""What the admin API answers about alerts."""

from collections.abc import Sequence
from typing import TypedDict


class AlertTold(TypedDict):
    """A problem that goes on."""

    rule: str
    subject: str
    sentence: str
    advice: str
    began_at: float
    #: No reminders are sent now.
    muted: bool
    #: Channels that were told.
    told: Sequence[str]


class AlertMessageTold(TypedDict):
    """A message, and how it stands: `waiting`, `sent` or `given_up`."""

    id: str
    channel: str
    recipient: str
    kind: str
    title: str
    made_at: float
    state: str
    tries: int
    answer: str


class AlertsAnswer(TypedDict):
    """What is wrong now, and the newest messages."""

    alerts: Sequence[AlertTold]
    messages: Sequence[AlertMessageTold]
    next: int | None
