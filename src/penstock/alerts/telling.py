"""What one look changes: episodes, who counts as told, and the messages that tell them, all to be kept together. Pure."""

import dataclasses
from collections.abc import Callable, Sequence

from penstock.alerts.episodes import Episodes, followed, kind_for
from penstock.alerts.rules import Trouble
from penstock.alerts.words import title_of
from penstock.buffer.port.alerts import AlertChange, Episode, Message, Telling
from penstock.origin import address_of
from penstock.settings import AlertChannel, Settings

OVER = "It is over; it lasted {}."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LookTime:
    """The two times of a look, in seconds: steady for waits, since 1970 for people."""

    steady: float
    now: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """How the addresses of a message are made."""

    page: Callable[[str], str]
    mute: Callable[[Episode], str]
    fresh_id: Callable[[], str]


def told(
    episodes: Episodes,
    tellings: Sequence[Telling],
    found: Sequence[Trouble],
    settings: Settings,
    *,
    at: "LookTime",
    links: Links,
) -> tuple[Episodes, Sequence[Telling], AlertChange]:
    """Return episodes and tellings after a look, and what is to be kept of it."""
    after = followed(episodes, found, settings, steady=at.steady, now=at.now)
    known = {(each.channel, each.rule, each.subject): each for each in tellings}
    # Who is not there any more need not be told of the end; nor of what is long forgotten.
    untold = [t for t in tellings if t.channel not in settings.alerts or (t.rule, t.subject) not in after]
    fresh, messages = [], list[Message]()
    for episode in after.values():
        for channel in settings.alerts.values():
            before = known.get((channel.name, *episode.key))
            kind = kind_for(channel, episode, before, settings, steady=at.steady, now=at.now)
            if not kind:
                continue
            messages += messages_of(channel, episode, kind, at=at, links=links)
            if kind == "recovery":
                untold += [before] if before else []
            else:
                times = before.times + 1 if before else 1
                fresh.append(_telling(channel, episode, times, at.steady))
    gone = {(each.channel, each.rule, each.subject) for each in untold}
    going_on = {key: each for key, each in known.items() if key not in gone}
    going_on |= {(each.channel, each.rule, each.subject): each for each in fresh}
    change = AlertChange(
        episodes=[each for each in after.values() if is_news(episodes.get(each.key), each)],
        forgotten=[key for key in episodes if key not in after],
        tellings=fresh,
        untold=untold,
        messages=messages,
    )
    return after, list(going_on.values()), change


def is_news(before: Episode | None, after: Episode) -> bool:
    """Return whether an episode is another one, or over: that it goes on is kept now and then."""
    return before is None or (before.number, before.ended) != (after.number, after.ended)


def messages_of(channel: AlertChannel, episode: Episode, kind: str, *, at: LookTime, links: Links) -> list[Message]:
    """Return a message for each recipient of a channel, with an id of its own."""
    is_over = kind == "recovery"
    sentence = f"{episode.sentence} {OVER.format(_lasted(at.now - episode.began_at))}" if is_over else episode.sentence
    return [
        Message(
            id=f"msg_{links.fresh_id()}",
            channel=channel.name,
            recipient=recipient,
            kind=kind,
            rule=episode.rule,
            subject=episode.subject,
            number=episode.number,
            title=title_of(kind, episode.sentence),
            sentence=sentence,
            advice="" if is_over else episode.advice,
            link=links.page(episode.path),
            mute="" if is_over else links.mute(episode),
            made_at=at.now,
            due=at.steady,
        )
        for recipient in recipients_of(channel)
    ]


def test_of(channel: AlertChannel, by: str, *, at: LookTime, links: Links) -> list[Message]:
    """Return what the test button sends to each recipient of a channel."""
    return [
        Message(
            id=f"msg_{links.fresh_id()}",
            channel=channel.name,
            recipient=recipient,
            kind="test",
            title=f"Penstock can tell you: a test of {channel.name}",
            sentence=f"{by} asked for this test of {channel.name}. Nothing is wrong.",
            advice="",
            link=links.page("/alerts"),
            mute="",
            made_at=at.now,
            due=at.steady,
        )
        for recipient in recipients_of(channel)
    ]


def recipients_of(channel: AlertChannel) -> Sequence[str]:
    """Return who gets a message of their own; of a webhook or a service no more than is no secret."""
    if channel.type == "email":
        return channel.to
    return (str(address_of(channel.url).origin),) if channel.type == "webhook" else (channel.name,)


def _telling(channel: AlertChannel, episode: Episode, times: int, steady: float) -> Telling:
    return Telling(channel=channel.name, rule=episode.rule, subject=episode.subject, times=times, last=steady)


def _lasted(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return (
        f"{minutes} min"
        if minutes < 120
        else f"{round(minutes / 60)} h"
        if minutes < 2880
        else f"{round(minutes / 1440)} days"
    )
