import json
import random

import pytest
from manifests import OTHER_DIGEST, changed, document, parted, record

from repro_audit.audit import audit
from repro_audit.compare import compare
from repro_audit.report.json import render_json
from repro_audit.report.markdown import render_markdown
from repro_audit.report.text import render_text

START, LATER = "initial weights", "epoch 1"
DETERMINISM = "conditions/determinism"
DATA = {
    "conditions/data/train/digest": OTHER_DIGEST,
    "conditions/data/train/unordered_digest": OTHER_DIGEST,
    "conditions/data/train/arrays/0/digest": OTHER_DIGEST,
}
LEARNING_RATE = {"conditions/training/models/0/optimizer/config/learning_rate": 0.002}
KERAS = ("conditions", "packages", "distributions", "keras")
CLICK = ("conditions", "packages", "distributions", "click")


def other_seed():
    """Return the conditions of the same script under seed 813."""
    stream = random.Random(813)
    drawn = {}
    value = document()
    for item in (
        *value["conditions"]["initializers"]["layers"],
        *value["conditions"]["seeds"]["layers"],
    ):
        if item["seed"] is not None and item["given"] is False:
            drawn.setdefault(item["seed"], stream.randint(1, 10**9))
    changes = {"conditions/seeds/declared": 813, "conditions/seeds/backend/seed": 813}
    for part in ("initializers", "seeds"):
        for index, item in enumerate(value["conditions"][part]["layers"]):
            if item["seed"] in drawn:
                changes["conditions", part, "layers", index, "seed"] = drawn[item["seed"]]
    return changes


def threads(count):
    return {
        f"{DETERMINISM}/backend/threads/intra_op/in_force": count,
        f"{DETERMINISM}/backend/threads/inter_op/in_force": count,
    }


# What differs, where the runs diverge: the first cause's group and certainty, and its remedy.
TABLE = {
    "seed": (other_seed(), START, "seeds", "certain", "repro_audit.control(seed=812)"),
    "seed, later": (other_seed(), LATER, "seeds", "likely", "repro_audit.control(seed=812)"),
    "data": (DATA, LATER, "data", "certain", "keras.utils.set_random_seed("),
    "data at the start": (DATA, START, "training", "likely", "load_weights"),
    "learning rate": (
        LEARNING_RATE,
        LATER,
        "training",
        "likely",
        "keras.optimizers.Adam(..., learning_rate=0.001)",
    ),
    "threads": (
        threads(7),
        LATER,
        "determinism",
        "likely",
        "repro_audit.control(seed=812, threads=",
    ),
    "oneDNN": (
        {f"{DETERMINISM}/backend/onednn/in_force": True},
        LATER,
        "determinism",
        "likely",
        "export TF_ENABLE_ONEDNN_OPTS=0",
    ),
    "jit": (
        {f"{DETERMINISM}/execution/0/jit": True},
        LATER,
        "determinism",
        "likely",
        "jit_compile=False",
    ),
    "op determinism": (
        {f"{DETERMINISM}/backend/op_determinism": "off"},
        LATER,
        "determinism",
        "likely",
        "repro_audit.control(seed=812)",
    ),
    "keras": ({(*KERAS, "version"): "2.0.0"}, LATER, "packages", "likely", "pip install keras=="),
    "keras at the start": ({(*KERAS, "version"): "2"}, START, "packages", "likely", "pip install"),
    "click": ({(*CLICK, "version"): "2.0.0"}, LATER, "packages", "likely", "pip install click=="),
    "arguments": ({"conditions/code/argv": ["x.py", "--new"]}, LATER, "code", "likely", "#"),
    "arguments at the start": (
        {"conditions/code/argv": ["x.py", "--new"]},
        START,
        "code",
        "likely",
        "#",
    ),
    "processor": (
        {"conditions/environment/cpu/model": "Other"},
        LATER,
        "environment",
        "likely",
        "ONEDNN_MAX_CPU_ISA",
    ),
}


def compared(changes, since):
    other = changed(parted(document(), since), changes)
    return audit(record(document()), record(other)), [record(document()), record(other)]


@pytest.mark.parametrize("name", TABLE)
def test_the_condition_that_differs_is_the_first_cause(name):
    changes, since, group, certainty, remedy = TABLE[name]
    result, _ = compared(changes, since)
    first = result.comparisons[0].causes[0]
    assert (first.group, first.certainty) == (group, certainty)
    if remedy != "#":
        assert remedy in first.remedy


@pytest.mark.parametrize("name", TABLE)
def test_its_remedy_is_printed_in_every_format(name):
    changes, since, *_ = TABLE[name]
    result, manifests = compared(changes, since)
    remedy = result.comparisons[0].causes[0].remedy
    text, markdown = render_text(result, manifests, width=40), render_markdown(result, manifests)
    for line in remedy.splitlines():
        assert line in text
        assert line in markdown
    assert json.dumps(remedy) in render_json(result)


def causes(since, *changes):
    merged = {key: value for change in changes for key, value in change.items()}
    return compared(merged, since)[0].comparisons[0].causes


