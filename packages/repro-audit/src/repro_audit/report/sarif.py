"""An audit as SARIF 2.1.0, which code scanning and editors show beside the code.

A result is a finding, a difference with each of its causes, a published number that does not hold,
or an audit that decides nothing: no file without results may look like a pass that is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import quote

from repro_audit.audit import Audit, all_rules
from repro_audit.canonical import digest_json
from repro_audit.compare import Comparison
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.report.explanation import explanation, explanation_markdown
from repro_audit.report.places import files_at, is_below_project, scripts_of
from repro_audit.wording import listed

__all__ = ["render_sarif"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_OF_CERTAINTY = {"certain": "error", "likely": "warning", "possible": "note"}
_OF_VERDICT = {"divergent": "error", "inconclusive": "warning", "close": "note"}
_OF_CLAIM = {"differ": "error", "missing": "warning"}

_OWN = {
    "cause": ("a cause of a difference", "The runs differ in this, and it can have acted there."),
    "claim": ("a published number does not hold", "The run has another value, or none."),
    "difference": (
        "two runs differ",
        "This is where they differ first, as far as the evidence goes.",
    ),
    "inconclusive": ("nothing is decided", "What is missing is evidence of nothing."),
}
"""Results that no rule finds: title and meaning, by id."""

_PROJECT = "%SRCROOT%"


class _Result(NamedTuple):
    """One result.

    Attributes:
        rule: Id of its rule.
        level: ``error``, ``warning`` or ``note``.
        about: What tells it from others of its rule, in another audit as well.
        lines: What is said.
        files: Files of the project it lies in.
        paths: JSONPaths it lies at in a manifest.
    """

    rule: str
    level: str
    about: str
    lines: tuple[str, ...]
    files: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def render_sarif(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return an audit as SARIF: same audit, same text.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.
    """
    # What was found in several runs is one thing to mend.
    runs: dict[_Result, list[str]] = {}
    for found, name in _results(result, manifests):
        runs.setdefault(found, []).append(name)
    driver = {"name": "repro-audit", "version": version("repro-audit"), "rules": list(_rules())}
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(found, names) for found, names in runs.items()],
                "properties": {
                    "verdict": result.verdict,
                    "reason": printable(result.reason),
                    "evidence": result.evidence,
                },
            }
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _rules() -> Iterator[dict[str, Any]]:
    """Yield the descriptor of each rule, and of each other kind of result."""
    for rule in all_rules():
        yield {
            "id": rule.code,
            "shortDescription": {"text": _message([rule.title])},
            "fullDescription": {"text": _message([rule.why])},
            "help": {
                "text": _message(explanation(rule).split("\n")),
                "markdown": _without_placeholders(explanation_markdown(rule)),
            },
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        }
    for name, (title, means) in _OWN.items():
        yield {
            "id": name,
            "shortDescription": {"text": title},
            "fullDescription": {"text": means},
            "help": {"text": means},
        }


def _results(result: Audit, manifests: Sequence[Manifest]) -> Iterator[tuple[_Result, str]]:
    """Yield each result, and what the run is called that it is about."""
    first = result.manifests[0].name if result.manifests else ""
    if result.verdict == "inconclusive":
        files = scripts_of(manifests[0]) if manifests else ()
        yield _Result("inconclusive", "error", "", (f"{result.reason}.",), files), first
    for comparison in result.comparisons:
        name = result.manifests[comparison.actual].name
        for found in _of_comparison(result, comparison, manifests[comparison.actual]):
            yield found, name
    for claim in result.claims:
        if claim.verdict in _OF_CLAIM:
            said = f"{claim.metric}: {claim.claimed} is claimed. {claim.text}"
            name = result.manifests[claim.manifest].name
            yield _Result("claim", _OF_CLAIM[claim.verdict], claim.metric, (said,)), name
    for judged, manifest in zip(result.manifests, manifests, strict=True):
        for item in judged.findings:
            files = files_at(manifest, (item.path,), item.remedy)
            lines = f"{item.title}. {item.seen}", *_remedy(item.remedy)
            found = _Result(item.code, _LEVELS[item.severity], "", lines, files, (item.path,))
            yield found, judged.name


def _of_comparison(result: Audit, comparison: Comparison, actual: Manifest) -> Iterator[_Result]:
    """Yield where two runs differ first, and what can explain it."""
    if comparison.first_difference is None:
        return
    expected = result.manifests[comparison.expected].name
    first, level = comparison.first_difference, _OF_VERDICT[comparison.verdict]
    lines: tuple[str, ...] = (f"{comparison.verdict}: {comparison.reason}.", f"From: {expected}")
    yield _Result("difference", level, first.kind, lines, scripts_of(actual))
    for cause in comparison.causes:
        said = f"{cause.title}: a {cause.certainty} cause. {cause.reason}."
        lines, files = (said, *_remedy(cause.remedy)), files_at(actual, cause.paths, cause.remedy)
        level = _OF_CERTAINTY[cause.certainty]
        yield _Result("cause", level, cause.kind, lines, files, cause.paths)


def _remedy(code: str) -> tuple[str, ...]:
    return "Remedy:", *code.splitlines()


def _result(found: _Result, names: Sequence[str]) -> dict[str, Any]:
    runs = listed(dict.fromkeys(names))
    return {
        "ruleId": found.rule,
        "level": found.level,
        "message": {"text": _message([*found.lines, *([f"In: {runs}"] if runs else [])])},
        "locations": _locations(found, names[0]),
        "partialFingerprints": {"repro-audit/v1": _fingerprint(found)},
    }


def _fingerprint(found: _Result) -> str:
    """Return what is the same of one result in the next audit, whatever the runs are called."""
    return digest_json([found.rule, found.about, list(found.files), list(found.paths)])


def _locations(found: _Result, name: str) -> list[dict[str, Any]]:
    """Return the files that a result lies in; where it lies in none, that of the manifest.

    Code scanning refuses a whole log for one result that lies in no file, and asks for a line:
    what is about a file as a whole is put at its first one.
    """
    fields = [{"fullyQualifiedName": printable(path), "kind": "property"} for path in found.paths]
    logical = {"logicalLocations": fields} if fields else {}
    files = [{"uri": quote(file), "uriBaseId": _PROJECT} for file in found.files]
    # A manifest in a PDF and a fit of a run lie in the file that is named first.
    holder = name.partition(": ")[0]
    if not files and holder != "-" and is_below_project(holder):
        files = [{"uri": quote(holder)}]
    physical = [{"artifactLocation": file, "region": {"startLine": 1}} for file in files]
    located = [{"physicalLocation": place} | logical for place in physical]
    return located or ([logical] if logical else [])


def _message(lines: Iterable[str]) -> str:
    r"""Return lines as a message in which nothing is a placeholder or a link.

    >>> _message(["[x](y) {0}\x1b"])
    '[x] (y) {{0}}\\x1b'
    """
    text = "\n".join(map(printable, lines))
    return _without_placeholders(text.replace("](", "] ("))


def _without_placeholders(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
