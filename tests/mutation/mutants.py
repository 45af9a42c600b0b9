"""What could be written otherwise in a piece of code: one small change each. Pure.

Left alone, because no decision hangs on it: annotations, decorators, docstrings, assertions, and sentences for people
(a text with a space in it); whoever needs those to be exact tests their words.
"""

import ast
import dataclasses
from collections.abc import Iterator

_COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALCULATED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Div,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "startswith": "endswith", "endswith": "startswith"}
_DELETED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change. `apply` makes it, in the tree that it was found in."""

    #: The function or class it is in, as in `Pace.wait_s`; empty in the module itself.
    where: str
    #: What stands there, and what would.
    text: str
    #: The lines of the statement, without what is nested in it: who runs none of them cannot tell.
    lines: range
    #: Whether it shows when a function runs, not when the module is imported.
    is_run: bool
    holder: ast.AST
    field: str
    index: int | None
    new: ast.AST

    def apply(self) -> None:
        """Make the change."""
        if self.index is None:
            setattr(self.holder, self.field, self.new)
        else:
            getattr(self.holder, self.field)[self.index] = self.new


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    where: str = ""
    lines: range = range(0)
    is_run: bool = False


def mutants_of(tree: ast.Module) -> list[Mutant]:
    """Return all small changes of a module, in the order of its lines; those that read alike are numbered."""
    found, seen = list[Mutant](), dict[tuple[str, str], int]()
    for mutant in _within(tree, _Place()):
        key = (mutant.where, mutant.text)
        seen[key] = seen.get(key, 0) + 1
        again = f" (number {seen[key]})" if seen[key] > 1 else ""
        found.append(dataclasses.replace(mutant, text=mutant.text + again))
    return found


def _within(node: ast.AST, place: _Place) -> Iterator[Mutant]:
    for field, index, child in _children(node):
        at = _place_of(
            child, place, is_body=field == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        for new in _otherwise(child, node, is_run=at.is_run):
            text = f"{_text(child)} → {_text(new)}"
            ast.fix_missing_locations(ast.copy_location(new, child) if hasattr(child, "lineno") else new)
            yield Mutant(
                where=at.where,
                text=text,
                lines=at.lines,
                is_run=at.is_run,
                holder=node,
                field=field,
                index=index,
                new=new,
            )
        yield from _within(child, at)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    if isinstance(node, ast.Assert) or _is_type_check(node) or (isinstance(node, ast.Assign) and _is_type(node.value)):
        return
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "bases", "keywords"} and not isinstance(node, ast.Call):
            continue
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            yield from ((field, at, child) for at, child in enumerate(value) if isinstance(child, ast.AST))


def _is_type_check(node: ast.AST) -> bool:
    return isinstance(node, ast.match_case) and "assert_never" in ast.unparse(node.body[0])


def _is_type(value: ast.AST) -> bool:
    """Return whether a value is a union or a generic: types decide nothing at run time."""
    return isinstance(value, ast.Subscript) or (isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr))


def _place_of(node: ast.AST, place: _Place, *, is_body: bool) -> _Place:
    is_run = place.is_run or is_body
    if isinstance(node, _SCOPES):
        name = f"{place.where}.{node.name}" if place.where else node.name
        return _Place(where=name, lines=range(node.lineno, node.lineno + 1), is_run=is_run)
    if isinstance(node, ast.match_case):
        return dataclasses.replace(place, lines=range(node.pattern.lineno, node.body[0].lineno))
    if isinstance(node, ast.stmt):
        return dataclasses.replace(place, lines=range(node.lineno, _end_of_head(node)), is_run=is_run)
    return place


def _end_of_head(node: ast.stmt) -> int:
    """Return the line after a statement's own: where what is nested in it begins."""
    if isinstance(node, ast.Match):
        return node.cases[0].pattern.lineno
    nested = getattr(node, "body", None)
    return max(node.lineno + 1, nested[0].lineno) if nested else (node.end_lineno or node.lineno) + 1


def _otherwise(node: ast.AST, holder: ast.AST, *, is_run: bool) -> Iterator[ast.AST]:
    """Return what could stand in the place of a node."""
    yield from _other_operators(node)
    yield from _other_values(node, holder)
    yield from _other_statements(node, is_run=is_run)
    if _decides(node, holder) and not isinstance(node, ast.Compare | ast.UnaryOp | ast.BoolOp | ast.Constant):
        yield ast.UnaryOp(ast.Not(), node)


def _other_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in _COMPARED[type(op)]:
                    yield ast.Compare(node.left, [*ops[:at], other(), *ops[at + 1 :]], node.comparators)
        case ast.BinOp(op=op) if type(op) in _CALCULATED:
            yield ast.BinOp(node.left, _CALCULATED[type(op)](), node.right)
        case ast.AugAssign(op=op) if type(op) in _CALCULATED:
            yield ast.AugAssign(node.target, _CALCULATED[type(op)](), node.value)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            for left_out in range(len(node.values)):
                rest = node.values[:left_out] + node.values[left_out + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand


def _other_values(node: ast.AST, holder: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if " " not in value and not isinstance(holder, ast.Expr):
            yield ast.Constant(value + "~")
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield ast.Call(ast.Name(_NAMES[name], ast.Load()), node.args, node.keywords)
            if len(node.args) > 1:
                yield from node.args
        case ast.Attribute(attr=name) if name in _NAMES:
            yield ast.Attribute(node.value, _NAMES[name], node.ctx)
        case ast.comprehension(ifs=[_, *_]):
            yield ast.comprehension(node.target, node.iter, [], node.is_async)


def _other_statements(node: ast.AST, *, is_run: bool) -> Iterator[ast.AST]:
    match node:
        case ast.match_case() if not _is_type_check(node):
            yield ast.match_case(node.pattern, ast.Constant(value=False), node.body)
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.AnnAssign(value=ast.expr(), simple=0) if is_run:
            yield ast.Pass()
        case ast.stmt() if is_run and isinstance(node, _DELETED) and not _is_docstring(node):
            yield ast.Pass()


def _decides(node: ast.AST, holder: ast.AST) -> bool:
    return (
        (isinstance(holder, ast.If | ast.While | ast.IfExp) and node is holder.test)
        or (isinstance(holder, ast.match_case) and node is holder.guard)
        or (isinstance(holder, ast.comprehension) and node in holder.ifs)
    )


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _text(node: ast.AST) -> str:
    match node:
        case ast.match_case():
            guard = f" if {ast.unparse(node.guard)}" if node.guard else ""
            return f"case {ast.unparse(node.pattern)}{guard}"
        case ast.Pass():
            return "nothing"
        case _:
            return " ".join(ast.unparse(node).split())