def test_without_a_difference_in_conditions_there_is_no_cause():
    assert causes(LATER) == ()
    result, manifests = compared({}, LATER)
    assert "no recorded condition differs" in render_text(result, manifests)


def test_a_seed_that_differs_is_one_cause_with_the_seeds_that_layers_drew():
    assert len(causes(START, other_seed())) == 1


def test_seeds_that_are_the_time_of_each_run_are_called_that():
    at = {"812": "1970-01-01T00:13:30+00:00", "813": "1970-01-01T00:13:40+00:00"}
    mine = changed(document(), {"information/started": at["812"]})
    theirs = changed(parted(document(), START), other_seed() | {"information/started": at["813"]})
    (comparison,) = audit(record(mine), record(theirs)).comparisons
    assert comparison.causes[0].title == "seed: taken from the clock in each run, 812 → 813"
    (comparison,) = audit(record(document()), record(theirs)).comparisons
    assert comparison.causes[0].title == "seed: 812 → 813"


def test_where_initial_weights_differ_the_data_is_not_certain_and_the_seed_comes_first():
    first, second = causes(START, DATA, other_seed())
    assert (first.group, first.certainty) == ("seeds", "certain")
    assert (second.group, second.certainty) == ("data", "possible")


def test_other_test_data_changes_no_weight_and_acts_on_what_is_evaluated():
    result, _ = compared({"conditions/data/test/digest": OTHER_DIGEST}, LATER)
    (comparison,) = result.comparisons
    assert comparison.causes == ()
    (later,) = comparison.later
    assert (later.kind, later.reason) == ("test_data", "it acts on what is evaluated and reported")


UNSEEN = [{"path": "$.conditions.read.files", "reason": "it was not seen"}]


@pytest.mark.parametrize(
    ("changes", "seeds"),
    [
        ({}, True),
        ({"conditions/code/files/mnist_cnn~1__main__.py": OTHER_DIGEST}, False),
        ({"conditions/code/argv": ["train.py", "--shuffle"]}, False),
        ({"conditions/read/variables": {"DATA": "0f0f"}}, False),
        ({"missing": UNSEEN}, False),
        ({"conditions/data/train/arrays/0/dtype": "file"}, False),
    ],
)
def test_what_one_program_made_of_the_same_is_seeded_and_other_data_are_carried_over(
    changes, seeds
):
    (first, *_) = [item for item in causes(LATER, DATA, changes) if item.kind == "data"]
    assert ("# in both runs, first: before data are drawn or split" in first.remedy) is seeds
    assert ("the same program made it of the same: it may draw" in first.reason) is seeds


def test_threads_are_only_possible_where_the_data_differs():
    by_group = {cause.group: cause.certainty for cause in causes(LATER, DATA, threads(7))}
    assert by_group == {"data": "certain", "determinism": "possible"}


def test_threads_act_only_behind_initial_weights_that_differ():
    result, _ = compared(threads(7), START)
    (comparison,) = result.comparisons
    assert [item.kind for item in comparison.causes] == ["one_layer"]
    assert [item.kind for item in comparison.later] == ["threads"]


def test_a_seed_declared_by_another_call_with_the_same_seed_is_no_cause():
    # The same seed, set by another function, draws the same.
    change = {"conditions/seeds/declared_by": "keras.utils.set_random_seed"}
    assert [cause.kind for cause in causes(START, change)] == ["one_layer"]


def test_data_whose_description_alone_differs_is_not_certain():
    # The digest is over the arrays' digests: with equal ones the content is the same.
    change = {"conditions/data/train/arrays/0/dtype": "float32"}
    assert [cause.certainty for cause in causes(LATER, change)] != ["certain"]


def test_an_extra_draw_before_the_layers_is_named_with_its_offset():
    value = document()
    stream = random.Random(812)
    stream.random()
    changes, drawn = {}, {}
    for part in ("initializers", "seeds"):
        for item in value["conditions"][part]["layers"]:
            if item["seed"] is not None and item["given"] is False:
                drawn[item["seed"]] = None
    original = random.Random(812)
    order = [seed for _ in range(64) if (seed := original.randint(1, 10**9)) in drawn]
    shifted = {seed: stream.randint(1, 10**9) for seed in order}
    for part in ("initializers", "seeds"):
        for index, item in enumerate(value["conditions"][part]["layers"]):
            if item["seed"] in shifted:
                changes["conditions", part, "layers", index, "seed"] = shifted[item["seed"]]
    (cause,) = causes(START, changes)
    assert cause.certainty == "certain"
    assert "offset of 2 words before the first layer" in cause.title
    assert "one random.random()" in cause.reason


def test_causes_are_ranked_by_certainty_and_then_by_group():
    ranked = causes(LATER, DATA, LEARNING_RATE, threads(7), {(*CLICK, "version"): "2.0.0"})
    assert [cause.group for cause in ranked] == ["data", "training", "determinism", "packages"]
    assert [cause.certainty for cause in ranked] == ["certain", "likely", "possible", "possible"]


