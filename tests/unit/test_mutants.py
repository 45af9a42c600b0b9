"""The changes that `make mutants` makes to code: that they are the ones that matter, and that they take effect."""

import ast
import sys
import textwrap
import types

import pytest

from mutation.graft import graft
from mutation.mutants import mutants_of

SOURCE = textwrap.dedent(
    '''
    """A module."""
    import dataclasses

    LIMIT, KNOWN = 3, frozenset({"a"})

    @dataclasses.dataclass(slots=True, kw_only=True)
    class Box:
        """A box."""

        size: int = 5

        @property
        def is_full(self) -> bool:
            return self.size >= LIMIT

        @classmethod
        def of(cls, size: int) -> "Box":
            return cls(size=size)

    def first(values: list[int], wanted: int = 7) -> int:
        """Return it."""
        assert values
        for value in values:
            if value == wanted and value > 0:
                return min(value, 9)
        raise ValueError("there is none")
    '''
)


def texts(source: str) -> list[str]:
    return [mutant.text for mutant in mutants_of(ast.parse(source))]


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("a < b", ["a < b → a <= b", "a < b → a >= b"]),
        ("a and b", ["a and b → a or b", "a and b → b", "a and b → a"]),
        ("not a", ["not a → a"]),
        ("a + b", ["a + b → a - b"]),
        ("a in b", ["a in b → a not in b"]),
        ("max(a, b)", ["max(a, b) → min(a, b)", "max(a, b) → a", "max(a, b) → b"]),
        ("f(3, 'x', True)", ["3 → 4", "'x' → 'x~'", "True → False"]),
        ("f('a sentence for people')", []),
    ],
)
def test_of_an_expression_every_part_that_decides_is_changed(code, changes):
    assert texts(f"x = {code}") == changes


def test_statements_are_left_out_and_answers_not_given():
    found = texts("def f(a):\n    a.begin()\n    if a:\n        raise a\n    return a")

    assert found == ["a.begin() → nothing", "a → not a", "raise a → nothing", "return a → return None"]


def test_types_assertions_docstrings_and_decorators_are_left_alone():
    source = '@cache(3)\ndef f(a: "int" = 0) -> "str":\n    """It."""\n    assert a > 5\nKind = int | str'

    assert texts(source) == ["0 → 1"]


def test_changes_that_read_alike_are_told_apart():
    assert texts("x = [1, 1]") == ["1 → 2", "1 → 2 (number 2)"]


def test_a_change_knows_the_lines_whose_tests_may_notice_and_whether_it_shows_at_the_import():
    found = {mutant.text: mutant for mutant in mutants_of(ast.parse(SOURCE))}

    assert found["value > 0 → value >= 0"].where == "first"
    assert list(found["value > 0 → value >= 0"].lines) == [SOURCE[: SOURCE.index("if value")].count("\n") + 1]
    assert [found[text].is_run for text in ("value > 0 → value >= 0", "7 → 8", "3 → 4")] == [True, False, False]


@pytest.mark.parametrize(
    ("change", "look", "before", "after"),
    [
        ("value == wanted → value != wanted", lambda m, _: m.first([1, 7]), 7, 1),
        ("7 → 8", lambda m, _: m.first([7, 8]), 7, 8),
        ("self.size >= LIMIT → self.size > LIMIT", lambda m, box: type(box)(size=3).is_full, True, False),
        ("5 → 6", lambda m, box: type(box)().size, 5, 6),
        ("3 → 4", lambda m, box: type(box)(size=3).is_full, True, False),
        ("return cls(size=size) → return None", lambda m, box: type(box).of(1) is None, False, True),
        ("'a' → 'a~'", lambda m, _: m.KNOWN, {"a"}, {"a~"}),
    ],
)
def test_a_change_takes_effect_also_for_those_who_had_imported_what_it_changes(
    monkeypatch, change, look, before, after
):
    module = types.ModuleType("planted")
    module.__file__ = "planted.py"
    monkeypatch.setitem(sys.modules, "planted", module)
    exec(compile(SOURCE, module.__file__, "exec"), vars(module))
    box = module.Box()
    assert look(module, box) == before

    tree = ast.parse(SOURCE)
    next(mutant for mutant in mutants_of(tree) if mutant.text == change).apply()
    graft(module, tree)

    assert look(module, box) == after
