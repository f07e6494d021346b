"""What a mutant is: one small change of a module, of which a test should notice.

Changed are operators, conditions, numbers, words that the code compares, and what a function gives
back. Left alone are annotations, and prose: text with a space in it is for readers, and golden
reports hold that.
"""

from __future__ import annotations

import ast
import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Module", "Mutant"]

OPERATORS = {
    ast.Eq: (ast.NotEq, "== → !="),
    ast.NotEq: (ast.Eq, "!= → =="),
    ast.Lt: (ast.LtE, "< → <="),
    ast.LtE: (ast.Lt, "<= → <"),
    ast.Gt: (ast.GtE, "> → >="),
    ast.GtE: (ast.Gt, ">= → >"),
    ast.Is: (ast.IsNot, "is → is not"),
    ast.IsNot: (ast.Is, "is not → is"),
    ast.In: (ast.NotIn, "in → not in"),
    ast.NotIn: (ast.In, "not in → in"),
    ast.And: (ast.Or, "and → or"),
    ast.Or: (ast.And, "or → and"),
    ast.Add: (ast.Sub, "+ → -"),
    ast.Sub: (ast.Add, "- → +"),
    ast.Mult: (ast.Div, "* → /"),
    ast.Div: (ast.Mult, "/ → *"),
    ast.FloorDiv: (ast.Mult, "// → *"),
    ast.Mod: (ast.Mult, "% → *"),
    ast.Pow: (ast.Mult, "** → *"),
    ast.BitOr: (ast.BitAnd, "| → &"),
    ast.BitAnd: (ast.BitOr, "& → |"),
    ast.USub: (ast.UAdd, "-x → +x"),
}
"""By operator: the one in its place, and how the change is written."""

NAMES = {"all": "any", "any": "all", "max": "min", "min": "max"}
"""By built-in function: the one that is called in its place."""

UNCHANGED = {
    ast.AnnAssign: {"annotation"},
    ast.FunctionDef: {"returns"},
    ast.arg: {"annotation"},
    ast.FormattedValue: {"format_spec"},
}
"""Fields that say what something is, or how it is printed."""


class Mutant(NamedTuple):
    """One change of a module.

    Attributes:
        module: Name of the module.
        function: The function, class or constant it is in, and the entry where that is a table.
        line: The line as it was, which names the place whatever is edited above it.
        change: What was changed; with a number from the second equal change of that line on.
        lines: First and last line of the statement, or of its head.
        within: The outermost function that has it in its body; None where it is run on import.
        parent: The node one field of which changes.
        field: That field.
        index: Position in the field, where it is a list.
        new: What stands there then.
    """

    module: str
    function: str
    line: str
    change: str
    lines: tuple[int, int]
    within: str | None
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST

    @property
    def old(self) -> ast.AST:
        """What stands there in the module as it is."""
        value = getattr(self.parent, self.field)
        return value if self.index is None else value[self.index]

    def apply(self) -> None:
        """Change the tree that the mutant was made of."""
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new


