"""The remedies of an audit as steps, in JSON, as the schema ``plan-1`` says: for tools."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from repro_audit.audit import Audit
from repro_audit.compare import Comparison
from repro_audit.compare.remedies.controlling import IN_BOTH
from repro_audit.errors import printable
from repro_audit.manifest import Manifest, unstructure
from repro_audit.report.places import Language, files_at, language_of

__all__ = ["Step", "render_plan", "steps"]

SCHEMA = "repro-audit/plan-1"

_TARGET = "SCRIPT ARGS"
"""What stands for a script. A manifest's own words are a stranger's, and fill in nothing."""


class Where(NamedTuple):
    """The files that a step changes, by their paths below the project's folder."""

    files: tuple[str, ...]


class Step(NamedTuple):
    """One thing to mend.

    Attributes:
        rule: Code of the rule that found it; None for a cause.
        cause: Name of the kind of cause; None for a finding.
        title: What is wrong, or what differs.
        language: What the code is written in.
        code: The remedy, line by line.
        where: The files that it belongs into; None where it belongs into none.
        fields: JSONPaths of what was seen, where they are known.
        manifests: What the runs are called in which it is to be mended.
        verify: Line of a shell that ends with 0 where it is mended, and nothing else is wrong.
    """

    rule: str | None
    cause: str | None
    title: str
    language: Language
    code: tuple[str, ...]
    where: Where | None
    fields: tuple[str, ...]
    manifests: tuple[str, ...]
    verify: str


def render_plan(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return the remedies of an audit as JSON: same audit, same text.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    document = {
        "schema": SCHEMA,
        "verdict": result.verdict,
        "reason": printable(result.reason),
        "steps": [unstructure(step) for step in steps(result, manifests)],
    }
    return json.dumps(document, indent=1) + "\n"


def steps(result: Audit, manifests: Sequence[Manifest]) -> Iterator[Step]:
    """Yield each remedy once: of causes, the best first; of findings, the gravest first.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    runs: dict[Step, list[str]] = {}
    for step, name in (*_of_causes(result, manifests), *_of_findings(result, manifests)):
        runs.setdefault(step, []).append(printable(name))
    for step, names in runs.items():
        yield step._replace(manifests=tuple(names))


def _of_causes(result: Audit, manifests: Sequence[Manifest]) -> Iterator[tuple[Step, str]]:
    for comparison in result.comparisons:
        verify = f"{_recorded(result)} {_compared_again(result, comparison)}"
        name = result.manifests[comparison.actual].name
        manifest = manifests[comparison.actual]
        for cause in comparison.causes:
            shown = _verified(result, cause.remedy, verify)
            yield _step(manifest, cause.title, cause.remedy, cause.paths, shown, cause.kind), name
        for later in comparison.later:
            shown = _verified(result, later.remedy, verify)
            yield _step(manifest, later.title, later.remedy, (), shown, later.kind), name


def _recorded(result: Audit) -> str:
    """Return the words that record the changed script and begin an audit of it."""
    target = result.repeated or _TARGET
    return f"repro-audit record --output again.json {target} && repro-audit"


def _verified(result: Audit, remedy: str, compared: str) -> str:
    """Return what verifies a remedy: a comparison, or two new runs where both are to be mended.

    None of the runs from before a script was changed can be its equal.
    """
    if result.runs or IN_BOTH in remedy:
        return f"repro-audit repeat {result.repeated or _TARGET}"
    return compared


def _of_findings(result: Audit, manifests: Sequence[Manifest]) -> Iterator[tuple[Step, str]]:
    for judged, manifest in zip(result.manifests, manifests, strict=True):
        for item in judged.findings:
            verify = f"{_recorded(result)} --strict again.json"
            step = _step(manifest, item.title, item.remedy, (item.path,), verify)
            yield step._replace(rule=item.code), judged.name


def _step(
    manifest: Manifest,
    title: str,
    remedy: str,
    paths: tuple[str, ...],
    verify: str,
    cause: str | None = None,
) -> Step:
    files = files_at(manifest, paths, remedy)
    return Step(
        rule=None,
        cause=cause,
        title=printable(title),
        language=language_of(remedy),
        code=tuple(map(printable, remedy.splitlines())),
        where=Where(files) if files else None,
        fields=tuple(map(printable, paths)),
        manifests=(),
        verify=verify,
    )


def _compared_again(result: Audit, comparison: Comparison) -> str:
    """Return the words that compare the changed run with the expected one."""
    expected, actual = (
        result.manifests[place].name for place in (comparison.expected, comparison.actual)
    )
    fits = [re.fullmatch(r".*: fit (\d+)", name, re.DOTALL) for name in (expected, actual)]
    if fits[0] and fits[1]:
        return f"--fits {fits[0][1]},{fits[1][1]} again.json"
    # What lies in a PDF, or came from standard input, is no file to name.
    if ": " in expected or expected == "-":
        return "EXPECTED again.json"
    # A name must not be an option, and one with a new line would be a command of its own.
    dash = "./" if expected.startswith("-") else ""
    return f"{shlex.quote(dash + printable(expected))} again.json"
