"""What an audit looks like in every format, as files that a reviewer can read and diff.

``pytest tests/golden --update-goldens`` renews them: what changed is then seen in the diff of the
commit. Charts and styles are left out of the HTML, which other tests
look at, and folded tables in all but one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from manifests import EXAMPLES, OTHER_DIGEST, ROOT, changed, document, record, rerun
from pages import PAGES

import repro_audit
from repro_audit.audit import audit
from repro_audit.errors import EvidenceError
from repro_audit.report.formats import RENDERERS, Style
from repro_audit.trace import find_trace

HERE = Path(__file__).parent
ENDINGS = {"text": "txt", "json": "json", "markdown": "md", "html": "html", "latex": "tex"}
ENDINGS |= {"sarif": "sarif", "badge": "badge", "plan": "plan"}
OLDEST = ROOT / "tests/compat/manifest-1/01-55fa6fc"


def contradicted():
    """Return the audit of two runs, one of which says more steps than its trace has."""
    value = changed(rerun(), {"outcomes/fits/0/steps": 64})
    runs = [record(document()), record(value)]
    return audit(*runs, names=["one.json", "other.json"]), runs


def oldest():
    """Return the audit of the two runs that the first state of the format holds."""
    runs = [repro_audit.load(OLDEST / f"threads-{count}.json") for count in (2, 1)]
    return audit(*runs, names=["threads-2.json", "threads-1.json"]), runs


def ruled_out():
    """Return the audit of the examples, had other data been recorded: the trace excludes it."""
    other = {
        f"conditions/data/train/{name}": OTHER_DIGEST for name in ("digest", "unordered_digest")
    }
    runs = [record(document("threads-2")), record(changed(document("threads-1"), other))]
    names = ["threads-2.json", "threads-1.json"]
    traces = [find_trace(EXAMPLES / name, run) for name, run in zip(names, runs, strict=True)]
    return audit(*runs, names=names, traces=traces), runs


KINDS = "single", "divergent", "identical", "inconclusive", "noise", "everything"
AUDITS = {name: PAGES[name] for name in KINDS}
AUDITS |= {"ruled_out": ruled_out, "contradicted": contradicted, "oldest": oldest}
LEFT_OUT = re.compile(r"(?<=<style>).*?(?=</style>)|(?<=<svg).*?(?=</svg>)", re.DOTALL)
FOLDED = re.compile(r"(?<=</summary>).*?(?=</details>)", re.DOTALL)


def shown(name, form, **changes):
    """Return an audit, or one that is changed, in a format."""
    result, manifests = AUDITS[name]()
    try:
        text = RENDERERS[form](result._replace(**changes), manifests, Style())
    except EvidenceError as error:
        return f"refused: {error}\n"
    if form == "sarif":
        # The rules are those of `findings.txt` in every file.
        document = json.loads(text)
        document["runs"][0]["tool"]["driver"].pop("rules")
        text = json.dumps(document, indent=1) + "\n"
    if form == "html":
        text = LEFT_OUT.sub("", text)
        # The conditions that do not differ are those of one run in all of them.
        text = text if name == "single" else FOLDED.sub("", text)
    return text


@pytest.mark.parametrize("form", RENDERERS)
@pytest.mark.parametrize("name", AUDITS)
def test_an_audit_looks_as_it_did(name, form, pytestconfig):
    golden = HERE / name / f"report.{ENDINGS[form]}"
    if pytestconfig.getoption("--update-goldens"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown(name, form), encoding="utf-8")
    assert shown(name, form) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", RENDERERS)
def test_an_audit_with_another_verdict_would_look_otherwise(form):
    # Of two files there is no badge, whatever they are.
    name = "everything" if form == "badge" else "identical"
    golden = (HERE / name / f"report.{ENDINGS[form]}").read_text(encoding="utf-8")
    assert shown(name, form) == golden
    assert shown(name, form, verdict="close") != golden


def test_every_format_has_its_golden_reports_and_no_other_file_is_there():
    expected = {HERE / name / f"report.{ending}" for name in AUDITS for ending in ENDINGS.values()}
    assert set(HERE.glob("*/report.*")) == expected
    assert set(ENDINGS) == set(RENDERERS)
