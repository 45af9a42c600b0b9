"""What texts call things: people, events and users by these words, and a destination by its own."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "penstock"

# Each stands for a person, a user, an event, a process or a call, and which of them the reader has to find out.
VAGUE = re.compile(r"\b(somebody|nobody|whoever|whom|whomever)\b", re.IGNORECASE)
VAGUE_LINES_MAX = 60


def test_a_text_says_whether_a_person_an_event_or_a_process_is_meant() -> None:
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html"), *SOURCE.rglob("*.sql"), *(ROOT / "docs").rglob("*.md")]
    vague = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if VAGUE.search(line)
    ]
    assert len(vague) <= VAGUE_LINES_MAX, "\n".join(vague)


#: Parts whose texts are about any destination.
OF_ANY = ("accept", "admin", "buffer", "cli", "deliver", "inspect", "ledger", "run", "settings")
#: Where Custify is meant: its form, its mapping and its sandbox; how its people are found; the product in one sentence.
OF_CUSTIFY = frozenset({
    "admin/pages/radar.py",
    "admin/templates/destinations.html",
    "admin/templates/mapping.html",
    "cli/__init__.py",
    "cli/convert.py",
    "cli/demo.py",
    "cli/probe.py",
    "cli/sandbox.py",
    "deliver/decide.py",
    "ledger/guard.py",
    "ledger/policies.py",
    "settings/table.py",
})  # fmt: skip


def texts(file: Path) -> str:
    """Return what a file says to people: a template whole, of a module its texts that are no docstrings."""
    if file.suffix == ".html":
        return file.read_text()
    tree = ast.parse(file.read_text())
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, holders) and node.body
                  and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    # A command's docstring is its help.
    is_said = file.parent.name == "cli"
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (is_said or id(node) not in docstrings)
    )


@pytest.mark.parametrize("part", OF_ANY)
def test_where_any_destination_is_meant_it_is_not_called_custify(part: str) -> None:
    files = [file for file in (SOURCE / part).rglob("*") if file.suffix in {".py", ".html"}]
    named = {str(file.relative_to(SOURCE)) for file in files if "Custify" in texts(file)}
    assert named - OF_CUSTIFY == set(), (
        "a webhook is a destination too: see `who`, `title` and `credential` of its kind"
    )
    assert {name for name in OF_CUSTIFY if name.startswith(f"{part}/")} - named == set(), "it says it no more"


def test_what_holds_a_webhook_is_no_api_key() -> None:
    causes = list((ROOT / "docs" / "causes").glob("webhook.*.md"))
    assert causes
    assert not [file.name for file in causes if re.search(r"API key|Custify", file.read_text())]
