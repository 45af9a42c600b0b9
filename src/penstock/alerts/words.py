"""A message in words, for every channel alike. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence

from penstock.buffer.port.alerts import Message
from penstock.settings import Settings

TITLES = {"problem": "", "reminder": "Still: ", "recovery": "Over: ", "test": ""}
SUBJECT_CHARS_MAX = 120


def title_of(kind: str, sentence: str) -> str:
    """Return one line that says what it is about: the sentence up to its first end, within bounds."""
    first = sentence.split(". ", maxsplit=1)[0].rstrip(".")
    line = f"{TITLES[kind]}{first}"
    return line if len(line) <= SUBJECT_CHARS_MAX else f"{line[: SUBJECT_CHARS_MAX - 1]}…"


def text_of(message: Message) -> str:
    """Return what a person reads."""
    lines = [message.sentence, ""]
    if message.advice:
        lines += [f"What to do: {message.advice}", ""]
    if message.link:
        lines.append(f"More: {message.link}")
    if message.mute:
        lines.append(f"Mute: {message.mute}")
    return "\n".join(lines).rstrip() + "\n"


def looked_at(settings: Settings) -> Sequence[tuple[str, str]]:
    """Return each rule, and when something is told by it, in words."""
    s = settings
    return [
        ("destination", "It is held, blocked, or does not move though events wait."),
        (
            "bad_events",
            _unless_0(s.alert_bad_events, f"{s.alert_bad_events} events died or were rejected within 15 minutes."),
        ),
        (
            "waiting",
            _unless_0(s.alert_waiting_minutes, f"The oldest event waits for {s.alert_waiting_minutes:g} minutes."),
        ),
        ("silent_source", _unless_0(s.alert_silent_hours, f"A source is silent for {s.alert_silent_hours:g} hours.")),
        (
            "refused",
            _unless_0(s.alert_refused_requests, f"{s.alert_refused_requests} requests were refused within 15 minutes."),
        ),
        ("disk", f"Less than {s.alert_disk_free_bytes / 1e9:.1f} GB are free."),
        ("role", f"A process does not run, or was started again {s.alert_restarts} times within 15 minutes."),
        ("store", "The files of the store lack something, or are damaged."),
        ("erasure", "An erasure is past its deadline."),
        ("settings", "The settings file cannot be followed."),
    ]


def _unless_0(number: float, sentence: str) -> str:
    return sentence if number else "Switched off."


def payload_of(message: Message) -> Mapping[str, object]:
    """Return what a webhook gets: type, timestamp and data, as Standard Webhooks recommends."""
    at = dt.datetime.fromtimestamp(message.made_at, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {
        "messageId": message.id,
        "rule": message.rule,
        "subject": message.subject,
        "episode": message.number,
        "title": message.title,
        "sentence": message.sentence,
        "advice": message.advice,
        "link": message.link,
        "mute": message.mute,
    }
    return {"type": f"penstock.alert.{message.kind}", "timestamp": at, "data": data}
