"""Takes messages out of the queue and sends them: each until it was taken, none before the one ahead of it.

A message leaves the queue when its channel took it and that is on disk. A kill between the two makes a double, and the
double carries the same Message-ID, or webhook id.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping

import structlog

from penstock.alerts.mail import send_mail
from penstock.alerts.service import send_by_service
from penstock.alerts.words import payload_of
from penstock.buffer.port.alerts import AlertBook, Message
from penstock.clock import Clock
from penstock.destinations.answer import Accepted, Throttled
from penstock.destinations.plan import Call
from penstock.destinations.webhook.api import WebhookApi
from penstock.destinations.webhook.convert import PATH
from penstock.settings import AlertChannel, Destination, Settings

log = structlog.get_logger()

# How long one try may take; it holds up the same channel alone.
TRY_S_MAX = 15.0
#: Between two tries of a message: twice as long each time, an hour at most; a day all in all, then it is given up.
RETRY_S_MIN, RETRY_S_MAX, TRIES_MAX = 10.0, 3_600.0, 32
ANSWER_CHARS_MAX = 300

TellingWay = Callable[[Message, AlertChannel, Settings], Awaitable[tuple[bool, str]]]


class Sender:
    """Sends what waits."""

    def __init__(
        self, book: AlertBook, *, settings: Callable[[], Settings], clock: Clock, steady: Callable[[], float],
        ways: Mapping[str, TellingWay] | None = None,
    ) -> None:  # fmt: skip
        self.book, self.settings, self.clock, self.steady = book, settings, clock, steady
        self.ways = ways or {"email": self._mail, "webhook": self._webhook, "service": self._service}

    async def turn(self) -> int:
        """Try the first message of each recipient whose time has come; return how many wait still.

        Raises BufferUnavailable and StoreDamaged.
        """
        heads, steady = await asyncio.to_thread(self.book.waiting), self.steady()
        due = [message for message in heads if message.due <= steady]
        async with asyncio.TaskGroup() as all_at_once:
            for message in due:
                all_at_once.create_task(self._try_and_keep(message))
        # Behind one that is done, others may wait.
        return len(heads)

    async def _try_and_keep(self, message: Message) -> None:
        """Keep what came of a try as soon as it is known: a kill while others are still tried makes no double of this one."""
        await asyncio.to_thread(self.book.tried, await self._try(message))

    async def _try(self, message: Message) -> Message:
        settings = self.settings()
        channel = settings.alerts.get(message.channel)
        if channel is None:
            return self._ended(message, "given_up", "the channel was removed")
        is_taken, answer = await self.ways[channel.type](message, channel, settings)
        answer = answer[:ANSWER_CHARS_MAX]
        tried = dataclasses.replace(message, tries=message.tries + 1, answer=answer)
        if is_taken:
            return self._ended(tried, "sent", answer)
        log.warning("alert_not_sent", channel=channel.name, kind=message.kind, tries=tried.tries)
        # Who asked for a test looks at what came of it, and asks again.
        if tried.tries >= TRIES_MAX or message.kind == "test":
            return self._ended(tried, "given_up", answer)
        return dataclasses.replace(tried, due=self.steady() + retry_s(tried.tries))

    def _ended(self, message: Message, state: str, answer: str) -> Message:
        return dataclasses.replace(message, state=state, answer=answer, ended_at=self.clock.now())

    async def _mail(self, message: Message, channel: AlertChannel, settings: Settings) -> tuple[bool, str]:
        return await send_mail(message, channel, settings, clock=self.clock, s_max=TRY_S_MAX)

    async def _service(self, message: Message, channel: AlertChannel, settings: Settings) -> tuple[bool, str]:
        return await send_by_service(message, channel, settings, s_max=TRY_S_MAX)

    async def _webhook(self, message: Message, channel: AlertChannel, settings: Settings) -> tuple[bool, str]:
        destination = Destination(name=channel.name, type="webhook", base_url=channel.url, api_key=channel.secret)
        api = WebhookApi(destination, dataclasses.replace(settings, call_timeout_s=TRY_S_MAX), self.clock)
        try:
            answer = await api.send(Call(PATH, dict(payload_of(message))))
        finally:
            await api.close()
        if isinstance(answer, Accepted):
            return True, f"taken with {answer.status}"
        status = 429 if isinstance(answer, Throttled) else answer.status
        return False, f"{status} {answer.text}" if status else answer.text


def retry_s(tries: int) -> float:
    """Return how long after so many tries the next one comes."""
    return min(RETRY_S_MAX, RETRY_S_MIN * 2.0 ** (tries - 1))
