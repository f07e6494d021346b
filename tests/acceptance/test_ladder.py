"""On which rung two runs stand, what the exit code makes of it, and baselines."""

from __future__ import annotations

import json

import pytest
from ensembles import apart, drawn_ensemble, write_repeat
from manifests import document, record, rerun, run_id, sealed

from repro_audit.manifest import Manifest, load, unstructure
from repro_audit.noise.ensemble import load_ensemble, serialize

ROUNDING, SEEDS = 1e-5, 1e-2


@pytest.fixture
def base(tmp_path) -> Manifest:
    path = tmp_path / "theirs.json"
    path.write_bytes(sealed(document()))
    return load(path)


@pytest.fixture
def whole(tmp_path, base):
    """Return the file of an ensemble of both kinds."""
    path = tmp_path / "ensemble.json"
    path.write_bytes(serialize(drawn_ensemble(sealed(document()), rounding=ROUNDING, seeds=SEEDS)))
    return path


RUNGS = {"rounding": ROUNDING, "seeds": SEEDS, "divergent": 100 * SEEDS}
CODES = {
    "rounding": {"bits": 1, "rounding": 0, "seeds": 0},
    "seeds": {"bits": 1, "rounding": 1, "seeds": 0},
    "divergent": {"bits": 1, "rounding": 1, "seeds": 1},
}


@pytest.mark.parametrize("accept", ["bits", "rounding", "seeds"])
@pytest.mark.parametrize("rung", RUNGS)
def test_the_exit_code_is_0_on_the_rung_that_is_accepted_and_above(
    rung, accept, whole, base, tmp_path, run
):
    mine = tmp_path / "mine.json"
    mine.write_bytes(apart(document(), RUNGS[rung]))
    done = run(whole, mine, "--accept", accept)
    assert done.out.split()[0] == rung
    assert done.code == CODES[rung][accept]


def test_bits_that_are_the_same_need_no_ensemble(whole, tmp_path, run):
    mine = tmp_path / "mine.json"
    mine.write_bytes(sealed(rerun()))
    done = run(whole, mine, "--accept", "seeds")
    assert (done.code, done.out.split()[0]) == (0, "identical")
    assert "Ladder" not in done.out


@pytest.mark.parametrize("accept", ["rounding", "seeds"])
def test_what_was_not_measured_is_not_accepted_and_not_refused(base, tmp_path, run, accept):
    mine = tmp_path / "mine.json"
    mine.write_bytes(apart(document(), ROUNDING))
    done = run(tmp_path / "theirs.json", mine, "--accept", accept)
    assert (done.code, done.out.split()[0]) == (2, "divergent")
    assert "repro-audit repeat --perturb 6 --spread 9 SCRIPT ARGS" in done.out
    assert run(tmp_path / "theirs.json", mine).code == 1


@pytest.mark.parametrize(
    ("kind", "accept", "code"), [("rounding", "seeds", 2), ("seeds", "rounding", 2)]
)
def test_an_ensemble_of_the_other_kind_measures_nothing(kind, accept, code, base, tmp_path, run):
    path, mine = tmp_path / "ensemble.json", tmp_path / "mine.json"
    path.write_bytes(serialize(drawn_ensemble(sealed(document()), **{kind: SEEDS})))
    mine.write_bytes(apart(document(), 100 * SEEDS))
    done = run(path, mine, "--accept", accept)
    assert done.code == 2
    option = {"seeds": "--spread 9", "rounding": "--perturb 6"}[accept]
    assert f"not measured: repro-audit repeat {option} train.py" in " ".join(done.out.split())


def test_too_few_runs_cannot_tell_and_say_what_they_would_have_shown(base, tmp_path, run):
    path, mine = tmp_path / "ensemble.json", tmp_path / "mine.json"
    path.write_bytes(serialize(drawn_ensemble(sealed(document()), seeds=SEEDS, runs=2)))
    mine.write_bytes(apart(document(), SEEDS / 10))
    done = run(path, mine, "--accept", "seeds")
    assert done.code == 2
    assert "cannot tell: with 3 runs only differences of" in " ".join(done.out.split())


@pytest.mark.parametrize("form", ["text", "markdown", "html", "latex", "json"])
def test_every_format_says_on_which_rung(form, whole, base, tmp_path, run):
    mine = tmp_path / "mine.json"
    mine.write_bytes(apart(document(), SEEDS))
    done = run(whole, mine, "--format", form)
    assert done.code == 1, done.err
    assert "no farther apart than other seeds take the first run" in " ".join(done.out.split())


def test_an_ensemble_alone_is_the_audit_of_its_first_run(whole, tmp_path, run):
    assert run(whole).out == run(tmp_path / "theirs.json").out.replace(
        str(tmp_path / "theirs.json"), str(whole)
    ).replace("theirs.json", "ensemble.json")


