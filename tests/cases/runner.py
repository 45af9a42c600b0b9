"""Golden cases: one small JSON file each, named like a sentence. What an event becomes, in both mappings, and why."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from penstock.cli.convert import as_json
from penstock.convert import convert
from penstock.convert.plan import Mapping

HERE = Path(__file__).parent
MAPPINGS = ("custify/1", "rudderstack")


@dataclasses.dataclass(frozen=True)
class Case:
    """One event, and what each mapping is expected to make of it."""

    path: Path
    why: str
    event: Any
    options: dict[str, Any]
    expected: dict[str, Any]

    @property
    def sentence(self) -> str:
        return self.path.stem.replace("_", " ")

    def actual(self, mapping: str) -> dict[str, Any]:
        meaning = convert(self.event, Mapping(name=mapping, **self.options))  # type: ignore[arg-type]
        return json.loads(json.dumps(as_json(meaning)))


def read_cases() -> list[Case]:
    """Return all cases, sorted by kind and sentence."""
    cases = []
    for path in sorted(HERE.glob("*/*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        expected = {name: facts.get(name) for name in MAPPINGS}
        cases.append(Case(path, facts["why"], facts["event"], facts.get("options", {}), expected))
    return cases


def write_case(case: Case, expected: dict[str, Any]) -> None:
    """Write a case file with these expectations."""
    facts: dict[str, Any] = {"why": case.why, "event": case.event}
    facts |= {"options": case.options} if case.options else {}
    facts |= expected
    case.path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
