"""Who is told when: a problem once, ever more rarely again, and its end. Days pass on a clock that is moved."""

import dataclasses
import itertools

from penstock.alerts.episodes import followed, reminded_after_s
from penstock.alerts.rules import Trouble
from penstock.alerts.telling import Links, LookTime, told
from penstock.buffer.port.alerts import FOREVER
from penstock.settings import AlertChannel, Settings

HOUR_S, DAY_S, STEP_S = 3600.0, 86_400.0, 10.0
HELD = Trouble(
    rule="destination", subject="custify", sentence="custify is held: refused. 3 wait.", advice="A key.", path="/x"
)
OPS = AlertChannel(name="ops", type="email", to=("ops@example.com",))
# 2023-11-14 22:13:20 UTC.
BEGIN = 1_700_000_000.0


class Story:
    """Looks every ten seconds; remembers what was told."""

    def __init__(self, *channels: AlertChannel, **settings) -> None:
        self.settings = Settings(alerts={each.name: each for each in channels or (OPS,)}, **settings)
        self.at, self.episodes, self.tellings, self.sent = BEGIN, {}, [], []
        ids = itertools.count()
        self.links = Links(
            page=lambda p: f"http://d{p}", mute=lambda e: f"http://m/{e.number}", fresh_id=lambda: f"{next(ids)}"
        )

    def look(self, *found: Trouble, step_s: float = STEP_S) -> None:
        at = LookTime(steady=self.at, now=self.at)
        self.episodes, self.tellings, change = told(
            self.episodes, self.tellings, found, self.settings, at=at, links=self.links
        )
        self.sent += [(round(self.at - BEGIN), message.channel, message.kind) for message in change.messages]
        self.last = change
        self.at += step_s

    def during(self, seconds: float, *found: Trouble, step_s: float = STEP_S) -> None:
        for _ in range(round(seconds / step_s)):
            self.look(*found, step_s=step_s)

    def kinds(self, channel: str = "ops") -> list[str]:
        return [kind for _, name, kind in self.sent if name == channel]


def test_a_problem_is_told_once_it_lasted_and_its_end_once_it_stayed_away():
    story = Story()

    story.during(600, HELD)
    story.during(600)

    assert story.sent == [(60, "ops", "problem"), (890, "ops", "recovery")]
    assert story.tellings == []


def test_what_is_gone_at_once_is_told_to_nobody():
    story = Story()

    story.during(50, HELD)
    story.during(HOUR_S, step_s=60.0)

    assert story.sent == []


def test_reminders_get_rarer():
    story = Story()

    story.during(3 * 7 * DAY_S, HELD, step_s=600.0)

    at = [seconds for seconds, _, kind in story.sent if kind == "reminder"]
    assert [round((b - a) / HOUR_S) for a, b in itertools.pairwise([600, *at])] == [1, 4, 24, 72, 168, 168]
    assert [reminded_after_s(times) / HOUR_S for times in (1, 2, 3, 4, 5, 6, 99)] == [1, 4, 24, 72, 168, 168, 168]


def test_a_problem_that_comes_and_goes_is_told_once():
    story = Story()

    for _ in range(200):
        story.during(30, HELD)
        story.during(30)

    assert story.kinds().count("problem") == 1
    assert "recovery" not in story.kinds()


def test_one_that_comes_back_again_and_again_must_stay_away_ever_longer():
    story = Story()

    for _ in range(72):  # a day of ten minutes there, ten minutes gone
        story.during(600, HELD, step_s=60.0)
        story.during(600, step_s=60.0)

    # After 5, 10 and 20 minutes away it does not count as over any more.
    assert story.kinds().count("problem") <= 3
    assert len(story.sent) <= 9, story.sent
    story.during(DAY_S, step_s=60.0)
    assert story.kinds()[-1] == "recovery"


def test_one_that_comes_back_days_later_is_a_new_one():
    story = Story()

    for _ in range(3):
        story.during(300, HELD)
        story.during(2 * DAY_S, step_s=300.0)

    assert story.kinds() == ["problem", "recovery"] * 3
    assert story.episodes == {}, "what is long over is forgotten"


