"""What became of every value of an event, and where every value of its calls came from.

Nothing here knows the mappings. convert is asked again and again, each time with one value changed, and the calls say
what followed; see trials.py. So this is for people who ask about one event, not for the stream.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping as Mapping_

from penstock.destinations.custify.calls import TIMES
from penstock.destinations.custify.options import Mapping
from penstock.destinations.every import convert
from penstock.destinations.options import Options
from penstock.destinations.plan import Filtered, Meaning, Plan, Unmappable
from penstock.destinations.times import Happened, happened
from penstock.explain.page import LEAVES_MAX, Page, page_of
from penstock.explain.part import Outermost
from penstock.explain.passing import passed_on
from penstock.explain.readings import SENTENCES, Reading, is_deep
from penstock.explain.reasons import Reasons, Unsent, losers
from penstock.explain.trials import Findings, Place, Sent, Trials, TrialSteps, sent_of
from penstock.json_paths import Path, as_text, leaves, pruned

EVENT_TIMES = frozenset({("timestamp",), ("originalTimestamp",), ("receivedAt",)})
AS_IT_CAME = "passed on as it came"


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
    #: Values of the event, and of its calls, that these lines say nothing of.
    leaves_left_out: int = 0
    fields_left_out: int = 0
    #: How many values the event has, at which of them these lines begin, and where the next page does, if there is one.
    leaves: int = 0
    first: int = 0
    next_first: int | None = None

    @property
    def untold(self) -> int:
        """Return of how many values of this page nothing certain can be said."""
        end = self.leaves if self.next_first is None else self.next_first
        return max(0, end - self.first - len({line.source for line in self.lines if line.source is not None}))


def explain(
    event: object,
    options: Options,
    *,
    unwanted: Unmappable | Filtered | None = None,
    first: int = 0,
    leaves_max: int = LEAVES_MAX,
    about: str = "",
) -> Explanation:
    """Account for the values of an event, and of the calls it becomes. Never raises, never changes the event.

    An event with more than `leaves_max` values is explained page by page, the most telling ones first, what is
    called `about` before them; `first` is where a page begins. What a page costs is bounded, see Steps.
    `unwanted` says why the event is not converted at all: it cannot be used, or the destination does not want it.
    """
    if not isinstance(options, Mapping):
        return _passed_on_whole(event, options, unwanted=unwanted, first=first, leaves_max=leaves_max, about=about)
    mapping = options
    if mapping.trust != "trusted" and not unwanted:
        trusted = dataclasses.replace(mapping, trust="trusted")
        told = explain(event, trusted, first=first, leaves_max=leaves_max, about=about)
        return _as_believed(told, event, mapping)
    meaning = unwanted or convert(event, mapping)
    page = page_of(list(leaves(event)), sent_of(meaning), first=first, leaves_max=leaves_max, about=about)
    if not isinstance(meaning, Plan):
        return _explanation(page, mapping, meaning, list(_unsent_at_all(page.looked_at, meaning)), len(page.looked_at))
    part = None
    trials = Trials(event, mapping, TrialSteps())
    sent = trials.sent
    if not page.is_all:
        trials, whole = Trials(pruned(event, page.kept), mapping, TrialSteps()), trials
        part = Outermost(trials, whole)
    findings, tried = _findings(trials, page, part)
    lines = list(_event_lines(trials, page, findings, sent))
    return _with_rest(_explanation(page, mapping, meaning, lines, tried), sent, event, mapping)


def _passed_on_whole(
    event: object, options: Options, *, unwanted: Unmappable | Filtered | None, first: int, leaves_max: int, about: str
) -> Explanation:
    """Account for an event that is passed on as it came: every value stands where it stood, inside of `data`."""
    meaning = unwanted or convert(event, options)
    page = page_of(list(leaves(event)), {}, first=first, leaves_max=leaves_max, about=about)
    if not isinstance(meaning, Plan):
        lines = list(_unsent_at_all(page.looked_at, meaning))
    else:
        lines = [
            Line(as_text(path), _shown(value), 0, as_text(("data", *path)), _shown(value), Reading.SAME, AS_IT_CAME)
            for path, value in page.looked_at.items()
        ]
    return _explanation(page, options, meaning, lines, len(page.looked_at))


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
        "leaves": explanation.leaves,
        "from": explanation.first,
        "next": explanation.next_first,
    }
    return facts


def _as_believed(whole: Explanation, event: object, mapping: Mapping) -> Explanation:
    """Return of an explanation what holds for a source that is not believed in everything."""
    if not isinstance(whole.meaning, Plan):
        return whole
    meaning = convert(event, mapping)
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
            why = f"{line.field} of {path} is not taken from this source: its trust is `{mapping.trust}`"
            lines.append(Line(line.source, line.value, None, None, None, Unsent.UNTRUSTED, why))
    return _with_rest(dataclasses.replace(whole, meaning=meaning, lines=tuple(lines)), sent, event, mapping)


def _with_rest(told: Explanation, sent: Sent, event: object, mapping: Mapping) -> Explanation:
    """Add the fields that no value of the event fills; of a page, where another may fill them, how many they are."""
    known = {(line.call, line.field) for line in told.lines}
    rest = [(place, value) for place, value in sent.items() if (place.call, as_text(place.field)) not in known]
    if told.leaves_left_out:
        return dataclasses.replace(told, fields_left_out=len(rest))
    made = (_set_by_mapping(*found, event=event, mapping=mapping) for found in rest)
    return dataclasses.replace(told, lines=(*told.lines, *made))


def _explanation(page: Page, mapping: Options, meaning: Meaning, lines: list[Line], tried: int) -> Explanation:
    told = {line.source for line in lines}
    begin = page.first + tried
    return Explanation(
        mapping.name,
        meaning,
        tuple(lines),
        leaves_left_out=page.leaves - len(told),
        leaves=page.leaves,
        first=page.first,
        next_first=begin if begin < page.leaves else None,
    )


def _findings(trials: Trials, page: Page, part: Outermost | None) -> tuple[dict[Path, Findings], int]:
    """Return what was found of a page's leaves, and how many were tried before the trials were too many."""
    passed, found, tried = passed_on(trials, page.looked_at), {}, 0
    for path in page.ranked:
        if trials.steps.are_spent:
            break
        tried, value = tried + 1, page.looked_at[path]
        finding = passed.get(path) or trials.find(path, value)
        sure = part.borne_out(path, value, finding) if part else finding
        if sure:
            found[path] = sure
    return {path: found[path] for path in page.looked_at if path in found}, tried


