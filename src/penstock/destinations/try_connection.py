"""Test connection: one harmless call, and in words what it found.

What it says of hosts that are not the internet's never tells an open port from a closed one, nor does how long it takes:
a person who may change settings could search this machine and its networks with it.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

from penstock.clock import Clock, SystemClock
from penstock.destinations.answer import Barred, Unavailable
from penstock.destinations.every import package_of
from penstock.destinations.http import HttpApi
from penstock.settings import Destination, Settings

# A person is waiting in front of a page.
ANSWER_S_MAX = 5.0


def try_connection(destination: Destination, settings: Settings) -> tuple[bool, str]:
    """Return whether calls can be made with these settings, and a sentence about it. Blocks; not for an event loop."""
    clock = SystemClock()
    api = package_of(destination).connect(
        destination, dataclasses.replace(settings, call_timeout_s=ANSWER_S_MAX), clock
    )
    assert isinstance(api, HttpApi)
    return asyncio.run(tried(api, clock))


async def tried(
    api: HttpApi, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> tuple[bool, str]:
    """Make the harmless call of a destination, and say what came of it."""
    began = clock.steady()
    try:
        answer = await api.probe()
    finally:
        await api.close()
    is_untold = api.egress.is_quiet and not api.is_own(answer)
    if is_untold and not (isinstance(answer, Barred) and answer.status is None):
        await sleep(max(0.0, ANSWER_S_MAX - (clock.steady() - began)))
        answer = Unavailable(None, "")
    return api.in_words(answer)
