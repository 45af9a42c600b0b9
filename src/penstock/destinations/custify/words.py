"""What Custify's answer to the harmless read means for the person who set the destination up."""

import msgspec

from penstock import causes
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled, why_barred
from penstock.destinations.impostors import brief, error_in, is_page

FIRST_REFUSAL, HTTP_THROTTLED = 400, 429
# Where the list begins in an answer that is cut off.
CUT_CHARS_MAX = 200


def in_words(answer: Answer, base_url: str) -> tuple[bool, str]:
    """Return what the answer to the read means for the person who set the destination up."""
    if is_page(answer.text):
        return False, _page_in_words(answer, base_url)
    match answer:
        case Accepted(_, text) if (found := _companies(text)) is not None:
            return True, f"Reachable: {base_url} took the key{found}."
        case Accepted(status, text):
            what = f"with “{brief(text)}”" if text.strip() else "without a word"
            hint = "Custify answers this read with a list of companies: is it the origin shown beside the key?"
            return False, f"{base_url} answers {status} {what}. {hint}"
        case Barred():
            return False, _barred_in_words(answer, base_url)
        case Throttled():
            return (
                True,
                f"Reachable: {base_url} asks for fewer calls just now; whether the key is good, it does not say.",
            )
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


def _page_in_words(answer: Answer, base_url: str) -> str:
    """Say that a web page answered: a login, a proxy or a firewall, whatever the status; of the key it says nothing."""
    status = HTTP_THROTTLED if isinstance(answer, Throttled) else answer.status
    hint = "is a login, a proxy or a firewall in front of it? Whether the key is good is not known."
    return f"{brief(answer.text)} answers at {base_url}, with {status}, and not Custify's API: {hint}"


def _companies(text: str) -> str | None:
    """Return how many companies there are, if the answer says so; None when it is no answer to that read."""
    try:
        facts = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # The answer may be cut: a company has many attributes.
        return "" if '"companies"' in text[:CUT_CHARS_MAX] else None
    # An empty object says nothing, and nothing against it either.
    companies = facts.get("companies", facts or []) if isinstance(facts, dict) else facts
    if not isinstance(companies, list):
        return None
    total = facts.get("totalItems", facts.get("total")) if isinstance(facts, dict) else None
    return f"; {total} companies are there" if isinstance(total, int) else ""
