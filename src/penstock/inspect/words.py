"""Twenty words, the plain one first: pages say it so, and lead to what it means. The other one stands in the API and in logs. Pure."""

import dataclasses
import re
from collections.abc import Mapping

import msgspec

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
#: What a destination calls its own sentence in an answer.
SENTENCES = ("error", "message", "msg", "detail", "reason", "errors", "messages", "details", "title")
SECONDS = re.compile(r"(?<![\w.:])(\d{2,9})(?:\.\d+)? s(?:econds)?\b")


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """One word: as people say it, as programs do, and what it means."""

    plain: str
    code: str
    means: str


WORDS = (
    Word("delivered", "delivered", "The destination took it."),
    Word("already up to date", "no-op", "The destination holds it all already, so nothing had to be sent."),
    Word("sent together", "coalesced", "A later event of the same person or company carried it along in one call."),
    Word("left out", "filtered", "Settings, or the consent of the person, say that it is not sent."),
    Word("not to be sent", "suppressed", "Nothing of this person is to be sent."),
    Word("cannot be read", "rejected", "It says nothing that can be sent, such as whom it is about. It is kept, and can be sent again."),
    Word("not taken", "dead", "The destination refused it, or it was tried for too long. It is kept, and can be sent again."),
    Word("erased", "erased", "It was removed because the person asked for it."),
    Word("waiting", "waiting", "It has not been tried yet, or something earlier of the same person has to go first."),
    Word("trying again", "retrying", "It failed for a reason that passes, and is tried again by itself."),
    Word("waiting for its person", "parked", "The destination does not know the person yet; it is sent once it does."),
    Word("delivering", "delivering", "All is well: what comes is sent at once."),
    Word("held", "held", "The destination refuses everybody, such as a wrong key: nothing is lost, and somebody has to mend it."),
    Word("paused", "paused", "Somebody let the destination rest; its events are kept."),
    Word("asked to wait", "throttled", "The destination asked for quiet until a certain time."),
    Word("not reached", "down", "The destination gives no usable answer; it is asked again by itself."),
    Word("standing still", "stalled", "Something waits, and nothing has ended for a long time."),
    Word("send again", "replay", "What did not get through is sent once more, with the settings of now, behind what comes live."),
    Word("what is held there", "ledger", "What the destination has acknowledged of each person and company."),
    Word("source", "source", "An application that sends events; it has a write key."),
)  # fmt: skip
PLAIN: Mapping[str, str] = {word.code: word.plain for word in WORDS}
MEANS: Mapping[str, str] = {word.code: word.means for word in WORDS}


def plain(code: str) -> str:
    """Return how people say a word of the API; one that they say themselves stays."""
    return PLAIN.get(code, code)


def means(code: str) -> str:
    """Return what a word means; nothing for one that needs no words."""
    return MEANS.get(code, "")


def sentence(text: str) -> str:
    """Return a sentence without JSON and without counted seconds: what an answer says itself, and times as people say them."""
    return SECONDS.sub(lambda found: duration(int(found[1])), _without_json(text))


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    for size, unit in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _without_json(text: str) -> str:
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if not starts:
        return text
    before, answer = text[: min(starts)], text[min(starts) :]
    try:
        document = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
    said = _said(document, depth=0)
    return f"{before}{said}" if said else before.rstrip(" :;,")


def _said(document: object, *, depth: int) -> str:
    """Return what an answer says in its own words: its message, else its texts one after the other."""
    if isinstance(document, str | int | float):
        return str(document)
    if depth > len(SENTENCES) or not document:
        return ""
    if isinstance(document, list):
        return "; ".join(filter(None, (_said(each, depth=depth + 1) for each in document[:3])))
    if not isinstance(document, dict):
        return ""
    for name in SENTENCES:
        if said := _said(document.get(name), depth=depth + 1):
            return said
    pairs = ((name, _said(value, depth=depth + 1)) for name, value in list(document.items())[:5])
    return ", ".join(f"{name} {said}" for name, said in pairs if said)
