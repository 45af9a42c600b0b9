"""Renders the golden cases as docs/mapping.md."""

import json
from pathlib import Path

from cases.runner import MAPPINGS, Case, read_cases

INTRO = (Path(__file__).parent / "intro.md").read_text(encoding="utf-8")
KINDS = ("identify", "track", "group", "other")


def render() -> str:
    """Return the page."""
    cases = read_cases()
    parts = [INTRO.rstrip()]
    for kind in KINDS:
        parts.append(f"## {kind.title()}")
        parts += [_case(case) for case in cases if case.path.parent.name == kind]
    return "\n\n".join(parts) + "\n"


def _case(case: Case) -> str:
    options = f" Settings: `{json.dumps(case.options)}`." if case.options else ""
    lines = [f"### {case.sentence[0].upper()}{case.sentence[1:]}", "", f"{case.why}{options}", "", _code(case.event)]
    if case.expected[MAPPINGS[0]] == case.expected[MAPPINGS[1]]:
        return "\n".join([*lines, "", "Both mappings:", "", _code(case.expected[MAPPINGS[0]])])
    for name in MAPPINGS:
        lines += ["", f"`{name}`:", "", _code(case.expected[name])]
    return "\n".join(lines)


def _code(value: object) -> str:
    if isinstance(value, dict) and "unmappable" in value:
        return f"> not sent: {value['unmappable']}"
    if isinstance(value, dict) and "calls" in value:
        calls = [
            f"{c['method']} {c['path']}\n{json.dumps(c['body'], indent=2, ensure_ascii=False)}" for c in value["calls"]
        ]
        return "```http\n" + "\n\n".join(calls) + "\n```"
    return "```json\n" + json.dumps(value, indent=2, ensure_ascii=False) + "\n```"
