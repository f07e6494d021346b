"""No text of ours tells anybody to install a name from an index before that name is ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from manifests import ROOT
from ruamel.yaml import YAML

from repro_audit.audit import all_rules
from repro_audit.errors import how_to_install, missing_extra
from repro_audit.installing import RELEASED, install_command

PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("apps/*/*.md"),
    *ROOT.glob("benchmarks/*.md"),
    *ROOT.glob("examples/*"),
    ROOT / "action.yml",
]
"""What is read by somebody who is to install us."""

SOURCES = [*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("schemas/src/**/*.py")]

BY_NAME = re.compile(
    r"(?:\b(?:install|add|download)\b[^\n#]*?|\b(?:uvx|pipx run)\s+(?:-\S+\s+)*)"
    r"""(?<=[\s"'=:])(?:repro-audit|repro-audit-schemas|repro_audit)(?=[\s"'`\[=<>~]|$)""",
    re.MULTILINE,
)
"""A name of ours, not a folder of that name, behind what installs it."""


def told(text: str) -> list[str]:
    """Return what in a text tells somebody to install us by name."""
    return [found[0] for found in BY_NAME.finditer(text)]


def messages(path: Path) -> Iterator[str]:
    """Yield the texts in a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documented:
            yield node.value


@pytest.mark.skipif(RELEASED, reason="the names are ours")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_tells_anybody_to_install_us_by_name(path: Path) -> None:
    """What is there in place of it is the command for a checkout."""
    if path.is_file():
        assert told(path.read_bytes().decode(errors="replace")) == []


@pytest.mark.skipif(RELEASED, reason="the names are ours")
def test_the_action_installs_its_own_checkout() -> None:
    """By default; what installed us by name would be seen."""
    action = YAML(typ="safe", pure=True).load((ROOT / "action.yml").read_text(encoding="utf-8"))
    default = action["inputs"]["install"]["default"]
    assert told(f"pip install {default}") == []
    folders = [re.sub(r"\[.*\]$", "", word) for word in default.split()]
    assert [name for name in folders if not name.startswith("{action}/")] == []
    projects = [ROOT / name.removeprefix("{action}/") / "pyproject.toml" for name in folders]
    assert all(path.is_file() for path in projects)
    assert told("pip install repro-audit[keras]") != []


@pytest.mark.skipif(RELEASED, reason="the names are ours")
def test_no_message_tells_anybody_to_install_us_by_name() -> None:
    """Neither as it stands in the code nor as it is put together."""
    texts = [text for path in SOURCES for text in messages(path)]
    texts += [rule.remedy for rule in all_rules()]
    texts += [str(missing_extra("A PDF")), how_to_install("keras")]
    assert len(texts) > 1000
    assert [found for text in texts for found in told(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        'pip install "repro-audit[paper]"',
        "$ pip install repro-audit",
        "python -I -m pip install --upgrade repro-audit",
        "uv add repro-audit==0.1.0",
        "uv tool install 'repro-audit[keras]'",
        "pip install ./schemas repro-audit-schemas",
        "pipx run repro-audit manifest.json",
        "uvx repro-audit manifest.json",
        install_command("paper", released=True),
        how_to_install("paper", released=True),
    ],
)
def test_a_text_that_tells_it_would_be_seen(text: str) -> None:
    """In each of the ways in which it can be told."""
    assert told(f"Before.\n{text}\nAfter.") != []


@pytest.mark.parametrize(
    "text",
    [
        install_command("keras,paper", released=False),
        "$ repro-audit examples/threads-2.json",
        "pip install -e packages/repro-audit",
        "HTML needs repro-audit[paper]. Install it as the page says.",
        "pip install nox\n\nrepro-audit manifest.json",
    ],
)
def test_a_text_that_does_not_tell_it_is_none(text: str) -> None:
    """A folder of a checkout, or our own command, is no name on an index."""
    assert told(text) == []


def test_every_page_that_installs_us_has_the_command_that_the_constant_decides() -> None:
    """So whoever sets it finds all of them."""
    shown = {
        (path.name, line.removeprefix("$ ").partition(" #")[0])
        for path in PAGES
        if path.suffix == ".md"
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("$ pip install") and "repro-audit" in line
    }
    assert {name for name, _ in shown} >= {"README.md", "attach.md", "first-steps.md"}
    extras = ("", "keras", "paper", "keras,paper", "keras,notebook,paper")
    commands = {install_command(extra) for extra in extras}
    assert {command for _, command in shown} <= commands
    assert not commands & {install_command(extra, released=not RELEASED) for extra in extras}