def test_nobody_is_told_in_quiet_hours_but_at_their_end():
    # It begins at 22:13:20 UTC, 23:13:20 in Berlin.
    quiet = dataclasses.replace(OPS, name="quiet", quiet_hours="22:00-07:00", timezone="Europe/Berlin")
    story = Story(quiet, OPS)

    story.during(12 * HOUR_S, HELD)

    [first, *_] = [seconds for seconds, channel, _ in story.sent if channel == "quiet"]
    assert 0 <= first - (7 * HOUR_S + 46 * 60 + 40) < STEP_S, "07:00 in Berlin"
    assert story.sent[0] == (60, "ops", "problem")


def test_what_began_and_ended_in_quiet_hours_is_told_to_nobody():
    story = Story(dataclasses.replace(OPS, quiet_hours="22:00-07:00"))

    story.during(HOUR_S, HELD)
    story.during(12 * HOUR_S, step_s=60.0)

    assert story.sent == []


def test_what_was_told_before_quiet_hours_and_ended_in_them_is_told_after_them():
    story = Story(dataclasses.replace(OPS, quiet_hours="22:30-07:00"))

    story.during(1800, HELD)
    story.during(12 * HOUR_S, step_s=60.0)

    assert story.kinds() == ["problem", "recovery"]
    assert story.sent[1][0] >= 8 * HOUR_S + 46 * 60


def test_a_channel_hears_of_its_rules_alone_and_a_disabled_one_of_none():
    disk, off = (
        dataclasses.replace(OPS, name="disk", rules=("disk",)),
        dataclasses.replace(OPS, name="off", enabled=False),
    )
    story = Story(OPS, disk, off)

    story.during(600, HELD)

    assert {channel for _, channel, _ in story.sent} == {"ops"}


def test_a_channel_that_is_added_later_is_told_what_goes_on():
    story = Story()
    story.during(600, HELD)

    story.settings = dataclasses.replace(
        story.settings, alerts={"ops": OPS, "new": dataclasses.replace(OPS, name="new")}
    )
    story.during(600, HELD)

    assert story.kinds("new") == ["problem"]
    assert story.kinds("ops") == ["problem"]
    story.settings = dataclasses.replace(story.settings, alerts={})
    story.look(HELD)
    assert {each.channel for each in story.last.untold} == {"ops", "new"}


def test_a_muted_problem_is_not_reminded_of_but_its_end_is_told():
    story = Story()
    story.during(600, HELD)

    key = ("destination", "custify")
    story.episodes = {key: dataclasses.replace(story.episodes[key], muted_until=FOREVER)}
    story.during(9 * DAY_S, HELD, step_s=600.0)
    story.during(DAY_S / 2, step_s=600.0)

    assert story.kinds() == ["problem", "recovery"]


def test_everybody_of_a_channel_gets_a_message_with_an_id_of_its_own():
    story = Story(dataclasses.replace(OPS, to=("a@example.com", "b@example.com")))

    story.during(70, HELD)

    messages = story.last.messages
    assert [each.recipient for each in messages] == ["a@example.com", "b@example.com"]
    assert len({each.id for each in messages}) == 2
    assert messages[0].title == "custify is held: refused"
    assert messages[0].advice == "A key."
    assert (messages[0].link, messages[0].mute) == ("http://d/x", "http://m/1")


def test_a_clock_that_is_set_makes_nobody_told_twice():
    # Waits are steady seconds; only quiet hours and what people read are the wall's.
    trouble, settings = [HELD], Settings()
    once = followed({}, trouble, settings, steady=100.0, now=BEGIN)
    again = followed(once, trouble, settings, steady=110.0, now=BEGIN - 9 * DAY_S)

    assert again[HELD.rule, HELD.subject].number == 1
    assert again[HELD.rule, HELD.subject].since == 100.0
