"""Test connection: one harmless read, and in words what it found.

What it says of hosts that are not the internet's never tells an open port from a closed one, nor does how long it takes:
whoever may change settings could search this machine and its networks with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import msgspec

from penstock import causes
from penstock.clock import Clock, SystemClock
from penstock.deliver.answer import Accepted, Answer, Barred, Refused, Throttled, Unavailable
from penstock.deliver.decide import why_held
from penstock.deliver.egress import Resolver
from penstock.deliver.impostors import brief, error_in
from penstock.destinations.custify.api import CustifyApi

# Somebody is waiting in front of a page.
ANSWER_S_MAX = 5.0
FIRST_REFUSAL = 400


def try_connection(
    base_url: str,
    api_key: str,
    *,
    allowed_private_hosts: Collection[str] = (),
    resolver: Resolver | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[bool, str]:
    """Return whether Custify can be reached with this key, and a sentence about it. Blocks; not for an event loop."""
    clock = clock or SystemClock()
    api = CustifyApi(
        base_url=base_url,
        api_key=api_key,
        call_s_max=ANSWER_S_MAX,
        in_flight_max=1,
        clock=clock,
        allowed_private_hosts=allowed_private_hosts,
        resolver=resolver,
    )
    return asyncio.run(_ask(api, base_url, clock, sleep))


def in_words(answer: Answer, base_url: str) -> tuple[bool, str]:
    """Return what the answer to the read means for the person who set the destination up."""
    match answer:
        case Accepted(_, text) if text.lstrip().startswith(("{", "[")):
            return True, f"Reachable: {base_url} took the key{_companies(text)}."
        case Accepted(status, text):
            what = f"with “{brief(text)}”" if text.strip() else "without a word"
            hint = "Custify answers this read in JSON: is it the origin shown beside the key?"
            return False, f"{base_url} answers {status} {what}. {hint}"
        case Barred():
            return False, _barred_in_words(answer, base_url)
        case Throttled():
            return True, f"Reachable: {base_url} took the key, and asks for fewer calls just now."
        case Refused(status, _):
            return (
                False,
                f"{base_url} answers {status}: this is not Custify's API; is it the origin shown beside the key?",
            )
        case _:
            problem = f" ({answer.status})" if answer.status else ""
            return False, f"{base_url} gives no usable answer{problem}: wrong address, wrong cluster, or an outage."


def _barred_in_words(answer: Barred, base_url: str) -> str:
    match answer:
        case Barred(status, text, causes.NOT_THE_API):
            hint = "is a login, a proxy or a firewall in front of it?"
            return f"{brief(text)} answers at {base_url}, with {status}, and not Custify's API: {hint}"
        case Barred(status, text, causes.ERROR_ANSWER):
            return f"{base_url} answers {status} with an error: {brief(error_in(text))}"
        case Barred(None, text):
            return text
        case Barred(401 | 403 as status, _):
            return f"The key was refused ({status}). Is it the key of this workspace, and of this cluster?"
        case Barred(int(status), _) if status >= FIRST_REFUSAL:
            return f"{why_held(answer).reason}. Is {base_url} the origin shown beside the key?"
        case _:
            return f"{base_url} answers with a redirect ({answer.status}): is it the origin shown beside the key?"


async def _ask(
    api: CustifyApi, base_url: str, clock: Clock, sleep: Callable[[float], Awaitable[None]]
) -> tuple[bool, str]:
    began = clock.steady()
    try:
        answer = await api.probe()
    finally:
        await api.close()
    if api.egress.is_quiet and not _is_of_custify(answer):
        await sleep(max(0.0, ANSWER_S_MAX - (clock.steady() - began)))
        answer = Unavailable(None, "")
    return in_words(answer, base_url)


def _is_of_custify(answer: Answer) -> bool:
    """Return whether it can be told, or the way was not taken at all: Custify answers in JSON, also when it refuses."""
    match answer:
        case Barred(None, _):
            return True
        case Accepted(_, text) | Throttled(_, text) | Barred(200 | 401 | 402 | 403, text):
            return _is_json(text)
        case _:
            return False


def _is_json(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict | list)
    except msgspec.DecodeError:
        return False


def _companies(text: str) -> str:
    """Return how many companies there are, if the answer says so."""
    try:
        facts = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    total = facts.get("totalItems", facts.get("total")) if isinstance(facts, dict) else None
    return f"; {total} companies are there" if isinstance(total, int) else ""
