"""What became of every value of an event, and where every value of its calls came from.

Nothing here knows the mappings. convert is asked again and again, each time with one value changed, and the calls say
what followed; see explain_trials.py. So this is for people who ask about one event, not for the stream.
"""

import dataclasses
from collections.abc import Iterator

from penstock.convert.convert import convert
from penstock.convert.explain_leaves import Path, as_text, leaves, pruned
from penstock.convert.explain_part import Part
from penstock.convert.explain_readings import SENTENCES, is_deep
from penstock.convert.explain_reasons import Reasons, Unsent, losers
from penstock.convert.explain_trials import Findings, Place, Sent, Trials, sent_of
from penstock.convert.plan import Filtered, Mapping, Meaning, Plan, Unmappable

# Leaves that are tried one by one. A usual event has thirty; one with more has its outermost explained.
LEAVES_MAX = 200
# Each trial may read every text of the event, so an event with large texts gets fewer trials, but never fewer than this.
TEXT_CHARS_MAX, LEAVES_MIN = 200_000, 20
EVENT_TIMES = frozenset({("timestamp",), ("originalTimestamp",)})


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One value of the event in one field of one call, or in none; or a value that the mapping itself set."""

    #: Where the value is in the event, such as `traits.plan`; None for what the mapping set.
    source: str | None
    value: object
    #: Which call of the plan, from 0, and which field of its body; None for what was not sent.
    call: int | None
    field: str | None
    sent: object
    #: A word for programs, and a sentence for people.
    reason: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """What an event means, and why."""

    mapping: str
    meaning: Meaning
    lines: tuple[Line, ...]
    #: Values of the event, and of its calls, that were too many to be explained one by one.
    leaves_left_out: int = 0
    fields_left_out: int = 0


def explain(
    event: object, mapping: Mapping, *, unwanted: Unmappable | Filtered | None = None, leaves_max: int = LEAVES_MAX
) -> Explanation:
    """Account for every value of an event, and of the calls it becomes. Never raises, never changes the event.

    `unwanted` says why the event is not converted at all: it cannot be used, or the destination does not want it.
    """
    if mapping.trust != "trusted" and not unwanted:
        whole = explain(event, dataclasses.replace(mapping, trust="trusted"), leaves_max=leaves_max)
        return _as_believed(whole, convert(event, mapping), trust=mapping.trust)
    meaning = unwanted or convert(event, mapping)
    every = list(leaves(event))
    looked_at = _outermost(every, leaves_max)
    left_out = len(every) - len(looked_at)
    if not isinstance(meaning, Plan):
        return Explanation(mapping.name, meaning, tuple(_unsent_at_all(looked_at, meaning)), left_out)
    trials = Trials(pruned(event, looked_at) if left_out else event, mapping)
    sent = sent_of(meaning)
    part = Part(trials, Trials(event, mapping)) if left_out else None
    findings = dict(_findings(trials, looked_at, part))
    lines = list(_event_lines(trials, {path: looked_at[path] for path in findings}, findings, sent))
    known = {(line.call, line.field) for line in lines}
    rest = [(place, value) for place, value in sent.items() if (place.call, as_text(place.field)) not in known]
    if left_out:
        return Explanation(mapping.name, meaning, tuple(lines), len(every) - len(findings), len(rest))
    return Explanation(mapping.name, meaning, (*lines, *(_set_by_mapping(*found) for found in rest)))


def as_json(explanation: Explanation) -> dict[str, object]:
    """Return an explanation as plain JSON, for programs."""
    meaning = explanation.meaning
    calls = meaning.calls if isinstance(meaning, Plan) else ()
    facts: dict[str, object] = {
        "mapping": explanation.mapping,
        "calls": [{"method": call.method, "path": call.path, "body": call.body} for call in calls],
        "unmappable": None if isinstance(meaning, Plan | Filtered) else meaning.reason,
        "filtered": meaning.reason if isinstance(meaning, Filtered) else None,
        "cause": None if isinstance(meaning, Plan) else meaning.cause,
        "lines": [dataclasses.asdict(line) for line in explanation.lines],
        "leaves_left_out": explanation.leaves_left_out,
        "fields_left_out": explanation.fields_left_out,
    }
    return facts


def _as_believed(whole: Explanation, meaning: Meaning, *, trust: str) -> Explanation:
    """Return of an explanation what holds for a source that is not believed in everything."""
    if not isinstance(whole.meaning, Plan):
        return whole
    sent, paths = sent_of(meaning), [call.path for call in (meaning.calls if isinstance(meaning, Plan) else ())]
    left = {(place.call, as_text(place.field)) for place in sent}
    lines: list[Line] = []
    for line in whole.lines:
        path = None if line.call is None else whole.meaning.calls[line.call].path
        # No plan has two calls to one path.
        call = paths.index(path) if path in paths else None
        if line.call is None:
            lines.append(line)
        elif (call, line.field) in left:
            lines.append(dataclasses.replace(line, call=call))
        elif line.source is not None:
            why = f"{line.field} of {path} is not taken from this source: its trust is `{trust}`"
            lines.append(Line(line.source, line.value, None, None, None, Unsent.UNTRUSTED, why))
    told = {(line.call, line.field) for line in lines}
    rest = [(place, value) for place, value in sent.items() if (place.call, as_text(place.field)) not in told]
    if whole.leaves_left_out:
        return dataclasses.replace(whole, meaning=meaning, lines=tuple(lines), fields_left_out=len(rest))
    return dataclasses.replace(whole, meaning=meaning, lines=(*lines, *(_set_by_mapping(*found) for found in rest)))


def _outermost(every: list[tuple[Path, object]], leaves_max: int) -> dict[Path, object]:
    """Return the leaves to look at, in the event's order; the outermost, if there are too many."""
    chars = sum(len(value) for _, value in every if isinstance(value, str))
    if chars > TEXT_CHARS_MAX:
        leaves_max = max(min(leaves_max, LEAVES_MIN), leaves_max * TEXT_CHARS_MAX // chars)
    if len(every) <= leaves_max:
        return dict(every)
    order = sorted(range(len(every)), key=lambda n: (len(every[n][0]), n))
    return dict(every[n] for n in sorted(order[:leaves_max]))


def _findings(trials: Trials, looked_at: dict[Path, object], part: Part | None) -> Iterator[tuple[Path, Findings]]:
    for path, value in looked_at.items():
        found = trials.find(path, value)
        sure = part.borne_out(path, value, found) if part else found
        if sure:
            yield path, sure


def _event_lines(
    trials: Trials, looked_at: dict[Path, object], findings: dict[Path, Findings], sent: Sent
) -> Iterator[Line]:
    fed = {path: found for path, found in findings.items() if found.fed}
    kind = str(trials.event.get("type")).strip().lower()[:40] if isinstance(trials.event, dict) else ""
    reasons = Reasons(trials, losers(trials, looked_at, fed), kind=kind)
    for path, value in looked_at.items():
        if path in fed:
            yield from _sent_lines(path, value, fed[path], sent)
        else:
            reason, why = reasons.why(path, value, findings[path])
            yield Line(as_text(path), _shown(value), None, None, None, reason, why)


def _sent_lines(path: Path, value: object, found: Findings, sent: Sent) -> Iterator[Line]:
    for place, reading in sorted(found.fed.items(), key=lambda item: (item[0].call, as_text(item[0].field))):
        why = "when the event happened" if path in EVENT_TIMES else SENTENCES[reading]
        yield Line(as_text(path), _shown(value), place.call, as_text(place.field), sent[place], reading, why)


def _set_by_mapping(place: Place, value: object) -> Line:
    field = as_text(place.field)
    if isinstance(value, dict | list):
        why = f"{field} is always sent; nothing is in it"
    elif place.field[-1:] == ("remove",):
        why = "a link to a company, not its removal: the event does not ask for that"
    else:
        why = "made by the mapping: no single value of the event shows in it"
    return Line(None, None, place.call, field, value, "constant", why)


def _unsent_at_all(looked_at: dict[Path, object], meaning: Meaning) -> Iterator[Line]:
    assert not isinstance(meaning, Plan)
    reason = Unsent.FILTERED if isinstance(meaning, Filtered) else Unsent.UNMAPPABLE
    for path, value in looked_at.items():
        yield Line(as_text(path), _shown(value), None, None, None, reason, f"nothing is sent: {meaning.reason}")


def _shown(value: object) -> object:
    """Return a leaf as it may be printed: what is nested too deep to be looked into is named, not shown."""
    return f"{'an object' if isinstance(value, dict) else 'an array'}, nested too deep" if is_deep(value) else value
