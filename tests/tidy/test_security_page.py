"""Every sentence of docs/security.md that names a test names one that exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_sentence_has_a_test_that_exists():
    named = re.findall(r"\(\.\./(tests/[\w/]+\.py)(?:#(\w+))?\)", PAGE)

    assert len(named) > 30
    for file, test in named:
        assert (ROOT / file).exists(), file
        assert not test or test in names_in(ROOT / file), f"{file}: {test}"


def test_files_named_in_passing_exist_too():
    for file in re.findall(r"(?<![\w/])(tests/[\w/]+\.py)", PAGE):
        assert (ROOT / file).exists(), file
