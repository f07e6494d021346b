"""Each remedy that a comparison prints first is followed, as printed: the runs then agree.

To add one, add a line to ``CASES`` in `remedy_cases.py`. `nox -s tests` takes those that are marked
as usual, `nox -s remedies` takes all.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mending import Edit, Ran, Version, audited
from remedy_cases import CASES, DIGEST, NUMBER, RESEEDED, Case

pytestmark = [pytest.mark.keras, pytest.mark.minutes(3)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test of one case all that are taken."""
    if "case" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--all-remedies")
        taken = [case for case in CASES if whole or case.usual]
        metafunc.parametrize("case", taken, ids=lambda case: case.name)


def follows(printed: str, case: Case, mended: Version, first: Ran, second: Ran) -> bool:
    """Return whether somebody who has changed scripts like that has followed a remedy."""
    code, _, comment = printed.partition("  # ")
    command, _, words = code.partition(" ")
    if command in {"export", "unset"}:
        return (f"{words.removesuffix('...')}" in mended.words) is (command == "export")
    if command == "echo":
        checked = subprocess.run(["sh", "-c", printed], cwd=second.code, check=False)
        return checked.returncode == 0
    if code.startswith("# run it as: "):
        return code.removeprefix("# run it as: ") == mended.words
    if code.startswith("# restore "):
        return first.source == second.source
    return any(
        re.search(pattern(line, case.names), first.source + second.source, re.DOTALL)
        for line in (code, comment.removeprefix("or "))
        if "(" in line
    )


def pattern(code: str, names: tuple[Edit, ...]) -> str:
    """Return what code looks like in a script, where ``...`` stands for other arguments."""
    for printed, own in names:
        code = code.replace(printed, own)
    if "..." not in code and not code.startswith("dataset."):
        return re.escape(code)
    text = re.escape(code.removesuffix(")"))
    text = text.replace(re.escape("..., "), r"(?:.*?,\s+)?").replace(re.escape("..."), ".*?")
    return text + r"\s*[,)]"


@pytest.fixture(scope="session")
def followed(run: Any) -> Any:
    """Return what makes two runs differ, follows the remedy, and compares what comes of it."""

    def followed(case: Case, change: tuple[Edit, ...] | None = None) -> tuple[str, bool, Any]:
        faulty = [run(case.expected), run(case.actual, copy=case.expected == case.actual)]
        (comparison,) = audited(*faulty).comparisons
        assert comparison.verdict == "divergent"
        printed = comparison.causes[0].remedy
        wanted = re.escape(case.printed).replace(re.escape(NUMBER), r"(\d+)")
        wanted = wanted.replace(re.escape(DIGEST), "[0-9a-f]+")
        found = re.fullmatch(wanted, printed)
        assert found is not None, f"printed: {printed}"
        number = "".join(found.groups())
        edits = tuple((old, new.replace(NUMBER, number)) for old, new in change or case.change)
        changed = bool(case.here) or case.both
        expected = case.expected._replace(
            edits=(*case.expected.edits, *case.here, *(edits if case.both else ()))
        )
        mended = Version(case.words or case.actual.words, (*case.actual.edits, *edits))
        first = run(expected) if changed else faulty[0]
        second = run(mended, after=first)
        (comparison,) = audited(first, second).comparisons
        return printed, follows(printed, case, mended, first, second), comparison

    return followed


def test_what_is_printed_first_is_followed_to_the_letter_and_makes_the_runs_agree(case, followed):
    _, to_the_letter, comparison = followed(case)
    assert to_the_letter
    assert case.gone in {comparison.verdict, comparison.reason}


def test_a_remedy_that_does_not_work_is_noticed(followed):
    """Seeding first does not help against draws that come later."""
    (case,) = (item for item in CASES if item.name == "an extra draw before the model")
    control = "repro_audit.control(seed=SEED, threads=2)"
    first = (control, f"import keras\n{RESEEDED}\n{control}")
    _, to_the_letter, comparison = followed(case, change=(first,))
    assert to_the_letter  # it is the same line, and stands where it does nothing
    assert comparison.verdict == "divergent"


def test_a_remedy_that_is_not_in_the_script_is_noticed(tmp_path):
    case = CASES[0]
    mended = Version("PYTHONHASHSEED=0 a.py")
    expected = Ran(Path(), "class Layer: ...", tmp_path)
    (tmp_path / "table.csv").write_text("1\n", encoding="utf-8")
    digest = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"
    for printed, source, is_followed in (
        ("export PYTHONHASHSEED=0", "", True),
        ("export PYTHONHASHSEED=1", "", False),
        ("unset PYTHONHASHSEED=0", "", False),
        ("export PYTHONHASHSEED=...  # as in the expected run: digest 1a2b", "", True),
        ("export WIDTH=...  # as in the expected run: digest 1a2b", "", False),
        (f"echo '{digest}  table.csv' | sha256sum --check  # restore it", "", True),
        (f"echo '{digest[::-1]}  table.csv' | sha256sum --check  # restore it", "", False),
        ("# run it as: PYTHONHASHSEED=0 a.py", "", True),
        ("# run it as: a.py 1", "", False),
        ("# restore the code of Layer, as in the expected run", "class Layer: ...", True),
        ("# restore the code of Layer, as in the expected run", "class Layer: pass", False),
        ("model.fit(..., epochs=2)  # as before", "model.fit(x, epochs=2, verbose=0)", True),
        ("model.fit(..., epochs=2)  # as before", "model.fit(x, epochs=20)", False),
        ("f(1)  # or dataset.batch(16)", "dataset.batch(16, True)", True),
    ):
        actual = Ran(Path(), source, tmp_path)
        assert follows(printed, case, mended, expected, actual) is is_followed, printed
