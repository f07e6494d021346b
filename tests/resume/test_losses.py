"""What a real run loses that is stopped after its second epoch and resumed, in each usual way.

To add a kind of training or a way to resume, add it to `scripts/trainer.py` and a line to ``LOST``.
`nox -s tests` takes those that are marked as usual, `nox -s resume` takes all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from manifests import ROOT

from repro_audit.audit import Audit, audit
from repro_audit.manifest import load
from repro_audit.trace import find_trace

pytestmark = [pytest.mark.keras, pytest.mark.minutes(1)]

ORDER, GENERATORS, SEEDS = "lost_data", "lost_generators", "lost_seeds"
OPTIMIZER, CALLBACK, FIT = "lost_optimizer", "lost_callback", "lost_fit"
NOTHING = ""

LOST: dict[tuple[str, str], tuple[str, ...]] = {
    ("plain", "backup"): (NOTHING,),
    ("plain", "full"): (NOTHING,),
    ("plain", "weights"): (OPTIMIZER,),
    ("plain", "arrays"): (OPTIMIZER,),
    ("plain", "tf"): (NOTHING,),
    ("decay", "backup"): (NOTHING,),
    ("decay", "full"): (NOTHING,),
    ("decay", "arrays"): (OPTIMIZER,),
    ("scheduler", "backup"): (NOTHING,),
    ("scheduler", "full"): (NOTHING,),
    ("arrays", "backup"): (NOTHING,),
    ("arrays", "full"): (NOTHING,),
    ("shuffle", "backup"): (ORDER,),
    ("shuffle", "full"): (ORDER,),
    ("shuffle", "weights"): (ORDER, OPTIMIZER),
    ("dropout", "backup"): (GENERATORS,),
    # It draws the seed it had: of what is drawn before it, all is drawn again as well.
    ("dropout", "full"): (GENERATORS,),
    ("dropout", "weights"): (GENERATORS, OPTIMIZER),
    ("dropout", "arrays"): (GENERATORS, OPTIMIZER),
    ("lstm", "backup"): (GENERATORS,),
    ("lstm", "full"): (SEEDS,),
    ("lstm", "weights"): (GENERATORS, OPTIMIZER),
    ("flip", "backup"): (GENERATORS,),
    ("flip", "full"): (SEEDS,),
    ("cnn", "backup"): (ORDER, GENERATORS),
    ("cnn", "full"): (ORDER, SEEDS),
    ("cnn", "tf"): (ORDER, GENERATORS),
    ("sequence", "backup"): (ORDER,),
    ("plateau", "backup"): (CALLBACK,),
    ("plateau", "full"): (CALLBACK,),
    ("stopping", "backup"): (CALLBACK,),
    ("stopping", "full"): (CALLBACK,),
    ("two", "backup"): (FIT,),
    # What is printed for a lost optimizer, followed.
    ("plain", "built"): (NOTHING,),
}
"""By kind of training and way to resume: all that is lost, in the order of a step."""

USUAL = {
    ("plain", "weights"),
    ("plain", "built"),
    ("shuffle", "weights"),
    ("lstm", "full"),
    ("cnn", "backup"),
    ("sequence", "backup"),
    ("plateau", "backup"),
    ("stopping", "backup"),
    ("two", "backup"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test of one pair all that are taken."""
    if "pair" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--all-resumes")
        taken = [pair for pair in LOST if whole or pair in USUAL]
        metafunc.parametrize("pair", taken, ids="-".join)


def audited(*paths: Path) -> Audit:
    """Compare the whole run with the resumed one, by their traces."""
    manifests = [load(path) for path in paths]
    traces = [find_trace(path, manifest) for path, manifest in zip(paths, manifests, strict=True)]
    return audit(*manifests, traces=traces)


def test_what_was_lost_is_named_and_nothing_else(pair: tuple[str, str], resumed: Any) -> None:
    wanted = LOST[pair]
    (found,) = audited(*resumed(*pair)).comparisons
    if wanted == (NOTHING,):
        assert found.verdict == "inconclusive"
        assert found.reason.startswith("nothing differs from epoch 3 on")
        return
    assert found.verdict == "divergent"
    lost = [cause.kind for cause in found.causes if cause.kind.startswith("lost_")]
    assert tuple(lost) == wanted
    assert found.causes[0].kind == wanted[0]
    assert {cause.kind for cause in found.causes if cause.certainty == "certain"} <= set(wanted)


def test_a_script_that_trains_from_the_start_lost_nothing_and_is_the_same_run(resumed: Any) -> None:
    (found,) = audited(*resumed("plain", "none")).comparisons
    assert (found.verdict, found.causes) == ("identical", ())


WAYS = ("backup", "full", "weights", "arrays", "tf")
KINDS = (
    *("plain", "decay", "scheduler", "arrays", "shuffle", "dropout", "lstm", "flip", "cnn"),
    *("sequence", "plateau", "stopping", "two"),
)


def test_the_page_names_what_each_way_loses() -> None:
    page = (ROOT / "docs/resume.md").read_text(encoding="utf-8")
    table = page.partition("| training |")[2]
    rows = [row[1:-1].split("|") for row in table.splitlines() if row.startswith("|")][1:]
    told = {
        (kind, way): cell.strip()
        for kind, (_, *cells) in zip(KINDS, rows, strict=True)
        for way, cell in zip(WAYS, cells, strict=True)
        if cell.strip()
    }
    wanted = {
        pair: ", ".join(name.removeprefix("lost_") or "nothing" for name in names)
        for pair, names in LOST.items()
        if pair[1] in WAYS
    }
    assert told == wanted
