"""Test connection: one harmless read, and in words what it found."""

import asyncio

import msgspec

from penstock.clock import SystemClock
from penstock.deliver.answer import Accepted, Answer, Barred, Refused, Throttled
from penstock.deliver.custify import CustifyApi

# Somebody is waiting in front of a page.
ANSWER_S_MAX = 5.0


def try_connection(base_url: str, api_key: str) -> tuple[bool, str]:
    """Return whether Custify can be reached with this key, and a sentence about it. Blocks; not for an event loop."""
    return in_words(asyncio.run(_probe(base_url, api_key)), base_url)


def in_words(answer: Answer, base_url: str) -> tuple[bool, str]:
    """Return what the answer to the read means for the person who set the destination up."""
    match answer:
        case Accepted(_, text):
            return True, f"Reachable: {base_url} took the key{_companies(text)}."
        case Barred(401 | 403 as status, _):
            return False, f"The key was refused ({status}). Is it the key of this workspace, and of this cluster?"
        case Barred(None, text):
            return False, text
        case Barred(status, _):
            return False, f"{base_url} answers with a redirect ({status}): is it the origin shown beside the key?"
        case Throttled():
            return True, f"Reachable: {base_url} took the key, and asks for fewer calls just now."
        case Refused(status, _):
            return (
                False,
                f"{base_url} answers {status}: this is not Custify's API; is it the origin shown beside the key?",
            )
        case _:
            problem = f"{answer.status}" if answer.status else answer.text
            return False, f"{base_url} gives no usable answer ({problem}): wrong address, wrong cluster, or an outage."


async def _probe(base_url: str, api_key: str) -> Answer:
    api = CustifyApi(base_url=base_url, api_key=api_key, call_s_max=ANSWER_S_MAX, in_flight_max=1, clock=SystemClock())
    try:
        return await api.probe()
    finally:
        await api.close()


def _companies(text: str) -> str:
    """Return how many companies there are, if the answer says so."""
    try:
        facts = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    total = facts.get("totalItems", facts.get("total")) if isinstance(facts, dict) else None
    return f"; {total} companies are there" if isinstance(total, int) else ""
