"""`repeat --against` around a stand-in: runs are held against a baseline and each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ensembles import drawn_ensemble
from manifests import changed, document, rerun, sealed

from repro_audit.audit import Control, SharedFile, audit, with_ladder
from repro_audit.manifest import parse
from repro_audit.noise.ensemble import Ensemble, serialize
from repro_audit.repeat.judging import vouched


def other_bits() -> bytes:
    """Return the run of the example with other bits, and the same metrics."""
    digest = "sha256:" + "1" * 64
    epochs = {"outcomes/fits/0/epochs": [digest], "outcomes/digests/epochs": [digest]}
    return sealed(changed(rerun(), epochs))


@pytest.fixture
def against(repeat: Any, stand_in: str, example: str, tmp_path: Path) -> Any:
    """Return what repeats the example's run against the ensemble of a run."""

    def hold(ensemble: Ensemble, *options: str) -> tuple[Any, Any]:
        (tmp_path / "baseline.json").write_bytes(serialize(ensemble))
        words = ("-d", "out", "--against", "baseline.json", *options, stand_in, example)
        done = repeat(*words, cwd=tmp_path)
        return done, json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))

    return hold


def test_runs_with_the_bits_of_the_baseline_are_identical(against: Any, example: str) -> None:
    """The baseline is the first of the manifests, and the expected one."""
    done, said = against(drawn_ensemble(Path(example).read_bytes()))
    assert (done.returncode, said["verdict"]) == (0, "identical"), done.stderr
    assert [item["name"] for item in said["manifests"]] == [
        "baseline.json", "out/run-1/manifest.json", "out/run-2/manifest.json"
    ]  # fmt: skip
    assert said["control"]["caught"] is True


@pytest.mark.parametrize(("accept", "code"), [("bits", 1), ("rounding", 0), ("seeds", 0)])
def test_runs_with_other_bits_are_held_against_the_noise_of_the_baseline(
    against: Any, tmp_path: Path, accept: str, code: int
) -> None:
    """And the tolerance is no number that somebody has chosen."""
    run = other_bits()
    done, said = against(drawn_ensemble(run, rounding=1e-5), "--accept", accept)
    assert (done.returncode, said["verdict"]) == (code, "rounding"), done.stderr
    assert [item["reached"] for item in said["ladder"]] == ["rounding", "rounding"]


def test_without_an_ensemble_other_bits_are_not_accepted(against: Any, tmp_path: Path) -> None:
    run = other_bits()
    done, said = against(drawn_ensemble(run), "--accept", "rounding")
    assert (done.returncode, said["verdict"]) == (2, "divergent")


@pytest.mark.parametrize("option", [("--perturb", "6"), ("--spread", "2"), ("--vary", "threads")])
def test_an_experiment_is_asked_for_by_itself(
    repeat: Any, stand_in: str, example: str, tmp_path: Path, option: tuple[str, str]
) -> None:
    (tmp_path / "b.json").write_bytes(serialize(drawn_ensemble(other_bits())))
    done = repeat("-d", "out", "--against", "b.json", *option, stand_in, example, cwd=tmp_path)
    assert done.returncode == 2
    assert "against: expected nothing beside an experiment" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_baseline_is_refused_before_anything_runs(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_bytes(sealed(document()))
    done = repeat("-d", "out", "--against", "b.json", stand_in, example, cwd=tmp_path)
    assert done.returncode == 2
    assert "is no ensemble" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_test_takes_a_baseline_from_beside_it(pytester: pytest.Pytester, example: str) -> None:
    """`assert_repeats(against=…, accept=…)`, and fails where the rung is not accepted."""
    stand_in = Path(__file__).parent / "scripts/stand_in.py"
    run = other_bits()
    (pytester.path / "baseline.json").write_bytes(serialize(drawn_ensemble(run, rounding=1e-5)))
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("accept", ["rounding", "bits"])
        def test_it(assert_repeats, accept):
            assert_repeats({str(stand_in)!r}, {example!r}, against="baseline.json", accept=accept)
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, failed=1)
    assert "was not shown to repeat: rounding" in done.stdout.str()


def held(*, caught: bool = True, shared: bool = False) -> Any:
    """Return what becomes of runs that rounding alone tells apart, by what else a repeat saw."""
    control = Control(caught=caught, before="match", after="differ", text="seen in step 2")
    files = (SharedFile("cache.npy", "run-1", ("run-2",)),) if shared else ()
    base, other = (parse(content, "m") for content in (sealed(document()), other_bits()))
    ensemble = drawn_ensemble(sealed(document()), rounding=1e-5)
    result = audit(base, other)._replace(control=control, shared_files=files)
    assert result.verdict == "divergent"
    return vouched(with_ladder(result, [base, other], ensemble), ["run-1", "run-2"])


def test_runs_are_apart_as_rounding_is_where_nothing_speaks_against_it() -> None:
    assert held().verdict == "rounding"


def test_a_control_that_was_not_caught_vouches_for_no_rung() -> None:
    found = held(caught=False)
    assert (found.verdict, found.reason) == (
        "inconclusive",
        "the control was not caught: seen in step 2",
    )


def test_runs_that_are_not_independent_stand_on_no_rung() -> None:
    found = held(shared=True)
    assert found.verdict == "inconclusive"
    assert found.reason.endswith("the runs are not independent")


def test_a_report_calls_the_baseline_by_no_place(
    repeat: Any, stand_in: str, example: str, tmp_path: Path
) -> None:
    """It is shown to others."""
    whole = tmp_path / "somebody" / "baseline.json"
    here = tmp_path / "here"
    whole.parent.mkdir()
    here.mkdir()
    whole.write_bytes(serialize(drawn_ensemble(Path(example).read_bytes())))
    done = repeat("-d", "out", "--against", str(whole), stand_in, example, cwd=here)
    assert done.returncode == 0, done.stderr
    assert "baseline.json" in done.stdout
    assert "somebody" not in done.stdout + (here / "out/audit.json").read_text("utf-8")
