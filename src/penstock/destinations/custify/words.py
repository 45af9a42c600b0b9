"""What Custify's answer to the harmless read means for the person who set the destination up."""

import msgspec

from penstock import causes
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled, why_barred
from penstock.destinations.impostors import brief, error_in

FIRST_REFUSAL = 400


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
            return f"{why_barred(answer, 'Custify', 'API key')[0]}. Is {base_url} the origin shown beside the key?"
        case _:
            return f"{base_url} answers with a redirect ({answer.status}): is it the origin shown beside the key?"


def _companies(text: str) -> str:
    """Return how many companies there are, if the answer says so."""
    try:
        facts = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    total = facts.get("totalItems", facts.get("total")) if isinstance(facts, dict) else None
    return f"; {total} companies are there" if isinstance(total, int) else ""
