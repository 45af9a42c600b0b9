"""What a run found, for people and for programs. Pure."""

from collections.abc import Mapping
from typing import Protocol

from penstock.destinations.custify.probe.names import ATTRIBUTES
from penstock.destinations.custify.probe.run import QUESTIONS, Examination, Told


class Assumed(Protocol):
    """What is assumed of one question; see sandbox/assumptions.py."""

    @property
    def asked(self) -> str:
        """Return the question."""

    @property
    def answers(self) -> Mapping[str, str]:
        """Return the sentence of each answer's code."""

    @property
    def assumed(self) -> str:
        """Return the code that is assumed."""

    @property
    def relies(self) -> str:
        """Return what builds on it."""


def otherwise(findings: Examination, assumptions: Mapping[str, Assumed]) -> list[str]:
    """Return the questions that Custify answers otherwise than is assumed."""
    return [n for n, found in findings.found.items() if found.answer and found.answer != assumptions[n].assumed]


def report(findings: Examination, assumptions: Mapping[str, Assumed], *, origin: str, when: str) -> str:
    """Return the report as Markdown."""
    differing = otherwise(findings, assumptions)
    as_assumed = [name for name, found in findings.found.items() if found.answer and name not in differing]
    open_ = [name for name in QUESTIONS if not findings.found.get(name, Told()).answer]
    lines = [f"# What Custify does: {origin}, {when}", "", *_summary(findings, differing, as_assumed, open_)]
    if differing:
        lines += ["", "## Otherwise than the sandbox and our mapping assume", ""]
        lines += [line for name in differing for line in _differing(findings.found[name], assumptions[name], name)]
    if as_assumed:
        lines += ["", "## As assumed", "", "| question | answer |", "|---|---|"]
        lines += [
            f"| {assumptions[n].asked} (`{n}`) | {_answer(findings.found[n], assumptions[n])} |" for n in as_assumed
        ]
    if open_:
        lines += ["", "## Not found out", ""]
        lines += [f"- {assumptions[n].asked} (`{n}`): {_why(findings, n)}" for n in open_]
    return "\n".join([*lines, "", *_limits(findings), "", *_left(findings)]) + "\n"


def as_json(findings: Examination, assumptions: Mapping[str, Assumed], *, origin: str, when: str) -> dict[str, object]:
    """Return the report as facts."""
    answers = [
        {
            "question": name,
            "asked": assumptions[name].asked,
            "answer": findings.found.get(name, Told()).answer or None,
            "assumed": assumptions[name].assumed,
            "why_not": "" if findings.found.get(name, Told()).answer else _why(findings, name),
            "relies": assumptions[name].relies,
            "calls": findings.found.get(name, Told()).said,
        }
        for name in QUESTIONS
    ]
    return {
        "origin": origin,
        "at": when,
        "run": findings.names.run,
        "stopped": findings.stopped,
        "answers": answers,
        "calls": findings.calls,
        "throttled": findings.throttled,
        "limit_headers": findings.limits,
        "event_seen_after_s": findings.seen_after_s,
        "identifier_repeated_after_s": findings.repeated_after_s,
        "left": findings.left,
    }


def _summary(findings: Examination, differing: list[str], as_assumed: list[str], open_: list[str]) -> list[str]:
    counts = (
        f"{len(differing)} answers are otherwise than assumed, {len(as_assumed)} as assumed, {len(open_)} not found out"
    )
    lines = [f"{counts}. Run {findings.names.run}, {findings.calls} calls."]
    return [*lines, "", f"**It ended early: {findings.stopped}.**"] if findings.stopped else lines


def _differing(found: Told, assumed: Assumed, name: str) -> list[str]:
    lines = [f"### {assumed.asked} (`{name}`)", "", f"- Custify: {_answer(found, assumed)}."]
    lines += [f"- Assumed: {assumed.answers[assumed.assumed]}.", f"- What builds on it: {assumed.relies}", ""]
    return [*lines, "```", *found.said, "```", ""]


def _answer(found: Told, assumed: Assumed) -> str:
    return assumed.answers.get(found.answer, found.answer)


def _why(findings: Examination, name: str) -> str:
    found = findings.found.get(name)
    return found.why if found and found.why else f"not asked: {findings.stopped or 'the run ended'}"


def _limits(findings: Examination) -> list[str]:
    said = ", ".join(f"`{name}: {value}`" for name, value in sorted(findings.limits.items())) or "none"
    lines = ["## Limits", "", f"- Headers that speak of limits: {said}. 429: {findings.throttled} times."]
    if findings.seen_after_s is not None:
        lines.append(f"- An event was seen in /company/usage after {findings.seen_after_s:.0f} s.")
    if findings.repeated_after_s:
        lines.append(
            f"- An identifier was used again after {findings.repeated_after_s:.0f} s; what is after that is not known."
        )
    return lines


def _left(findings: Examination) -> list[str]:
    names = ", ".join(f"`{name}`" for name in ATTRIBUTES)
    lines = ["## Left behind", ""]
    if findings.left:
        lines += [f"- {sentence}" for sentence in findings.left]
        lines.append(f"- `penstock probe --clean-up {findings.names.run}` tries again.")
    else:
        lines.append("- No person and no company.")
    return [*lines, f"- The custom attributes {names}: the API removes none; Custify's settings do."]
