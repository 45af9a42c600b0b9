"""Explanations as text for a terminal. Values come from strangers: they are shortened, and a terminal never obeys them."""

import json
from collections.abc import Iterator, Sequence

from penstock.buffer.port.outcomes import Attempt
from penstock.buffer.port.shelf import Story
from penstock.destinations.plan import Call, Plan
from penstock.explain.explain import Explanation, Line
from penstock.explain.questions import Account, FieldHistory
from penstock.explain.sent import SentBody
from penstock.inspect.stored_event import removed_of
from penstock.json_paths import as_text, leaves
from penstock.timestamps import from_ms, to_text

ATTEMPTS_MAX = 20
VALUE_CHARS_MAX, NAME_CHARS_MAX, ANSWER_CHARS_MAX = 32, 44, 100
TOO_MANY = "not explained: there are too many to try each"


def printable(text: str) -> str:
    """Write control characters, and all else that a terminal might obey or hide, as escapes."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def explanation_lines(explanation: Explanation) -> list[str]:
    """Return what an event means: call by call, then what was not sent."""
    meaning = explanation.meaning
    lines = []
    if isinstance(meaning, Plan):
        for number, call in enumerate(meaning.calls):
            about = [line for line in explanation.lines if line.call == number]
            lines += [f"{call.method} {call.path}", *_sent_table(_in_order(about, call)), ""]
    else:
        lines += [f"nothing is sent: {printable(meaning.reason)}", ""]
    unsent = [line for line in explanation.lines if line.call is None]
    if unsent:
        rows = [(_name(line.source), _value(line.value), printable(line.why)) for line in unsent]
        lines += ["not sent", *_table(("from the event", "value", "because"), rows), ""]
    return [*lines, *_rest(explanation)]


def _rest(explanation: Explanation) -> Iterator[str]:
    """Yield what was left out, and how to ask for it."""
    if explanation.untold:
        yield f"{explanation.untold} more of these values: {TOO_MANY}"
    if explanation.first or explanation.next_first is not None:
        end = explanation.leaves if explanation.next_first is None else explanation.next_first
        yield f"these are values {explanation.first + 1} to {end} of {explanation.leaves}, the most telling ones first"
    if explanation.next_first is not None:
        yield f"the rest: --from {explanation.next_first}"


def account_lines(account: Account) -> list[str]:
    """Return an event's account at one destination."""
    story = account.story
    head = f"{account.destination} ({account.explanation.mapping}): {_named(story)}"
    numbered = list(enumerate(story.attempts, 1))
    attempts = [f"  {len(numbered) - ATTEMPTS_MAX} earlier attempts; --json has them"] * (len(numbered) > ATTEMPTS_MAX)
    attempts += [_attempt(number, attempt) for number, attempt in numbered[-ATTEMPTS_MAX:]]
    added = f"  set when it was accepted: {', '.join(account.set_when_accepted)}"
    about = [f"  ledger: {note.path} {note.field}: {note.why}" for note in account.ledger]
    return [
        head,
        f"  {_state(story)}",
        *attempts,
        printable(added),
        *(printable(f"  {sentence}") for sentence in removed_of(story.event)),
        *map(printable, about),
        "",
        *explanation_lines(account.explanation),
    ]


def history_lines(history: FieldHistory, *, destination: str, person: str, field: str) -> list[str]:
    """Return which event a value at the destination came from."""
    what = printable(f"{field} of {person} at {destination}")
    lines = [f"not (yet) at {destination}: {_named(story)}: {_state(story)}" for story in history.not_held]
    if history.setter is None:
        return [*lines, f"{what}: none of the newest {history.looked_at} events set it"]
    head = f"{what} was last set by {_named(history.setter)}: {_state(history.setter)}"
    return [*lines, head, *_sent_table(history.lines)]


def sent_lines(destination: str, story: Story, bodies: Sequence[SentBody]) -> list[str]:
    """Return what each attempt sent, as it was, and what was answered."""
    lines = [f"{destination}: {_named(story)}", f"  {_state(story)}"]
    for each in bodies:
        body = f"not known: {each.why}" if each.body is None else each.body.decode(errors="replace")
        added = [f"  added: {field} {_value(value)}: {why}" for field, value, why in each.added]
        lines += ["", _attempt(each.number, each.attempt), *map(printable, added), printable(body)]
    return lines if bodies else [*lines, "", "no call was made"]


def _in_order(lines: Sequence[Line], call: Call) -> list[Line]:
    """Return the lines as the call has its fields, so that the sources of one field stand together."""
    places = {as_text(path): number for number, (path, _) in enumerate(leaves(call.body))}
    return sorted(lines, key=lambda line: places[line.field or ""])


def _sent_table(lines: Sequence[Line]) -> Iterator[str]:
    rows = [(_name(line.field), _value(line.sent), _from(line), printable(line.why)) for line in lines]
    return _table(("field", "sent", "from the event", "how"), rows)


def _from(line: Line) -> str:
    """Name the source, with its own value if another was sent."""
    if line.source is None:
        return "-"
    name = _name(line.source)
    is_same = type(line.value) is type(line.sent) and line.value == line.sent
    return name if is_same else f"{name} = {_value(line.value)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head) - 1)]
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  " + "  ".join([*cells, row[-1]])


def _named(story: Story) -> str:
    when = to_text(from_ms(story.event.received_at_ms))
    return printable(
        f"{story.event.type[:40]} {story.event.message_id[:80]} from {story.event.source}, received {when}"
    )


def _state(story: Story) -> str:
    at = "" if story.ended_at is None else f" at {to_text(from_ms(round(story.ended_at * 1000)))}"
    return printable(f"{story.state}{at}{': ' if story.reason else ''}{_short(story.reason, ANSWER_CHARS_MAX)}")


def _attempt(number: int, attempt: Attempt) -> str:
    status = "no answer" if attempt.status is None else str(attempt.status)
    text = f"{to_text(from_ms(round(attempt.at * 1000)))}  {attempt.method} {attempt.path}  {status}  {attempt.duration_ms} ms"
    return printable(f"  attempt {number}: {text}  {_short(attempt.answer, ANSWER_CHARS_MAX)}").rstrip()


def _value(value: object) -> str:
    # Cut before it is written: the largest text of an event may be megabytes.
    cut = value[: VALUE_CHARS_MAX + 1] if isinstance(value, str) else value
    return _short(printable(_json(cut)), VALUE_CHARS_MAX)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except ValueError:
        return "a number of very many digits"


def _name(path: str | None) -> str:
    return _short(printable(path or "the event"), NAME_CHARS_MAX)


def _short(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"
