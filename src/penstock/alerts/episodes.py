"""From what is wrong at each look to who is told when: once, ever more rarely again, and when it is over. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence

from penstock.alerts.rules import Trouble
from penstock.buffer.port.alerts import Episode, ProblemKey, Telling
from penstock.settings import AlertChannel, Settings
from penstock.settings.quiet_hours import is_quiet

HOUR_S, DAY_S = 3600.0, 86_400.0
#: Between one message about a problem and the next; the last of them from then on.
REMINDED_AFTER_S = (HOUR_S, 4 * HOUR_S, DAY_S, 3 * DAY_S, 7 * DAY_S)
# What came back within this time comes and goes: each time it must be gone for twice as long before it counts as over.
REMEMBERED_S, GONE_S_MAX = DAY_S, 6 * HOUR_S
Episodes = Mapping[ProblemKey, Episode]


def followed(
    episodes: Episodes, found: Sequence[Trouble], settings: Settings, *, steady: float, now: float
) -> Episodes:
    """Return the episodes after a look; those that ended long ago are forgotten."""
    after = dict(episodes)
    for trouble in found:
        key = (trouble.rule, trouble.subject)
        after[key] = _going_on(after.get(key), trouble, steady=steady, now=now)
    for key, episode in episodes.items():
        if episode.ended is None and steady - after[key].seen >= gone_s(episode, settings):
            after[key] = dataclasses.replace(episode, ended=steady)
        elif episode.ended is not None and after[key].ended is not None and steady - episode.ended > REMEMBERED_S:
            del after[key]
    return after


def gone_s(episode: Episode, settings: Settings) -> float:
    """Return how long a problem must be gone to count as over."""
    return max(settings.alert_clear_s, min(GONE_S_MAX, settings.alert_clear_s * 2.0**episode.returns))


def kind_for(
    channel: AlertChannel, episode: Episode, told: Telling | None, settings: Settings, *, steady: float, now: float
) -> str:
    """Return what a channel is to be told of an episode: "problem", "reminder", "recovery" or nothing."""
    if not channel.enabled or (channel.rules and episode.rule not in channel.rules):
        return ""
    if is_quiet(channel.quiet_hours, channel.timezone, now):
        return ""
    if episode.ended is not None:
        return "recovery" if told else ""
    is_there = episode.seen == steady
    if not is_there or steady < episode.muted_until:
        return ""
    if told is None:
        return "problem" if steady - episode.since >= settings.alert_after_s else ""
    return "reminder" if steady - told.last >= reminded_after_s(told.times) else ""


def reminded_after_s(times: int) -> float:
    """Return how long after a message about a problem the next one comes."""
    return REMINDED_AFTER_S[min(times, len(REMINDED_AFTER_S)) - 1]


def _going_on(known: Episode | None, trouble: Trouble, *, steady: float, now: float) -> Episode:
    """Return the episode of a problem that is there now: a new one, one that goes on, or one that is back."""
    if known is not None and known.ended is None:
        return dataclasses.replace(
            known, seen=steady, sentence=trouble.sentence, advice=trouble.advice, path=trouble.path
        )
    return Episode(
        rule=trouble.rule,
        subject=trouble.subject,
        number=known.number + 1 if known else 1,
        since=steady,
        began_at=now,
        seen=steady,
        returns=known.returns + 1 if known else 0,
        sentence=trouble.sentence,
        advice=trouble.advice,
        path=trouble.path,
    )
