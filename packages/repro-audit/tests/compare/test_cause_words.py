"""What a cause says of others: what follows from it, and the files of the program that differ."""

import pytest
from first_differences import COLUMNS, column, traced
from manifests import changed, document, record

from repro_audit.compare.causes import diagnose
from repro_audit.compare.comparison import ConditionDifference, FirstDifference

BASE = record(changed(document(), {"conditions/seeds/hash_seed/randomized": False}))
CODE = "code.files['train.py']"
FILE, VARIABLE = "read.files['a.csv'].digest", "read.variables.WIDTH"
RATE = "training.models[0].optimizer.config.learning_rate"
STEP = FirstDifference(kind="step", text="", fit=0, epoch=1, step=5)
EPOCH = FirstDifference(kind="epoch weights", text="", fit=0, epoch=1)


def causes(*paths, first=EPOCH, trace=None):
    differences = [ConditionDifference(f"$.conditions.{path}", 1, 2) for path in paths]
    return {item.kind: item for item in diagnose(BASE, BASE, differences, first, trace).causes}


@pytest.mark.parametrize("read", [FILE, VARIABLE])
def test_what_was_read_says_what_may_follow_from_it(read):
    kind = "read_files" if read == FILE else "read_variables"
    reason = causes(read, RATE)[kind].reason
    assert reason.endswith("; this may follow from it: optimizer: learning_rate 1 → 2")
    assert "follow from it" not in causes(read)[kind].reason
    assert "follow from it" not in causes(read, "packages.distributions.click.version")[kind].reason
    seeded = causes(read, "seeds.declared")[kind].reason
    assert "this may follow from it: seed: 1 → 2" in seeded


def test_of_what_may_follow_three_are_named():
    more = ("seeds.declared", RATE, "training.models[0].loss", "training.fits[0].arguments.shuffle")
    reason = causes(FILE, VARIABLE, *more)["read_files"].reason
    assert reason.partition("follow from it: ")[2].count("; ") == 2


OF_CODE = {
    "callbacks": "training.fits[0].callbacks[0]",
    "compile": "training.models[0].compile.loss_weights",
    "data": "data.train.digest",
    "generators": "seeds.generators[0].entropy",
    "model_code": "training.models[0].code.Scaled",
    "pipeline": "determinism.datasets[0].workers",
}


@pytest.mark.parametrize("kind", OF_CODE)
def test_what_code_decides_names_the_files_that_differ(kind):
    said = "; of the code train.py differs"
    assert said in causes(OF_CODE[kind], CODE)[kind].reason
    assert "of the code" not in causes(OF_CODE[kind], "code.git.commit")[kind].reason
    assert "of the code" not in causes(OF_CODE[kind])[kind].reason


def test_other_kinds_name_no_file_and_of_many_files_three_are_named():
    assert "of the code" not in causes(RATE, CODE)["optimizer"].reason
    files = [f"code.files['{name}.py']" for name in "abcd"]
    reason = causes(OF_CODE["pipeline"], *files)["pipeline"].reason
    assert "; of the code a.py, b.py, c.py and 1 more differs" in reason


def test_what_the_steps_tell_names_the_files_too():
    told = causes(CODE, first=STEP, trace=traced(column("loss")))["layer_code"]
    assert "; of the code train.py differs" in told.reason
    assert (told.certainty, "no recorded condition" in told.reason) == ("likely", False)


@pytest.mark.parametrize("where", ["loss", "weight"])
def test_batches_that_were_not_recorded_step_back_where_something_decides_the_step(where):
    trace = traced(column(where), recorded=COLUMNS[1:])
    for path, certainty in (
        (RATE if where == "weight" else "training.models[0].loss", "possible"),
        ("packages.distributions.click.version", "likely"),
    ):
        found = causes(path, first=STEP, trace=trace)["unrecorded_data"]
        assert (found.certainty, found.paths) == (certainty, ("$.outcomes.digests.trace",))


def test_what_rounds_or_is_only_possible_does_not_say_what_the_steps_tell():
    trace = traced(column("optimizer", "learning_rate"), column("weight"), recorded=COLUMNS[:3])
    threads = "determinism.backend.threads.intra_op.in_force"
    found = causes(threads, RATE, "packages.distributions.click.version", first=STEP, trace=trace)
    assert "only the learning rate differs" in found["optimizer"].reason
    assert "learning rate" not in found["threads"].reason
    assert "learning rate" not in found["packages"].reason
