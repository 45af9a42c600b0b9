"""The alarm: looks now and then, keeps what changed and who is to be told, and sends it. Lives in operate."""

import asyncio
import contextlib
import dataclasses
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import structlog

from penstock.alerts.look import WINDOW_S, Look, before_of, carried, look_of
from penstock.alerts.mute_links import MuteLinks
from penstock.alerts.rules import Trouble, troubles
from penstock.alerts.sender import Sender
from penstock.alerts.telling import Links, LookTime, test_of, told
from penstock.buffer.port.alerts import FOREVER, AlertBook, AlertChange, AlertMemory, Episode, ProblemKey
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Shelf
from penstock.clock import Dice
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.inspect.room import free_bytes_of
from penstock.inspect.status import StatusReader
from penstock.settings import Settings

log = structlog.get_logger()

# How often everything is looked at, how often a look is kept, and how often the queue is looked at.
LOOK_S, KEEP_S, QUEUE_S = 10.0, 60.0, 1.0
LOOKS_KEPT_S = WINDOW_S + 2 * KEEP_S
BAD = (Outcome.DEAD, Outcome.REJECTED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """What the alarm looks at."""

    reader: StatusReader
    shelf: Shelf
    dead: DeadLetters

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.reader.settings

    def moment(self) -> LookTime:
        """Return the present one."""
        reader = self.reader
        return LookTime(
            steady=reader.clock.steady() if reader.steady is None else reader.steady(), now=reader.clock.now()
        )

    def look(self, at: LookTime) -> Look:
        """Return how everything is."""
        reader, status = self.reader, self.reader.read()
        return look_of(
            status,
            reader.settings,
            accept=reader.snapshots.read("accept"),
            bad={name: self._bad(name, at.now) for name in status.destinations},
            free_bytes=free_bytes_of(reader.settings.data_dir),
            at=at.steady,
        )

    def _bad(self, name: str, now: float) -> tuple[int, str]:
        """Return how many events ended badly lately, and why most of those that are kept did."""
        try:
            minutes = self.shelf.by_minute(name, since=int((now - WINDOW_S) // 60) + 1)
            count = sum(n for ended in minutes.values() for (_, outcome), n in ended.items() if outcome in BAD)
            kept = self.dead.problems(name) if count else ()
        except (BufferUnavailable, StoreDamaged):
            return 0, ""  # the status says so of the destination itself
        return count, kept[0].cause if kept else ""


class Alarm:
    """Decides at each look what is to be told, and tells it."""

    def __init__(
        self, sights: Sights, book: AlertBook, *, key: Callable[[], bytes], dice: Dice, renew: Callable[[str], bool]
    ) -> None:
        self.sights, self.book, self.dice, self.mute_links = sights, book, dice, MuteLinks(key)
        #: Puts the book aside when it is the file that cannot be used any more; returns whether it is.
        self.renew = renew
        self.sender = Sender(
            book,
            settings=lambda: self.sights.settings,
            clock=sights.reader.clock,
            steady=lambda: self.sights.moment().steady,
        )
        self.memory: AlertMemory | None = None
        self.looks, self.kept_at = list[Look](), float("-inf")
        #: The last look, and what was wrong at it.
        self.last: Look | None = None
        self.found: Sequence[Trouble] = ()
        #: How many recipients have a message that waits, at the last look into the queue; whether there may be one now.
        self.waiting, self.may_wait = 0, True
        #: Held while what is remembered changes: pages mute from threads of their own.
        self.changing = threading.Lock()

    def facts(self) -> dict[str, object]:
        """Return what metrics and the command line say of it, as JSON values."""
        episodes = self.memory.episodes.values() if self.memory else ()
        active = [(each.rule, each.subject) for each in episodes if each.ended is None]
        return {"alerts": {"active": active, "waiting": self.waiting}} if self.last else {}

    def look(self) -> None:
        """Look at everything, and keep what is to be told. Raises BufferUnavailable, StoreDamaged and SettingsError."""
        with self.changing:
            memory, at, settings = self._recalled(), self.sights.moment(), self.sights.settings
            look = carried(self.sights.look(at), self.last)
            found = troubles(before_of(self.looks, at.steady), look, settings)
            episodes, tellings, change = told(
                memory.episodes, memory.tellings, found, settings, at=at, links=self._links(settings)
            )
            is_due = not 0 <= at.steady - self.kept_at < KEEP_S
            if is_due:
                kept = at.steady, msgspec.json.encode(look)
                since = at.steady - LOOKS_KEPT_S
                change = dataclasses.replace(change, episodes=list(episodes.values()), look=kept, looks_since=since)
            if change != AlertChange():
                self.book.keep(change)
            if is_due:
                self.kept_at = at.steady
                self.looks = [each for each in self.looks if since <= each.at < at.steady] + [look]
            self.memory = AlertMemory(episodes=episodes, tellings=tellings, looks=())
            self.last, self.found = look, found
            self.may_wait = self.may_wait or bool(change.messages)
        _say(memory.episodes, episodes)

    def wrong_now(self) -> Sequence[Trouble]:
        """Return what is wrong, for a command that only asks: nothing is kept or told. Raises BufferUnavailable."""
        self._recalled()
        at = self.sights.moment()
        look = carried(self.sights.look(at), self.last)
        return troubles(before_of(self.looks, at.steady), look, self.sights.settings)

    def test(self, channel: str, *, by: str) -> None:
        """Have a test sent to everybody of a channel. Raises SettingsError, BufferUnavailable and StoreDamaged."""
        known = self.sights.settings.alerts
        if channel not in known:
            raise SettingsError("channel", expected=f"one of {sorted(known)}", got=channel)
        messages = test_of(known[channel], by, at=self.sights.moment(), links=self._links(self.sights.settings))
        self.book.keep(AlertChange(messages=messages))
        self.may_wait = True

    def episode(self, token: str) -> Episode | None:
        """Return the episode that a link names; None for a link that is not ours, or an episode that is over."""
        named = self.mute_links.opened(token)
        found = self.book.memory().episodes.get(named[0]) if named else None
        return found if found and named and found.number == named[1] and found.ended is None else None

    def mute(self, key: ProblemKey, number: int, *, hours: float | None) -> bool:
        """Send no reminders of an episode for so long, None: as long as it lasts; return whether it goes on still.

        0 hours: people are told again.
        """
        with self.changing:
            until = FOREVER if hours is None else self.sights.moment().steady + hours * 3600.0
            is_done = self.book.mute(key, number, until)
            if is_done and self.memory and (mine := self.memory.episodes.get(key)):
                episodes = {**self.memory.episodes, key: dataclasses.replace(mine, muted_until=until)}
                self.memory = dataclasses.replace(self.memory, episodes=episodes)
            return is_done

    def reword(self, unsaid: Callable[[str], str]) -> None:
        """Say what is remembered of problems in other words, which are kept from then on."""
        with self.changing:
            if self.memory:
                episodes = {key: _reworded(each, unsaid) for key, each in self.memory.episodes.items()}
                self.memory = dataclasses.replace(self.memory, episodes=episodes)

    async def until(self, stopping: asyncio.Event, heard: Callable[..., None]) -> None:
        """Look and send until told to stop; `heard` is told what goes wrong."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._again(self._look_apart, stopping, heard, every_s=LOOK_S))
            both.create_task(self._again(self._send, stopping, heard, every_s=QUEUE_S))

    async def _look_apart(self) -> None:
        await asyncio.to_thread(self.look)

    async def _send(self) -> None:
        if self.may_wait:
            self.may_wait = False
            try:
                self.waiting = await self.sender.turn()
                self.may_wait = self.may_wait or self.waiting > 0
            except BaseException:
                self.may_wait = True
                raise

    async def _again(
        self,
        step: Callable[[], Awaitable[None]],
        stopping: asyncio.Event,
        heard: Callable[..., None],
        *,
        every_s: float,
    ) -> None:
        while not stopping.is_set():
            try:
                await step()
            except StoreDamaged as error:
                self._begin_anew(error, heard)
            except (BufferUnavailable, SettingsError) as error:
                heard("alerts_unavailable", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the dashboard must not end because of it
                heard("alerts_failed", error=type(error).__name__, level=logging.ERROR)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), every_s)

    def _begin_anew(self, error: StoreDamaged, heard: Callable[..., None]) -> None:
        """Go on with an empty memory, when it is ours that is damaged: what is wrong now is told once more."""
        if not self.renew(error.file):
            heard("alerts_unavailable", reason=str(error))
            return
        heard("alerts_set_aside", reason=str(error))
        self.memory, self.looks, self.kept_at, self.last = None, [], float("-inf"), None

    def _recalled(self) -> AlertMemory:
        """Return what is remembered; after a start, what was kept."""
        if self.memory is None:
            kept = self.book.memory()
            # A look that an older Penstock kept in other words is none.
            self.looks = [look for text in kept.looks if (look := _look(text)) is not None]
            self.last, self.memory = (self.looks[-1] if self.looks else None), kept
        return self.memory

    def _links(self, settings: Settings) -> Links:
        base = settings.public_url or f"http://{settings.admin_listen}"
        return Links(
            page=lambda path: base + path,
            mute=lambda episode: f"{base}/alerts/mute/{self.mute_links.token(episode)}",
            fresh_id=self.dice.fresh_id,
        )


def _reworded(episode: Episode, unsaid: Callable[[str], str]) -> Episode:
    sentence, advice, path = map(unsaid, (episode.sentence, episode.advice, episode.path))
    return dataclasses.replace(episode, sentence=sentence, advice=advice, path=path)


def _look(text: bytes) -> Look | None:
    try:
        return msgspec.json.decode(text, type=Look)
    except msgspec.DecodeError:
        return None


def _say(before: Mapping[ProblemKey, Episode], after: Mapping[ProblemKey, Episode]) -> None:
    for key, episode in after.items():
        known = before.get(key)
        if known is None or known.number != episode.number:
            log.warning("alert_raised", rule=episode.rule, subject=episode.subject)
        if episode.ended is not None and (known is None or known.ended is None):
            log.info("alert_over", rule=episode.rule, subject=episode.subject)
