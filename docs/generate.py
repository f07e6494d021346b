"""Write the pages that follow from the code: all rules, the fields of each file, each command.

The picture of the architecture follows from `architecture.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from drawing import draw

from repro_audit.audit import Rule, all_rules
from repro_audit.cli.entry import group
from repro_audit.report.places import language_of
from repro_audit_schemas import NAMES, schema

__all__ = ["command_page", "fields", "help_text", "rules_page", "schema_page", "write_pages"]

FAMILIES = {
    "RA1": "seeding",
    "RA2": "determinism",
    "RA3": "data",
    "RA4": "environment and code",
    "RA5": "evidence",
    "RA6": "contradictions inside a valid manifest, or between it and its trace",
}
SEVERITIES = {
    "error": "The run is `uncontrolled`, and the exit code 1; where the evidence contradicts "
    "itself (RA6xx), `inconclusive` and 2.",
    "warning": "The verdict stands; with `--strict` the exit code is 1.",
    "info": "Good to know.",
}

INTRODUCTIONS = {
    "rules": """\
A rule looks for one thing in one manifest. `repro-audit FILE` shows what the rules find in it;
`repro-audit explain RA201` prints what stands here on one of them.""",
    "commands": """\
What each command prints with `--help`. The first word that is no option is the command; where it is
none, the words are files to audit. Results go to standard output, messages and progress to standard
error.""",
    "schema": """\
`[*]` stands for each element of an array, `.*` for each value of an object whose names are free.
`repro-audit schema {name}` prints the schema that this page is made from.""",
    "manifest": """\
`repro-audit record` and `repro_audit.record` write one manifest a run, JSON in UTF-8. A header says
what the run is and what is missing. Then come three parts: outcomes must match, conditions explain
a mismatch, and information is never compared.

NaN, Infinity, -Infinity and -0.0 are written as those strings, integers from 2^53 on as hexadecimal
strings: every number survives bit for bit. The digest is the SHA-256 of the canonical JSON
(RFC 8785) of all else. It detects damage, not fabrication.

Every field below is in every manifest that this release writes. Manifests of earlier and of later
releases are read as well: [the format](../format.md) says how.""",
    "audit": """\
`repro-audit FILE… --format json` writes an audit, and `repro-audit repeat` leaves one as
`audit.json`. It holds all that the other formats show. Every field is in every file.""",
    "ensemble": """\
`repro-audit repeat --perturb 6 --spread 9 SCRIPT` leaves one as `ensemble.json`, and
`repro-audit baseline` keeps one: a run, and others that noise has moved from it.
[Is my difference noise?](../noise.md) says what for.""",
    "plan": """\
`repro-audit FILE… --format plan` writes the remedies of an audit as steps, for tools that edit
code: what to write, where, and the command that shows that it helped.""",
    "texts": """\
`repro-audit FILE --show-all --format json` writes every text in a manifest, grouped by what it
could tell of somebody.""",
    "checklist": """\
