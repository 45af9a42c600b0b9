"""Holds an explanation against the event and the plan it speaks of. Knows nothing of how explanations are made."""

import json
import re

from penstock.destinations.plan import Plan
from penstock.explain.explain import Explanation


def leaves(value, path=""):
    """Yield each scalar and each empty container with its path, spelled as people do."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            plain = key and all(c.isalnum() or c in "_-$@ " for c in key)
            step = (f".{key}" if path else key) if plain else f"[{json.dumps(key)}]"
            yield from leaves(inner, path + step)
    elif isinstance(value, list) and value:
        for n, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{n}]")
    else:
        yield path, value


def accounts_for_every_leaf(explanation: Explanation, event: object) -> bool:
    told = {line.source: line.value for line in explanation.lines if line.source is not None}
    for path, value in leaves(event):
        assert path in told, f"{path!r} of the event is not explained"
        assert repr(told[path]) == repr(value)
    return len(told) == len(list(leaves(event)))


def sent_by(explanation: Explanation) -> dict:
    calls = explanation.meaning.calls if isinstance(explanation.meaning, Plan) else ()
    return {(n, field): value for n, call in enumerate(calls) for field, value in leaves(call.body)}


def tells_the_truth(explanation: Explanation) -> bool:
    sent = sent_by(explanation)
    told = {(line.call, line.field) for line in explanation.lines if line.call is not None}
    assert told <= set(sent), "a field is explained that is not sent"
    assert len(sent) == len(told) + explanation.fields_left_out, "a field is sent that is not explained"
    for line in explanation.lines:
        assert re.fullmatch(r"[a-z-]+", line.reason), line
        assert line.why
        assert (line.call is None) == (line.field is None)
        assert line.call is None or repr(line.sent) == repr(sent[line.call, line.field])
    return True


def set_by_mapping(explanation: Explanation) -> set[tuple[str | None, str]]:
    return {(line.field, repr(line.sent)) for line in explanation.lines if line.reason == "constant"}
