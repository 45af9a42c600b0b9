"""Explain as a picture: the event's values on the left, Custify's fields and the reasons on the right, lines between. Pure.

Whole values and sentences are in the table beside it; here they are cut to fit.
"""

import dataclasses

from penstock.destinations.plan import Plan
from penstock.explain.explain import Explanation, Line
from penstock.inspect.parts import cut

# What is drawn; an event with more values has them all in the table.
LINES_MAX = 60
ROW_PX, TOP_PX = 26, 22
PATH_CHARS, VALUE_CHARS, WHY_CHARS = 30, 24, 70


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A text with its place."""

    y: int
    #: "value", "field", "reason" or "title".
    kind: str
    text: str
    beside: str = ""
    whole: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line from a value to what became of it."""

    start: int
    end: int
    is_sent: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """Everything that is drawn."""

    left: list[Node]
    right: list[Node]
    links: list[Link]
    height: int
    left_out: int


def diagram(explanation: Explanation) -> Diagram:
    """Return the picture of an explanation."""
    lines = explanation.lines[:LINES_MAX]
    left = _values(lines)
    right, places = _targets(lines, explanation)
    links = [
        Link(start=left[line.source].y, end=places[_target(line)], is_sent=line.call is not None)
        for line in lines
        if line.source is not None
    ]
    height = TOP_PX + ROW_PX * max(len(left), len(right), 1)
    left_out = len(explanation.lines) - len(lines)
    return Diagram(left=list(left.values()), right=right, links=links, height=height, left_out=left_out)


def _values(lines: tuple[Line, ...]) -> dict[str, Node]:
    """Return the event's values by where they are, in its order; one that feeds two fields stands once."""
    nodes: dict[str, Node] = {}
    for line in lines:
        if line.source is not None and line.source not in nodes:
            nodes[line.source] = Node(
                y=TOP_PX + ROW_PX * len(nodes),
                kind="value",
                text=_cut(line.source, PATH_CHARS),
                beside=_cut(_shown(line.value), VALUE_CHARS),
                whole=cut(f"{line.source} = {_shown(line.value)}"),
            )
    return nodes


def _targets(lines: tuple[Line, ...], explanation: Explanation) -> tuple[list[Node], dict[tuple[object, ...], int]]:
    """Return the fields by call, then the reasons, and the places of both."""
    nodes: list[Node] = []
    places: dict[tuple[object, ...], int] = {}

    def put(kind: str, text: str, beside: str = "", whole: str = "") -> int:
        nodes.append(Node(y=TOP_PX + ROW_PX * len(nodes), kind=kind, text=text, beside=beside, whole=whole))
        return nodes[-1].y

    calls = explanation.meaning.calls if isinstance(explanation.meaning, Plan) else ()
    for number, call in enumerate(calls):
        put("title", f"{call.method} {call.path}")
        for line in lines:
            if line.call == number and _target(line) not in places:
                sent = f"{_cut(_shown(line.sent), VALUE_CHARS)} · {line.why}"
                whole = cut(f"{line.field} = {_shown(line.sent)}: {line.why}")
                places[_target(line)] = put("field", _cut(line.field or "", PATH_CHARS), _cut(sent, 46), whole)
    unsent = [line for line in lines if line.call is None]
    if unsent:
        put("title", "not sent")
    for line in unsent:
        if _target(line) not in places:
            places[_target(line)] = put("reason", _cut(line.why, WHY_CHARS), whole=line.why)
    return nodes, places


def _target(line: Line) -> tuple[object, ...]:
    return (line.why,) if line.call is None else (line.call, line.field)


def _shown(value: object) -> str:
    return "null" if value is None else {True: "true", False: "false"}[value] if isinstance(value, bool) else cut(value)


def _cut(text: str, chars: int) -> str:
    text = " ".join(text[: 4 * chars].split())
    return text if len(text) <= chars else f"{text[: chars - 1]}…"
