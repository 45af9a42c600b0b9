"""What is wrong, by two looks and the settings: a list of problems, each with a stable identity, what to do, and where. Pure."""

import dataclasses
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence

from penstock.alerts.look import NO_SOURCE, WINDOW_S, DestinationLook, Look
from penstock.destinations.kinds import explained
from penstock.settings import ALERT_RULES, Settings

HOUR_S, MINUTE_S = 3600.0, 60.0
#: States of a destination in which a person has to look. One that a person paused or switched off is meant to rest, and one
#: that stands because deliver does is said of deliver.
STANDING = {"held": "is held", "down": "is blocked", "stalled": "does not move"}
MIB = 1_048_576


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that needs a person. Rule and subject say which it is, whatever its figures are by now."""

    rule: str
    subject: str
    sentence: str
    #: What to do.
    advice: str
    #: The page of the dashboard that shows more.
    path: str


def troubles(before: Look | None, now: Look, settings: Settings) -> Sequence[Trouble]:
    """Return everything that is wrong now; `before` is a look of a quarter of an hour ago, None when there was none."""
    earlier = before or now
    return [trouble for rule in ALERT_RULES for trouble in RULES[rule](earlier, now, settings)]


def _destination(_: Look, now: Look, __: Settings) -> Iterator[Trouble]:
    for name, d in now.destinations.items():
        if words := STANDING.get(d.state):
            yield Trouble(
                rule="destination",
                subject=name,
                sentence=f"{name} {words}: {d.reason or d.state}. {d.waiting} events wait, none is lost.",
                advice=explained(d.cause).advice if d.cause else "Look at what it says of itself.",
                path=_page("destinations", name),
            )


def _bad_events(_: Look, now: Look, settings: Settings) -> Iterator[Trouble]:
    for name, d in now.destinations.items():
        if settings.alert_bad_events and d.bad >= settings.alert_bad_events:
            cause = explained(d.worst) if d.worst else None
            most = f" Most that are kept: {cause.code}, {cause.meaning}" if cause else ""
            yield Trouble(
                rule="bad_events",
                subject=name,
                sentence=f"{d.bad} events for {name} died or were rejected within 15 minutes.{most}",
                advice=cause.advice if cause else "They are kept, and can be sent again.",
                path=_page("problems", name),
            )


def _waiting(before: Look, now: Look, settings: Settings) -> Iterator[Trouble]:
    limit_s = settings.alert_waiting_minutes * MINUTE_S
    for name, d in now.destinations.items():
        oldest_s = d.oldest_waiting_s or 0.0
        if limit_s and oldest_s > limit_s and d.state in {"delivering", "throttled"} and _piles_up(before, name, d):
            yield Trouble(
                rule="waiting",
                subject=name,
                sentence=f"The oldest event for {name} waits for {_age(oldest_s)}, and {d.waiting - d.parked} wait in all.",
                advice="Look whether it is throttled, or whether one person's events are tried again and again.",
                path=f"/live?{urllib.parse.urlencode({'destination': name, 'state': 'waiting'})}",
            )


def _piles_up(before: Look, name: str, d: DestinationLook) -> bool:
    """Return whether something waits that is not only parked, and a backlog is not just being worked off."""
    earlier = before.destinations.get(name)
    is_shrinking = earlier is not None and d.waiting - d.parked < earlier.waiting - earlier.parked
    return d.waiting > d.parked and not is_shrinking


def _silent_source(_: Look, now: Look, settings: Settings) -> Iterator[Trouble]:
    for name, source in now.sources.items():
        silent_s = 0.0 if source.heard is None else now.at - source.heard
        if settings.alert_silent_hours and silent_s > settings.alert_silent_hours * HOUR_S:
            yield Trouble(
                rule="silent_source",
                subject=name,
                sentence=f"{name} has sent nothing for {_age(silent_s)}.",
                advice="Look whether the application runs, whether its SDK has this address and key, and what was refused.",
                path=_page("sources", name),
            )


def _refused(before: Look, now: Look, settings: Settings) -> Iterator[Trouble]:
    for source, codes in now.refused.items():
        grown = _grown(before.refused.get(source, {}), codes)
        count = sum(grown.values())
        if settings.alert_refused_requests and count >= settings.alert_refused_requests:
            most = max(grown, key=lambda code: grown[code])
            whose = "with no key that is known" if source == NO_SOURCE else f"of {source}"
            yield Trouble(
                rule="refused",
                subject=source,
                sentence=f"{count} requests {whose} were refused within 15 minutes, most of them with {most}.",
                advice="What was wrong with them is listed below what to paste; SDKs may have thrown these events away.",
                path="/live" if source == NO_SOURCE else _page("sources", source),
            )


def _grown(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Return by how much counters grew; one that is smaller than it was began anew with its process."""
    return {key: count - before.get(key, 0) if count >= before.get(key, 0) else count for key, count in now.items()}