`repro-audit checklist --for NAME FILE --format json` writes a checklist as one manifest answers
it.""",
}

PICTURE = Path(__file__).with_name("architecture.txt")

# A part with more fields than this gets a section of its own; else it stands within its parent's.
_MANY = 5
_DEEPEST = 3
_COLUMNS = 80


def write_pages(folder: Path) -> None:
    """Write every page into a folder; one that is the same already is left alone.

    Args:
        folder: Where they go; made where missing.
    """
    pages = {"rules": rules_page(all_rules()), "cli": command_page()}
    # The last version of each file.
    pages |= {name.rpartition("-")[0]: schema_page(name) for name in sorted(NAMES)}
    folder.mkdir(exist_ok=True)
    files = {f"{name}.md": text for name, text in pages.items()}
    files["architecture.svg"] = draw(PICTURE.read_text(encoding="utf-8"))
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# Rules


def rules_page(rules: tuple[Rule, ...]) -> str:
    """Return the page of all rules, a section for each family."""
    parts = [
        "# Rules",
        INTRODUCTIONS["rules"],
        "| severity | what follows from a finding |\n|---|---|\n"
        + "\n".join(f"| {name} | {text} |" for name, text in SEVERITIES.items()),
    ]
    for family, members in groupby(rules, key=lambda rule: rule.code[:3]):
        parts.append(f"({family}xx)=\n## {family}xx: {FAMILIES[family]}")
        parts += map(_rule, members)
    return "\n\n".join(parts) + "\n"


def _rule(rule: Rule) -> str:
    return (
        f"({rule.code})=\n"
        f"### {rule.code}: {escaped(rule.title)}\n\n"
        f"**{rule.severity}.** {escaped(rule.why)}\n\n"
        f"{fenced(rule.remedy, _language(rule.remedy))}\n\n"
        f"Source: {escaped(rule.source)}"
    )


def _language(code: str) -> str:
    """Tell a line of a shell from one of Python."""
    return "shell" if language_of(code) == "shell" else "python"


# Schemas


def schema_page(name: str) -> str:
    """Return the page on a schema's fields, a section for each of its larger parts."""
    document = schema(name)
    parts = [
        f"# {name.rpartition('-')[0].capitalize()}",
        INTRODUCTIONS[name.rpartition("-")[0]],
        INTRODUCTIONS["schema"].format(name=name),
        *_sections(document, document, "$", 1),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(node: dict[str, Any], root: dict[str, Any], path: str, level: int) -> Iterator[str]:
    """Yield the fields of a part, first those that stand here, then its larger parts."""
    large = {}
    for child_path, child in _children(_resolved(node, root), root, path):
        inside = list(fields(child, root, child_path))
        if len(inside) > _MANY and level < _DEEPEST:
            large[child_path] = child
        else:
            yield from (_entry(*field, root) for field in inside)
    for child_path, child in large.items():
        yield f"{'#' * (level + 1)} {escaped(child_path.removeprefix('$.'))}"
        yield _entry(child_path, child, root)
        yield from _sections(child, root, child_path, level + 1)


def fields(
    node: dict[str, Any], root: dict[str, Any], path: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a part of a schema and all fields within, each with its JSONPath.

    Elements of an array and values of an object with free names are part of their container,
    unless they have fields of their own.

    Args:
        node: The part.
        root: The whole schema, which references point into.
        path: JSONPath of the part.
    """
    node = _resolved(node, root)
    yield path, node
    for child_path, child in _children(node, root, path):
        yield from fields(child, root, child_path)


def _children(
    node: dict[str, Any], root: dict[str, Any], path: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the named fields of a part, or of what the arrays and objects it is hold."""
    step, element = _element(node)
    if element is not None:
        yield from _children(_resolved(element, root), root, path + step)
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child


def _element(node: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Return what an array or an object with free names holds, and the step of a JSONPath to it."""
    if "items" in node:
        return "[*]", node["items"]
    free = node.get("additionalProperties")
    return (".*", free) if isinstance(free, dict) else ("", None)


def _resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "then" in node:
        return {**node, "properties": _resolved(node["then"], root)["properties"]}
    name = node.get("$ref", "").removeprefix("#/$defs/")
    return {**root["$defs"][name], **node} if name else node


def _entry(path: str, node: dict[str, Any], root: dict[str, Any]) -> str:
    """Return a field as an entry of a list of definitions."""
    return f"`{path}` {_kind(node, root)}\n: {escaped(_description(node, root))}"


def _description(node: dict[str, Any], root: dict[str, Any]) -> str:
    """Return what a field holds, and what each of its elements is where that says more."""
    node = _resolved(node, root)
    text: str = node["description"]
    _, element = _element(node)
    each = "" if element is None else _description(element, root)
    if each and not each.startswith("One "):
        text += f" Each: {_lowered(each)}"
    return text


def _lowered(text: str) -> str:
    """Begin a sentence small, unless it begins with a name or an abbreviation."""
    return text if text[1:2].isupper() or text.startswith("JSON") else text[:1].lower() + text[1:]


def _kind(node: dict[str, Any], root: dict[str, Any]) -> str:
    """Say in Markdown which values a field may have."""
    node = _resolved(node, root)
    types = node.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    null = [code("null")] * ("null" in types or None in node.get("enum", ()))
    if "const" in node:
        return code(f'"{node["const"]}"')
    if "enum" in node:
        return _alternatives([_value(item) for item in node["enum"] if item is not None] + null)
    if "title" in node and "pattern" in node:
        # It says in words what type and pattern say.
        return _alternatives([escaped(node["title"]), *null])
    if not types:
        return "any JSON value"
    words = [_of_type(name, node, root) for name in types if name != "null"]
    return _alternatives(words + null)


def _of_type(name: str, node: dict[str, Any], root: dict[str, Any]) -> str:
    _, element = _element(node)
    if name in {"array", "object"} and element is not None:
        plural = _kind(element, root)
        plural = {"object": "objects", "string": "strings"}.get(plural, f"{plural}")
        return f"{name} of {plural}"
    if name in {"integer", "number"}:
        limit = f" ≥ {node['minimum']}" if "minimum" in node else ""
        return f"{name}{limit}" + (f" ({node['unit']})" if "unit" in node else "")
    if name == "string" and "pattern" in node:
        return f"string that matches {code(node['pattern'])}"
    return name


def _value(value: object) -> str:
    return code(f'"{value}"' if isinstance(value, str) else str(value).lower())


def _alternatives(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


# Commands


def command_page() -> str:
    """Return the page of all commands, each as its ``--help`` tells of it."""
    context = click.Context(group)
    parts = [
        "# Commands",
        INTRODUCTIONS["commands"],
        "## repro-audit",
        fenced(help_text(), "text"),
    ]
    for name in group.list_commands(context):
        parts += [f"## repro-audit {name}", fenced(help_text(name), "text")]
    return "\n\n".join(parts) + "\n"


def help_text(name: str | None = None) -> str:
    """Return what a command prints with ``--help`` on a terminal of 80 columns.

    Args:
        name: The command; without it, what the tool itself prints.
    """
    # Click leaves two columns free, unless it is told how wide a text is to be.
    context = click.Context(
        group, info_name="repro-audit", terminal_width=_COLUMNS - 2, **group.context_settings
    )
    if name is None:
        return group.get_help(context)
    command = group.get_command(context, name)
    if command is None:
        raise KeyError(name)
    settings = {**command.context_settings, "info_name": name, "parent": context}
    return command.get_help(click.Context(command, **settings))


# Markdown


def escaped(text: str) -> str:
    """Return text that Markdown shows as it stands, within a line."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~^&])", r"\\\1", text)


def code(text: str) -> str:
    """Return text as code within a line."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " * bool(longest)
    return f"{fence}{space}{text}{space}{fence}"


def fenced(text: str, language: str) -> str:
    """Return text as a block of code, whatever fences it holds."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