class Module:
    """A module that is mutated.

    Args:
        name: Its dotted name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = str(importlib.util.find_spec(name).origin)
        source = Path(self.path).read_text(encoding="utf-8")
        self.tree = ast.parse(source)
        self._source = source.splitlines()

    def code(self):
        """Return the code of the module, with what was applied."""
        tree = ast.fix_missing_locations(self.tree)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def mutants(self) -> list[Mutant]:
        """Return every mutant, in the order of the source."""
        found, seen = [], Counter()
        for mutant in self._below(self.tree, _Place()):
            key = mutant[:4]
            seen[key] += 1
            number = f" ({seen[key]})" if seen[key] > 1 else ""
            found.append(mutant._replace(change=mutant.change + number))
        return found

    def failing(self, within: str | None) -> Mutant:
        """Return a change of which every test must notice: a function, or the import, fails."""
        parent = self.tree
        for name in within.split(".") if within else ():
            named = (item for item in parent.body if getattr(item, "name", "") == name)
            parent = next(named)
        new = ast.copy_location(ast.parse("raise AssertionError").body[0], parent.body[-1])
        return Mutant(
            module=self.name,
            function=within or "",
            line="",
            change="a failure",
            lines=(parent.body[0].lineno, parent.body[-1].end_lineno),
            within=within,
            parent=parent,
            field="body",
            index=0 if within else -1,
            new=new,
        )

    def _below(self, parent: ast.AST, place: _Place) -> Iterator[Mutant]:
        """Yield the mutants of everything below a node."""
        for field, value in ast.iter_fields(parent):
            if field in UNCHANGED.get(type(parent), ()):
                continue
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(node, ast.AST) or _is_left_alone(node):
                    continue
                here = place.at(node, parent, field)
                # The parts of an f-string have no line of their own before Python 3.12.
                for change, new in _changes(node, parent, field):
                    yield Mutant(
                        module=self.name,
                        function=".".join(here.scope),
                        line=self._source[here.line - 1].strip(),
                        change=change,
                        lines=here.lines,
                        within=here.within,
                        parent=parent,
                        field=field,
                        index=index,
                        new=ast.copy_location(new, node),
                    )
                yield from self._below(node, here)


class _Place(NamedTuple):
    """Where in a module a node is."""

    scope: tuple[str, ...] = ()
    within: str | None = None
    line: int = 1
    lines: tuple[int, int] = (1, 1)
    in_text: bool = False

    def at(self, node: ast.AST, parent: ast.AST, field: str) -> _Place:
        """Return the place of a node that is in some field of a parent at this place."""
        place = self._replace(scope=(*self.scope, *self._names(parent, field)))
        if isinstance(parent, ast.FunctionDef) and field == "body" and self.within is None:
            place = place._replace(within=".".join(place.scope))
        if isinstance(node, ast.stmt):
            place = place._replace(lines=_head(node))
        if hasattr(node, "lineno") and not self.in_text:
            place = place._replace(line=node.lineno, in_text=isinstance(node, ast.JoinedStr))
        return place

    def _names(self, parent: ast.AST, field: str) -> Iterator[str]:
        """Yield what a node of this parent adds to the scope."""
        match parent:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) if not self.scope:
                yield name
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if self.within is None:
                yield name


def _head(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, without the statements in it."""
    inner = getattr(node, "body", None)
    last = inner[0].lineno - 1 if isinstance(inner, list) and inner else node.end_lineno
    return node.lineno, max(node.lineno, last or node.lineno)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Name(id="TypeVar")):
            return True
        case ast.Subscript(value=ast.Name(id="Literal")):  # a type, which mypy checks
            return True
    return False


def _changes(node: ast.AST, parent: ast.AST, field: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may stand in the place of a node, and how the change is written."""
    if type(node) in OPERATORS:
        new, change = OPERATORS[type(node)]
        yield change, new()
    if field in {"test", "ifs"} and not isinstance(node, ast.Compare | ast.UnaryOp):
        yield "if → if not", ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.stmt):
        yield from _of_statement(node)
    elif isinstance(node, ast.expr) and not isinstance(parent, ast.JoinedStr):
        yield from _of_expression(node)


def _of_statement(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield "return x → return None", ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            yield "yield x → nothing", ast.If(ast.Constant(value=False), [node], [])
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
            yield "statement → nothing", ast.Pass()
        case ast.Continue():
            yield "continue → break", ast.Break()
        case ast.Break():
            yield "break → continue", ast.Continue()


def _of_expression(node: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            yield "not x → x", node.operand
        case ast.Constant():
            yield from _constants(node.value)
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            called = ast.Name(NAMES[name], ast.Load())
            yield f"{name} → {NAMES[name]}", ast.Call(called, node.args, node.keywords)


def _constants(value: object) -> Iterator[tuple[str, ast.AST]]:
    match value:
        case bool():
            others = (not value,)
        case int():
            others = (value + 1,)
        case float():
            others = (value * 10, value / 100) if value else (1.0,)
        case str() if not any(map(str.isspace, value)):
            others = (value + "_",)
        case _:
            others = ()
    for other in others:
        yield f"{value!r} → {other!r}", ast.Constant(other)