def test_a_run_whose_weights_were_moved_is_no_ordinary_run(base, tmp_path, run):
    mine = tmp_path / "mine.json"
    mine.write_bytes(sealed(rerun(perturbation=1)))
    done = run(tmp_path / "theirs.json", mine)
    assert done.code == 2
    assert "its weights were moved by one ULP on purpose" in " ".join(done.out.split())


def test_a_log_that_diverges_beside_a_run_that_does_not_is_not_left_out(whole, tmp_path, run):
    """It has no conditions, and is held against the ensemble as any run is."""
    near, log = tmp_path / "near.json", tmp_path / "log.json"
    near.write_bytes(apart(document(), ROUNDING))
    history = document()["outcomes"]["fits"][0]["history"]
    log.write_text(json.dumps({**history, "loss": [9.0]}), encoding="utf-8")
    words = "--accept", "rounding", "--require", "history", "--ignore-metric", "x"
    assert run(whole, near, *words).code == 0
    done = run(whole, near, log, *words)
    assert (done.code, done.out.split()[0]) == (1, "divergent")


def test_an_ensemble_that_is_given_second_is_not_ignored(whole, tmp_path, refused):
    assert "is an ensemble: give it first" in refused(tmp_path / "theirs.json", whole)


def test_a_metric_that_is_not_compared_is_not_judged(whole, tmp_path, run):
    """Such as a timer."""
    mine = tmp_path / "mine.json"
    mine.write_bytes(apart(document(), 100 * SEEDS))
    ignoring = "--ignore-metric", "loss", "--ignore-metric", "val_loss"
    assert run(whole, mine, "--accept", "rounding").code == 1
    assert run(whole, mine, "--accept", "rounding", *ignoring).code == 0


# Baselines


@pytest.fixture
def repeated(tmp_path, base):
    """Return the folder of a repeat whose runs are identical."""
    folder = tmp_path / "repeat"
    ensemble = drawn_ensemble(sealed(document()), rounding=ROUNDING)
    write_repeat(folder, base, record(rerun()), ensemble=ensemble)
    return folder


@pytest.mark.parametrize("named", ["", "audit.json"])
def test_a_repeat_becomes_a_baseline_with_its_ensemble(repeated, named, tmp_path, run):
    output = tmp_path / "baseline.json"
    done = run("baseline", repeated / named, "-o", output)
    assert done.code == 0, done.err
    assert done.out.endswith("with 9 runs moved by rounding and 0 other seeds\n")
    assert output.read_bytes() == (repeated / "ensemble.json").read_bytes()


def test_a_repeat_without_noise_becomes_a_baseline_of_bits(repeated, tmp_path, run):
    (repeated / "ensemble.json").unlink()
    assert run("baseline", repeated, "-o", tmp_path / "baseline.json").code == 0
    assert len(load_ensemble(tmp_path / "baseline.json").members) == 1


def test_what_a_new_baseline_changes_is_shown(repeated, base, tmp_path, run):
    output = tmp_path / "baseline.json"
    run("baseline", repeated, "-o", output)
    other = tmp_path / "other.json"
    other.write_bytes(apart(document(), SEEDS))
    again = load(other)
    write_repeat(repeated, again, record(rerun(unstructure(again), run_id=run_id(1))))
    (repeated / "ensemble.json").unlink()
    done = run("baseline", repeated, "-o", output)
    assert done.code == 0, done.err
    assert done.out.split()[0] == "divergent"
    assert "Ladder" in done.out
    assert load_ensemble(output).base == load(repeated / "run-1/manifest.json")


BAD = {
    "no control": lambda said: said.update(control=None),
    "a control that was not caught": lambda said: said["control"].update(caught=False),
    "runs that diverge": lambda said: said.update(verdict="divergent"),
    "another run": lambda said: said.update(manifests=[]),
    "manifests that are none": lambda said: said.update(manifests=5),
    "no audit": lambda said: said.update(schema="repro-audit/plan-1"),
}


@pytest.mark.parametrize("name", BAD)
def test_of_what_does_not_repeat_there_is_no_baseline(name, repeated, tmp_path, refused):
    said = json.loads((repeated / "audit.json").read_bytes())
    BAD[name](said)
    (repeated / "audit.json").write_text(json.dumps(said), encoding="utf-8")
    assert "no baseline: " in refused("baseline", repeated, "-o", tmp_path / "baseline.json")
    assert not (tmp_path / "baseline.json").exists()


def test_a_file_that_is_no_baseline_is_not_replaced(repeated, tmp_path, refused):
    precious = tmp_path / "precious.json"
    precious.write_text('{"a": 1}', encoding="utf-8")
    assert "is no ensemble" in refused("baseline", repeated, "-o", precious)
    assert precious.read_text(encoding="utf-8") == '{"a": 1}'


def test_the_command_names_itself_where_an_ensemble_is_damaged(whole, tmp_path, refused):
    whole.write_bytes(whole.read_bytes().replace(b'"rounding-1"', b'"rounding-x"'))
    assert "$.digest" in refused(whole)
