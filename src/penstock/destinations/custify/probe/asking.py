"""Calls to Custify, one after the other: never faster than asked, waiting when told, and never more than a bound."""

import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

# Custify's own client waits this long where a 429 does not say how long (CustifyOfficial/custify-mcp, src/api/client.ts).
RETRY_AFTER_S = 10.0
WAIT_S_MAX = 120.0
THROTTLED_MAX = 10
#: Tries of a call that does no harm twice, while Custify or the way to it is out of order.
TRIES_MAX = 3
TRY_AGAIN_S = 5.0
BODY_CHARS_SHOWN = 240


class Unclear(Exception):
    """This question cannot be answered; the sentence says why. Others can."""


class Stopped(Exception):
    """No question can be answered any more; the sentence says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reaction:
    """An answer as it came; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def ok(self) -> bool:
        """Return whether the call was taken."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Return whether it was refused for what it says."""
        return self.status in {400, 404, 409, 413, 422}

    @property
    def json(self) -> Any:
        """Return what it says. Raises Unclear when that is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise Unclear(f"the answer is not JSON ({self.status}): {self.text[:BODY_CHARS_SHOWN]}") from error


class Workspace(Protocol):
    """One workspace."""

    async def exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], str]:
        """Make one call; return status, headers with lower-case names, and text. Raises OSError without an answer."""


class Asking:
    """All calls of a run go through here."""

    def __init__(
        self,
        custify: Workspace,
        *,
        sleep: Callable[[float], Awaitable[None]],
        calls_max: int,
        calls_per_s_max: float,
    ) -> None:
        self.custify, self.sleep, self.calls_max = custify, sleep, calls_max
        self.pause_s = 1 / calls_per_s_max
        self.calls = self.throttled = 0
        #: Calls without an answer: what they wrote may still come to be.
        self.unanswered = 0
        #: Headers that speak of limits, as last seen.
        self.limits: dict[str, str] = {}
        #: What was said since this was last emptied, a line a call.
        self.said: list[str] = []

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, again: bool = True
    ) -> Reaction:
        """Make a call. With `again`, one that does no harm twice is tried again. Raises Unclear or Stopped."""
        tries_left = TRIES_MAX if again else 1
        while True:
            reply = await self._once(method, path, body)
            if reply is not None and reply.status == 429:
                await self._wait(reply)
                continue
            tries_left -= 1
            if reply is not None and reply.status < 500:
                return self._judged(reply)
            if not tries_left:
                status = f"it answers {reply.status}" if reply else "there is no answer"
                raise Unclear(f"{method} {path.partition('?')[0]}: {status}")
            await self.sleep(TRY_AGAIN_S)

    async def _once(self, method: str, path: str, body: Mapping[str, object] | None) -> Reaction | None:
        if self.calls >= self.calls_max:
            raise Stopped(f"{self.calls_max} calls were made, and no more are made in one run")
        await self.sleep(self.pause_s)
        self.calls += 1
        raw = None if body is None else json.dumps(body).encode()
        try:
            reply = Reaction(*await self.custify.exchange(method, path, raw))
        except OSError as error:
            self.unanswered += 1
            self._note(method, path, raw, f"no answer ({error})")
            return None
        self.limits |= {name: value for name, value in reply.headers.items() if _speaks_of_limits(name)}
        self._note(method, path, raw, f"{reply.status} {_short(reply.text)}")
        return reply

    async def _wait(self, reply: Reaction) -> None:
        self.throttled += 1
        if self.throttled > THROTTLED_MAX:
            raise Stopped(f"Custify asked {THROTTLED_MAX} times for fewer calls; try fewer calls a second")
        text = reply.headers.get("retry-after", "")
        asked_s = float(text) if text.isascii() and text.isdigit() else RETRY_AFTER_S
        await self.sleep(min(asked_s, WAIT_S_MAX))

    def _judged(self, reply: Reaction) -> Reaction:
        if reply.status in {401, 403}:
            raise Stopped(f"the key was refused ({reply.status}): is it of this workspace, and may it write?")
        return reply

    def _note(self, method: str, path: str, raw: bytes | None, answer: str) -> None:
        body = f" {_short(raw.decode())}" if raw else ""
        self.said.append(f"{method} {path}{body} -> {answer}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= BODY_CHARS_SHOWN else f"{text[:BODY_CHARS_SHOWN]}…"


def _speaks_of_limits(name: str) -> bool:
    return "ratelimit" in name or "rate-limit" in name or name == "retry-after"