PARTS = [part for part, value in document()["conditions"].items() if value is not None]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_one_run_lacks_differs_and_is_no_cause(part):
    # Missing evidence explains nothing.
    result = compared({("conditions", part): None}, LATER)[0].comparisons[0]
    assert [item.path for item in result.differences] == [f"$.conditions.{part}"]
    assert result.causes == ()


def test_a_remedy_quotes_what_comes_from_a_manifest():
    key = "a.lr; import os #"
    path = ("conditions", "training", "models", 0, "optimizer", "config", "inner")
    expected = changed(document(), {path: {key: 0.5}})
    actual = changed(parted(document(), LATER), {path: {key: 0.6}})
    (cause,) = compare(record(expected), record(actual)).causes
    assert 'inner={"a.lr; import os #": 0.5})  #' in cause.remedy


@pytest.mark.parametrize("name", ["--index-url=http:evil", "$(id)", "a b"])
def test_a_package_with_an_impossible_name_is_never_in_a_command(name):
    expected = document()
    expected["conditions"]["packages"]["distributions"][name] = {
        "version": "1",
        "digest": None,
        "source": None,
    }
    result = compare(record(expected), record(parted(document(), LATER)))
    assert not result.causes[0].remedy.startswith("pip install")


def test_a_commit_that_is_none_is_never_in_a_command():
    expected = changed(
        document(),
        {"conditions/code/git": {"commit": "--orphan", "dirty": False, "diff_digest": None}},
    )
    result = compare(record(expected), record(parted(document(), LATER)))
    assert "git checkout --" not in result.causes[0].remedy


def test_op_determinism_as_a_data_set_saw_it_is_no_cause_in_the_data():
    value = document()
    datasets = value["conditions"]["determinism"]["datasets"]
    flags = {
        f"{DETERMINISM}/datasets/{number}/op_determinism": not item["op_determinism"]
        for number, item in enumerate(datasets)
    }
    assert flags
    other = changed(parted(value, LATER), {**flags, f"{DETERMINISM}/backend/op_determinism": "off"})
    comparison = compare(record(value), record(other))
    kinds = [cause.kind for cause in comparison.causes]
    assert "op_determinism" in kinds
    assert "pipeline" not in [*kinds, *(item.kind for item in comparison.excluded)]
    stage = {f"{DETERMINISM}/datasets/0/workers": 7}
    other = changed(parted(value, LATER), stage)
    assert "pipeline" in [cause.kind for cause in compare(record(value), record(other)).causes]


def reading(value, **read):
    whole = {"variables": {}, "files": {}} | read
    return changed(value, {"conditions/read": whole, "missing": []})


def causes_of_reading(mine, theirs, kind):
    other = parted(document(), LATER)
    found = compare(record(reading(document(), **mine)), record(reading(other, **theirs))).causes
    return next((cause for cause in found if cause.kind == kind), None)


def file(digit, size=7):
    return {"digest": "sha256:" + digit * 64, "bytes": size}


def test_a_file_that_was_read_is_named_and_restored_by_its_digest():
    mine = {"files": {"data/train.csv": file("1"), "same.txt": file("2")}}
    theirs = {"files": {"data/train.csv": file("3"), "same.txt": file("2"), "new.txt": file("4")}}
    cause = causes_of_reading(mine, theirs, "read_files")
    assert cause.title == "files read: data/train.csv is another, new.txt only in the actual run"
    digest = "1" * 64
    assert cause.remedy == (
        f"echo '{digest}  data/train.csv' | sha256sum --check  # restore the file until it says OK"
    )
    assert causes_of_reading(mine, mine, "read_files") is None
    cause = causes_of_reading({}, theirs, "read_files")
    assert cause.remedy.startswith("# restore as the expected run read them: data/train.csv")


def test_a_variable_that_was_read_is_set_as_it_was():
    cause = causes_of_reading(
        {"variables": {"LR": "0123", "UNSET": None, "KERAS_BACKEND": "89ab", "$(id)": "0000"}},
        {"variables": {"LR": "4567", "UNSET": "cdef", "KERAS_BACKEND": None, "$(id)": None}},
        "read_variables",
    )
    assert cause.title == (
        "environment variables read: LR is another, UNSET is set in the actual run only, "
        "KERAS_BACKEND is set in the expected run only and 1 more"
    )
    known = document()["conditions"]["environment"]["variables"]
    backend = (
        f"KERAS_BACKEND={known['KERAS_BACKEND']}"
        if "KERAS_BACKEND" in known
        else ("KERAS_BACKEND=...  # as in the expected run: digest 89ab")
    )
    assert cause.remedy.splitlines() == [
        "export LR=...  # as in the expected run: digest 0123",
        "unset UNSET",
        f"export {backend}",
    ]


def test_a_file_that_was_read_may_decide_initial_weights_and_later_ones():
    files = {"files": {"data/train.csv": file("1")}}, {"files": {"data/train.csv": file("3")}}
    for since in (START, LATER):
        runs = [
            reading(value, **read)
            for value, read in zip((document(), parted(document(), since)), files, strict=True)
        ]
        assert compare(*map(record, runs)).causes[0].kind == "read_files"
