"""Files that people hand over in place of a manifest: what each is read as, or refused for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from manifests import EXAMPLES

import repro_audit

CASES = Path(__file__).parents[1] / "cases" / "logs"
LOSS = "loss 0.4100"
READ = {
    "bom_history.json": ("1 fit, 3 epochs", "history.json"),
    "folds.json": ("2 fits, 6 epochs", "it holds 2 histories, each a fit of its own: FILE#0 is"),
    "history.csv": ("1 fit, 3 epochs", "CSV; printed values"),
    "log.jsonl": ("1 fit, 3 epochs", "JSON Lines; printed values"),
    "meta_history.json": ("1 fit, 3 epochs", "1 name left out: 'metadata'"),
    "nan_history.json": ("1 fit, 3 epochs", "history.json; printed values"),
    "pandas_history.json": ("1 fit, 3 epochs", "history.json; printed values"),
    "ragged_history.json": ("1 fit, 3 epochs", "unequal lengths: loss 2, accuracy 3"),
    "records_history.json": ("1 fit, 3 epochs", "JSON records; printed values"),
    "strval_history.json": ("1 fit, 3 epochs", "history.json; printed values"),
    "training.log": ("1 fit, 2 epochs", "CSVLogger; printed values"),
    "utf16_history.json": ("1 fit, 3 epochs", "history.json; printed values"),
}
REFUSED = {
    "str_history.json": "is the text of a Python dict, as str(history.history) makes it. Write the "
    "history itself: json.dump(history.history, file).",
    "trial.json": "is a tuner's trial: the best values of a search and no history. Give the log of "
    "one run.",
}
SAME = sorted(set(READ) - {"meta_history.json", "nan_history.json", "ragged_history.json",
                           "training.log"})  # fmt: skip


def test_each_file_is_read_or_refused():
    assert sorted(READ | REFUSED) == sorted(file.name for file in CASES.iterdir())


@pytest.mark.parametrize("name", READ)
def test_a_log_is_read_and_its_report_says_which_it_is(name, run):
    trained, said = READ[name]
    done = run(CASES / name)
    assert (done.code, done.err) == (2, "")
    out = " ".join(done.out.split())
    assert trained in out
    assert f"A log holds no weights and no settings: {READ[name][1]}"[:40] in out
    assert said in out
    alone = run(CASES / name, "--require", "history")
    assert alone.code == 2
    assert alone.out.startswith("inconclusive  a log tells of no settings")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_log_is_refused_with_what_it_is_and_what_to_do(name, refused):
    assert refused(CASES / name) == f"repro-audit: {CASES / name}: {REFUSED[name]}\n"


@pytest.mark.parametrize("name", SAME)
def test_one_history_in_every_shape_is_the_same_history(name, run):
    other = f"{CASES / name}#1" if name == "folds.json" else CASES / name
    done = run(CASES / "bom_history.json", other, "--require", "history")
    if name == "bom_history.json":
        assert (done.code, "one run is given twice" in done.out) == (2, True)
    else:
        assert (done.code, done.out.split()[0]) == (0, "identical")


def test_logs_that_differ_say_in_every_format_that_nothing_is_known_of_causes(run, tmp_path):
    (tmp_path / "mine.csv").write_text("epoch,loss,accuracy\n0,0.69,0.5\n1,0.55,0.7\n2,0.5,0.8\n")
    pair = (CASES / "meta_history.json", tmp_path / "mine.csv")
    for form in ("text", "markdown", "html"):
        done = run(*pair, "--format", form)
        assert done.code == 1
        assert "no settings were recorded, so nothing can be said of causes" in done.out
        assert "run-to-run noise" not in done.out
    comparison = json.loads(run(*pair, "--format", "json").out)["comparisons"][0]
    assert comparison["causes"] == []
    assert [(item["path"], item["state"]) for item in comparison["differences"]] == [
        ("$.conditions", "not recorded in expected"),
        ("$.conditions", "not recorded in actual"),
    ]
    assert "Not recorded" in run(*pair, "--format", "latex").out


def test_a_notebook_says_it_of_an_audit_and_of_a_comparison_alone(tmp_path):
    one, other = (repro_audit.load(CASES / name) for name in ("training.log", "log.jsonl"))
    for result in (repro_audit.audit(one, other), repro_audit.compare(one, other)):
        assert "nothing can be said of causes" in result._repr_html_()


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "latex"])
def test_every_format_says_what_was_left_out_and_how_precise_values_are(form, run):
    out = " ".join(run(CASES / "meta_history.json", "--format", form).out.split())
    assert "printed values" in out
    assert "left out" in out


def test_decimals_are_held_against_float32_where_the_other_side_has_no_more(run, tmp_path):
    single = tmp_path / "keras.json"
    single.write_text('{"loss": [0.6899999976158142, 0.550000011920929]}')
    printed = tmp_path / "printed.csv"
    printed.write_text("epoch,loss\n0,0.69\n1,0.55\n")
    said = "digits beyond float32, which is all that one side holds, of loss"
    for pair in ((single, printed), (printed, single)):
        done = run(*pair, "--require", "history")
        assert (done.code, done.out.split()[0]) == (0, "identical")
        assert said in " ".join(done.out.split())
    printed.write_text("epoch,loss\n0,0.69\n1,0.5500001\n")
    done = run(single, printed, "--require", "history")
    assert (done.code, "1 of 2 epochs equal" in done.out) == (1, True)
    assert "1 ULP of float32" in done.out


def test_round_values_that_happen_to_be_float32_round_nothing(run, tmp_path):
    (tmp_path / "a.json").write_text('{"loss": [0.5]}')
    (tmp_path / "b.json").write_text('{"loss": [0.500000001]}')
    assert run(tmp_path / "a.json", tmp_path / "b.json").code == 1


def test_a_manifest_is_held_against_the_log_of_its_run(run, tmp_path):
    manifest = json.loads((EXAMPLES / "threads-2.json").read_text(encoding="utf-8"))
    history = manifest["outcomes"]["fits"][0]["history"]
    for digits, code in ((9, 0), (5, 1)):
        columns = [[f"{value:.{digits}g}" for value in values] for values in history.values()]
        rows = zip(*columns, strict=True)
        lines = [",".join(history), *map(",".join, rows)]
        (tmp_path / "log.csv").write_text("\n".join(lines), encoding="utf-8")
        done = run(EXAMPLES / "threads-2.json", tmp_path / "log.csv", "--require", "history")
        assert done.code == code
    assert "no settings were recorded" in done.out


def test_one_history_of_several_is_named_by_its_number(run, refused):
    folds = CASES / "folds.json"
    assert "1 fit, 3 epochs" in run(f"{folds}#1").out
    assert "holds 2 fits, counted from 0: there is no #2" in refused(f"{folds}#2")
    assert "name its fits as FILE#0 and FILE#1" in refused(folds, "--fits", "1,2")
    example = EXAMPLES / "threads-2.json"
    assert "is a manifest, whose fits are compared by --fits" in refused(f"{example}#0")


def test_a_file_whose_name_has_a_number_sign_is_that_file(run, tmp_path):
    shutil.copy(CASES / "folds.json", tmp_path / "folds.json#0")
    assert "2 fits, 6 epochs" in run(tmp_path / "folds.json#0").out


def test_a_folder_of_manifests_is_refused_with_their_names(refused):
    assert "Name the manifests in it: threads-1.json, threads-2.json." in refused(EXAMPLES)


def test_a_log_from_standard_input_is_read(run):
    with (CASES / "training.log").open("rb") as file:
        assert "CSVLogger" in run("-", stdin=file).out