def _disk(_: Look, now: Look, settings: Settings) -> Iterator[Trouble]:
    if now.free_bytes is not None and now.free_bytes < settings.alert_disk_free_bytes:
        yield Trouble(
            rule="disk",
            subject="data_dir",
            sentence=f"The disk of the data folder has {now.free_bytes // MIB} MiB left;"
            f" below {settings.disk_free_bytes_min // MIB} MiB no event is taken.",
            advice="Make room, or let events go sooner: retention_days and retention_bytes_max.",
            path="/",
        )


def _role(before: Look, now: Look, settings: Settings) -> Iterator[Trouble]:
    for name, role in now.roles.items():
        earlier = before.roles.get(name)
        [restarts] = _grown({name: earlier.restarts if earlier else 0}, {name: role.restarts}).values()
        is_restarting = bool(settings.alert_restarts) and restarts >= settings.alert_restarts
        if role.state != "running" or is_restarting:
            often = f"was started again {restarts} times within 15 minutes" if is_restarting else role.words
            yield Trouble(
                rule="role",
                subject=name,
                sentence=f"{name} {often}. What was accepted is kept.",
                advice="Its log says why; penstock status shows how it is.",
                path="/",
            )


def _store(_: Look, now: Look, __: Settings) -> Iterator[Trouble]:
    if now.notices:
        yield Trouble(
            rule="store",
            subject="data_dir",
            sentence=" ".join(f"{notice[:1].upper()}{notice[1:]}." for notice in now.notices),
            advice="docs/operating.md says what each means; penstock doctor examines the files.",
            path="/",
        )


def _erasure(_: Look, now: Look, __: Settings) -> Iterator[Trouble]:
    if now.late_erasures:
        yield Trouble(
            rule="erasure",
            subject="privacy",
            sentence=" ".join(f"{each[:1].upper()}{each[1:]}." for each in now.late_erasures),
            advice="The page Privacy says what each waits for: a key that is refused, or a second person who has to agree.",
            path="/privacy",
        )


def _settings(_: Look, now: Look, __: Settings) -> Iterator[Trouble]:
    if now.settings_problem:
        yield Trouble(
            rule="settings",
            subject="penstock.toml",
            sentence=f"The settings file is not followed; what was in force before is. {now.settings_problem}",
            advice="Mend the file: penstock validate lists all that is wrong with it.",
            path="/",
        )


def _page(kind: str, name: str) -> str:
    return f"/{kind}/{urllib.parse.quote(name, safe='')}"


def _age(seconds: float) -> str:
    minutes = round(seconds / MINUTE_S)
    return f"{minutes} minutes" if minutes < 120 else f"{round(seconds / HOUR_S)} hours"


AlertRule = Callable[[Look, Look, Settings], Iterator[Trouble]]
RULES: Mapping[str, AlertRule] = {
    "destination": _destination,
    "bad_events": _bad_events,
    "waiting": _waiting,
    "silent_source": _silent_source,
    "refused": _refused,
    "disk": _disk,
    "role": _role,
    "store": _store,
    "erasure": _erasure,
    "settings": _settings,
}
assert WINDOW_S == 15 * MINUTE_S, "the sentences above say 15 minutes"
