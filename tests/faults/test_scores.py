"""How a pair is scored, and what the two halves of the corpus hold, with no run of a trainer."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
from corpus import HALVES, Edit, Right, copied, read, score

from repro_audit.compare import Cause, Comparison, Excluded

PAIRS = tuple(pair for half in HALVES for pair in read(half))
GROUPS = {"compound", "data", "model and code", "randomness", "training"}
RATE = Right(("optimizer",), "learning.rate")
DATA = Right(("data", "batch_content"), r"wine\.csv")


def cause(kind, title, certainty="likely"):
    return Cause(kind, "training", title, certainty, "", "", ())


RIGHT = cause("optimizer", "learning_rate: 0.1 → 0.2")
WRONG = cause("hash_seed", "hash seed")
FILE = cause("batch_content", "1 of 120 samples, from Wine.csv")


def scored(*causes, right=(RATE,), expected="divergent", verdict="divergent", excluded=()):
    pair = PAIRS[0]._replace(causes=right, verdict=expected)
    fields = dict.fromkeys(Comparison._fields, ())
    found = {"verdict": verdict, "causes": causes, "excluded": excluded}
    return score(pair, Comparison(**fields | found))


def test_a_right_kind_in_the_right_words_is_named_first():
    got = scored(RIGHT, WRONG)
    assert got.first
    assert (got.ranks, got.certainties, got.instead) == ((1,), ("likely",), "")


def test_a_cause_behind_a_wrong_one_is_not_first():
    got = scored(WRONG, RIGHT)
    assert not got.first
    assert (got.ranks, got.instead) == ((2,), "hash_seed")


@pytest.mark.parametrize("named", [cause("optimizer", "optimizer"), cause("model", RIGHT.title)])
def test_neither_the_kind_alone_nor_the_words_alone_are_enough(named):
    got = scored(named)
    assert not got.first
    assert (got.ranks, got.instead) == ((None,), named.kind)


def test_of_two_causes_one_is_not_enough():
    assert scored(FILE, WRONG, RIGHT, right=(RATE, DATA)).ranks == (3, 1)
    assert scored(FILE, WRONG, RIGHT, right=(RATE, DATA)).first
    assert not scored(RIGHT, right=(RATE, DATA)).first


def test_only_a_wrong_kind_is_wrongly_certain():
    assert scored(cause("seed", "seed", "certain"), RIGHT).certain == ("seed",)
    assert scored(cause("optimizer", "optimizer", "certain")).certain == ()


def test_a_right_kind_that_is_ruled_out_is_noted():
    fields = dict.fromkeys(Excluded._fields, "")
    items = [Excluded(**fields | {"kind": kind}) for kind in ("threads", "optimizer")]
    assert scored(RIGHT, excluded=tuple(items)).ruled_out == ("optimizer",)


def test_where_nothing_differs_a_cause_is_wrong():
    assert scored(right=(), expected="identical", verdict="identical").first
    assert not scored(WRONG, right=(), expected="identical", verdict="identical").first
    assert not scored(right=(), expected="identical").first


def test_what_only_one_run_has_must_be_said():
    metric = (Right(("only_one_run",), r"\bauc\b"),)
    named = cause("only_one_run", "the metric AUC")
    assert scored(named, right=metric, expected="identical", verdict="identical").first
    assert not scored(right=metric, expected="identical", verdict="identical").first
    assert not scored(named, right=metric, expected="identical").first


@pytest.mark.parametrize("half", HALVES)
def test_a_half_has_22_pairs_of_every_kind_of_which_6_are_usual(half):
    pairs = read(half)
    assert Counter(pair.group for pair in pairs).keys() == GROUPS
    assert len({pair.name for pair in pairs}) == len(pairs) == 22
    assert sum(pair.usual for pair in pairs) == 6


def test_the_halves_share_no_trainer():
    trainers = [{pair.trainer for pair in read(half)} for half in HALVES]
    assert trainers[0].isdisjoint(trainers[1])


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.shown for pair in PAIRS])
def test_every_edit_of_a_pair_applies_once(pair, tmp_path):
    assert copied(pair.folder, tmp_path, pair.edits).is_dir()


@pytest.mark.parametrize(("text", "count"), [("", 0), ("a = 1\na = 1\n", 2)])
def test_an_edit_that_does_not_apply_once_is_an_error(text, count, tmp_path):
    trainer = tmp_path / "trainer"
    trainer.mkdir()
    (trainer / "train.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"train.py: .* {count} times, expected once"):
        copied(trainer, tmp_path / "copy", (Edit("train.py", "a = 1", "a = 2"),))


def test_no_trainer_knows_of_us(tmp_path):
    for pair in PAIRS:
        shutil.rmtree(tmp_path)
        for path in copied(pair.folder, tmp_path, pair.edits).rglob("*.*"):
            text = path.read_text(encoding="utf-8")
            assert "repro" not in text, pair.shown
            assert "planted" not in text, pair.shown
