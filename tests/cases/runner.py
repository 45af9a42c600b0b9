"""Golden cases: one small JSON file each, named like a sentence. What an event becomes, in both mappings, and why."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec

from penstock.cli.convert import as_json
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.envelope import Envelope, filled

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
    #: What stood beside the event in its batch, and holds for all calls of it.
    batch: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return self.path.stem.replace("_", " ")

    def call(self, mapping: str) -> Any:
        """Return the event as a mapping reads it: RudderStack's does not look beside it."""
        if not self.batch or mapping != "custify/1":
            return self.event
        # As accept reads it: what calls do not share is not kept.
        kept = msgspec.json.decode(json.dumps(self.batch), type=Envelope)
        return filled(self.event, msgspec.json.decode(msgspec.json.encode(kept)))

    def actual(self, mapping: str) -> dict[str, Any]:
        meaning = convert(self.call(mapping), Mapping(name=mapping, **self.options))  # type: ignore[arg-type]
        return json.loads(json.dumps(as_json(meaning)))


def read_cases() -> list[Case]:
    """Return all cases, sorted by kind and sentence."""
    cases = []
    for path in sorted(HERE.glob("*/*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        expected = {name: facts.get(name) for name in MAPPINGS}
        cases.append(
            Case(path, facts["why"], facts["event"], facts.get("options", {}), expected, facts.get("batch", {}))
        )
    return cases


def write_case(case: Case, expected: dict[str, Any]) -> None:
    """Write a case file with these expectations."""
    facts: dict[str, Any] = {"why": case.why, "event": case.event}
    facts |= {"batch": case.batch} if case.batch else {}
    facts |= {"options": case.options} if case.options else {}
    facts |= expected
    case.path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
