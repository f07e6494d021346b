"""No module needs itself, by whatever way: what is imported within functions counts as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import repro_audit

SOURCE = Path(repro_audit.__file__).parent


def modules(folder: Path, package: str) -> dict[str, str]:
    """Return the text of each module by its name."""
    found = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join((package, *parts)).removesuffix(".__init__")
        found[name] = path.read_text(encoding="utf-8")
    return found


def imports(text: str, known: dict[str, str]) -> set[str]:
    """Return the modules that a text imports, types apart."""

    def within(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for other in child.orelse:
                    yield from within(other)
            elif isinstance(child, ast.Import):
                yield from (item.name for item in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module is not None:
                for item in child.names:
                    full = f"{child.module}.{item.name}"
                    yield full if full in known else child.module
            else:
                yield from within(child)

    return {name for name in within(ast.parse(text)) if name in known}


def check_acyclic(known: dict[str, str]) -> None:
    """Raise where a module needs itself."""
    graph = {name: imports(text, known) - {name} for name, text in known.items()}
    TopologicalSorter(graph).prepare()


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Of the whole package; what is imported for types alone does not count."""
    known = modules(SOURCE, "repro_audit")
    assert len(known) > 150
    check_acyclic(known)


def test_a_cycle_through_a_function_would_be_found() -> None:
    """The negative: as would one at the top, but not one of types."""
    within = {"a": "def f():\n    from b import g", "b": "import a"}
    for known in (within, {"a": "import b", "b": "from a import x"}):
        with pytest.raises(CycleError):
            check_acyclic(known)
    check_acyclic({"a": "if TYPE_CHECKING:\n    import b", "b": "import a"})