def _event_lines(trials: Trials, page: Page, findings: dict[Path, Findings], sent: Sent) -> Iterator[Line]:
    fed = {path: found for path, found in findings.items() if found.fed}
    kind = str(trials.event.get("type")).strip().lower()[:40] if isinstance(trials.event, dict) else ""
    rest, happened_why = trials.afresh(), _time_of(trials.event, trials.mapping).why
    reasons = Reasons(rest, losers(rest, {path: page.looked_at[path] for path in findings}, fed), kind=kind)
    for path, found in findings.items():
        value = page.looked_at[path]
        if path in fed:
            yield from _sent_lines(path, value, found, sent, happened_why=happened_why)
        # Which source lost to which was not found out to the end: then nothing is said of those that are not sent.
        elif not rest.steps.are_spent or path == ("type",):
            reason, why = reasons.why(path, value, found)
            yield Line(as_text(path), _shown(value), None, None, None, reason, why)


def _sent_lines(path: Path, value: object, found: Findings, sent: Sent, *, happened_why: str) -> Iterator[Line]:
    for place, reading in sorted(found.fed.items(), key=lambda item: (item[0].call, as_text(item[0].field))):
        why = happened_why if path in EVENT_TIMES else SENTENCES[reading]
        yield Line(as_text(path), _shown(value), place.call, as_text(place.field), sent[place], reading, why)


def _time_of(event: object, mapping: Mapping) -> Happened:
    """Return when an event happened, as it is said to people; RudderStack's reading needs no more than the words."""
    if mapping.name == "custify/1":
        return happened(event if isinstance(event, dict) else {}, mapping)
    return Happened(None)


def _set_by_mapping(place: Place, value: object, *, event: object, mapping: Mapping) -> Line:
    field = as_text(place.field)
    if place.field in TIMES:
        known = _time_of(event, mapping)
        why = known.why if known.text == value else "counted back from the arrival, as RudderStack does"
        return Line(None, None, place.call, field, value, "corrected", why)
    if isinstance(value, dict | list):
        why = f"{field} is always sent; nothing is in it"
    elif place.field[-1:] == ("remove",):
        why = "a link to a company, not its removal: the event does not ask for that"
    else:
        why = "made by the mapping: no single value of the event shows in it"
    return Line(None, None, place.call, field, value, "constant", why)


def _unsent_at_all(looked_at: Mapping_[Path, object], meaning: Meaning) -> Iterator[Line]:
    assert not isinstance(meaning, Plan)
    reason = Unsent.FILTERED if isinstance(meaning, Filtered) else Unsent.UNMAPPABLE
    for path, value in looked_at.items():
        yield Line(as_text(path), _shown(value), None, None, None, reason, f"nothing is sent: {meaning.reason}")


def _shown(value: object) -> object:
    """Return a leaf as it may be printed: what is nested too deep to be looked into is named, not shown."""
    return f"{'an object' if isinstance(value, dict) else 'an array'}, nested too deep" if is_deep(value) else value
