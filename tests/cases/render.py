"""Renders the golden cases as docs/mapping.md."""

import json
from pathlib import Path

from cases.runner import MAPPINGS, Case, read_cases

INTRO = (Path(__file__).parent / "intro.md").read_text(encoding="utf-8")
KINDS = ("identify", "track", "group", "other")
WIDTH_MAX = 110


def render() -> str:
    """Return the page."""
    cases = read_cases()
    parts = [INTRO.rstrip()]
    for kind in KINDS:
        mine = [case for case in cases if case.path.parent.name == kind]
        parts.append(f"## Cases: {kind}")
        parts += [_case(case) for case in mine]
    return "\n\n".join(parts) + "\n"


def _case(case: Case) -> str:
    options = f" Settings: {_settings(case.options)}." if case.options else ""
    lines = [f"### {case.sentence[0].upper()}{case.sentence[1:]}", "", f"{case.why}{options}", ""]
    lines += ["```json", _json(case.event), "```", ""]
    lines += ["Beside it in its batch:", "", "```json", _json(case.batch), "```", ""] if case.batch else []
    ours, theirs = (case.expected[mapping] for mapping in MAPPINGS)
    if ours == theirs:
        return "\n".join([*lines, *_answer("both mappings", ours)])
    return "\n".join([*lines, *_answer(f"`{MAPPINGS[0]}`", ours), "", *_answer(f"`{MAPPINGS[1]}`", theirs)])


def _answer(title: str, answer: dict) -> list[str]:
    if "unmappable" in answer:
        return [f"{title}: not sent, *{answer['unmappable']}*"]
    calls = [f"{call['method']} {call['path']}\n{_json(call['body'])}" for call in answer["calls"]]
    return [f"{title}:", "", "```http", "\n\n".join(calls), "```"]


def _settings(options: dict) -> str:
    return ", ".join(f"`{name} = {json.dumps(value)}`" for name, value in options.items())


def _json(value: object, indent: int = 0) -> str:
    """Return JSON that fits the page: on one line if it does, else one line for each member."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + len(line) <= WIDTH_MAX or not isinstance(value, dict | list) or not value:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + _json(item, indent + 2) for item in value) + f"\n{' ' * indent}]"
    members = (f"{inner}{json.dumps(k, ensure_ascii=False)}: {_json(v, indent + 2)}" for k, v in value.items())
    return "{\n" + ",\n".join(members) + f"\n{' ' * indent}}}"
