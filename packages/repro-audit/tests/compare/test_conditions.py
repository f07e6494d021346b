"""In which conditions two runs differ, and in which they are only not known to agree."""

import pytest
from manifests import OTHER_DIGEST, changed, document, record, rerun, value_at

from repro_audit.compare.conditions import condition_differences

MODELS = "conditions/training/models"
NOT_RECORDED = {"not recorded in expected", "not recorded in actual"}


def states(mine, theirs):
    """Return how each condition differs, by its path, in both orders of the runs."""
    found = condition_differences(record(mine), record(theirs))
    turned = condition_differences(record(theirs), record(mine))
    assert [item.path for item in found] == [item.path for item in turned]
    return {item.path.removeprefix("$.conditions."): {item.state} for item in found}, {
        item.path.removeprefix("$.conditions."): {item.state} for item in turned
    }


def with_null(path):
    return changed(rerun(), {path: None})


def test_equal_conditions_do_not_differ():
    assert states(document(), rerun()) == ({}, {})


def test_of_lists_of_unequal_length_what_both_have_is_compared_item_by_item():
    (model,) = value_at(document(), MODELS)
    other = changed(model, {"config_digest": None, "class_name": "Other"})
    found, turned = states(document(), changed(rerun(), {MODELS: [other, model]}))
    assert found == {
        "training.models[0].class_name": {"changed"},
        "training.models[1]": {"only in actual"},
    }
    assert turned["training.models[1]"] == {"only in expected"}


def test_a_list_of_words_is_one_value():
    found, _ = states(document(), changed(rerun(), {"conditions/code/argv": ["one", "more"]}))
    assert set(found) == {"code.argv"}


@pytest.mark.parametrize(
    "path",
    [
        f"{MODELS}/0/optimizer",
        "conditions/determinism/execution/0/jit_requested",
        "conditions/data/train/unordered_digest",
        "conditions/environment/cpu/model",
        "conditions/initializers/restored",
    ],
)
def test_a_value_that_one_run_did_not_record_is_not_known_to_differ(path):
    for side in states(document(), with_null(path)):
        ((state,),) = side.values()
        assert state in NOT_RECORDED


@pytest.mark.parametrize(
    "path",
    ["conditions/seeds/declared", "conditions/seeds/backend/seed", f"{MODELS}/0/loss"],
)
def test_where_null_says_that_nothing_was_set_it_is_another_value(path):
    found, _ = states(document(), with_null(path))
    assert set.union(*found.values()) == {"changed"}


def test_of_a_model_that_is_trained_by_a_loop_and_not_compiled_the_loss_is_not_known():
    requested = "conditions/determinism/execution/0/jit_requested"
    nothing = {f"{MODELS}/0/loss": None, f"{MODELS}/0/metrics": None}
    found, turned = states(document(), changed(rerun(), nothing | {requested: None}))
    assert set.union(*found.values()) == {"not recorded in actual"}
    assert set.union(*turned.values()) == {"not recorded in expected"}
    assert f"{MODELS.replace('conditions/', '').replace('/', '.')}[0].loss" in found
    found, _ = states(document(), changed(rerun(), nothing))
    assert set.union(*found.values()) == {"changed"}


def test_how_a_condition_differs_is_said_in_words():
    (model,) = value_at(document(), MODELS)
    runs = record(document()), record(changed(rerun(), {MODELS: [model, model]}))
    assert [item.said for item in condition_differences(*runs)] == ["only in the actual run"]
    runs = record(document()), record(with_null("conditions/initializers/restored"))
    assert [item.said for item in condition_differences(*runs)] == [
        "not recorded in the actual run"
    ]
    runs = record(document()), record(with_null("conditions/seeds/declared"))
    assert [item.said for item in condition_differences(*runs)] == ["changed"]


def test_what_a_run_says_that_it_lacks_is_not_known_to_differ():
    path = "conditions/seeds/declared"
    lacking = changed(
        with_null(path), {"missing": [{"path": "$.conditions.seeds", "reason": "a test's"}]}
    )
    found, turned = states(document(), lacking)
    assert found == {"seeds.declared": {"not recorded in actual"}}
    assert turned == {"seeds.declared": {"not recorded in expected"}}


def test_data_of_a_role_that_one_run_did_not_name_are_not_known_to_differ():
    role = value_at(document(), "conditions/data/train")
    found, _ = states(document(), changed(rerun(), {("conditions", "data", "more"): role}))
    assert found == {"data.more": {"not recorded in expected"}}


def test_of_a_run_that_trains_by_a_loop_no_argument_of_fit_and_no_pipeline_is_known():
    fits, datasets = "conditions/training/fits", "conditions/determinism/datasets"
    loop = changed(rerun(), {f"{fits}/0/arguments": {}, datasets: []})
    found, turned = states(document(), loop)
    assert set.union(*found.values()) == {"not recorded in actual"}
    assert set.union(*turned.values()) == {"not recorded in expected"}
    assert {"training.fits[0].arguments.epochs", "determinism.datasets[0]"} <= set(found)
    # Where another fit tells of its pipelines, that one has none is known.
    again = [*value_at(document(), fits), {**value_at(document(), fits)[0], "arguments": {}}]
    found, _ = states(document(), changed(rerun(), {fits: again, datasets: []}))
    assert found["determinism.datasets[0]"] == {"only in expected"}


INPUT = {"class_name": "InputLayer", "config": {"name": "<1>", "batch_shape": [None, 4]}}


def sequential(*layers, **fields):
    return {"class_name": "Sequential", "config": {"name": "<0>", "layers": [*layers]}} | fields


def dense(units, number):
    return {"class_name": "Dense", "config": {"name": f"<{number}>", "units": units}}


@pytest.mark.parametrize(
    ("loaded", "paths"),
    [
        (sequential(INPUT, dense(4, 2), dense(1, 3)), set()),
        (sequential(dense(4, 1), dense(1, 2) | {"build_config": {}}), set()),
        (
            sequential(dense(4, 1), dense(1, 2) | {"module": "mine"}),
            {"layers[1].module"},
        ),
        (sequential(dense(4, 1)), {"layers[1]"}),
    ],
)
def test_what_loading_adds_to_a_model_is_no_difference_and_the_rest_is(loaded, paths):
    config = f"{MODELS}/0/config"
    built = changed(document(), {config: sequential(dense(4, 1), dense(1, 2))})
    found, _ = states(built, changed(rerun(), {config: loaded}))
    assert {path.rpartition("config.layers")[2] for path in found} == {
        path.removeprefix("layers") for path in paths
    }


def test_names_by_which_layers_are_joined_are_part_of_a_model():
    config = f"{MODELS}/0/config"
    joined = [
        {"class_name": "Functional", "config": {"layers": [], "output_layers": [["<1>", 0, 0]]}},
        {"class_name": "Functional", "config": {"layers": [], "output_layers": [["<2>", 0, 0]]}},
    ]
    runs = changed(document(), {config: joined[0]}), changed(rerun(), {config: joined[1]})
    assert states(*runs)[0]


FILE = {"digest": OTHER_DIGEST, "bytes": 7}


def reading(value, *, missing=(), **read):
    """Return a run that has read some variables and files, and says what it did not see."""
    whole = {"variables": {}, "files": {}} | read
    lacking = [{"path": f"$.conditions.read{path}", "reason": "a test's"} for path in missing]
    return changed(value, {"conditions/read": whole, "missing": lacking})


def test_a_run_of_a_release_that_did_not_record_what_was_read_is_not_known_to_differ():
    found, turned = states(changed(document(), {"conditions/read": None}), reading(rerun()))
    assert found == {"read": {"not recorded in expected"}}
    assert turned == {"read": {"not recorded in actual"}}


def test_what_both_runs_have_read_differs_by_its_content():
    files = {"a.csv": FILE, "b.csv": FILE}
    other = files | {"a.csv": FILE | {"digest": "sha256:" + "1" * 64}}
    found, _ = states(
        reading(document(), files=files, variables={"LR": "0123", "SET": None}),
        reading(rerun(), files=other, variables={"LR": "4567", "SET": "89ab"}),
    )
    assert found == {
        "read.files['a.csv'].digest": {"changed"},
        "read.variables.LR": {"changed"},
        "read.variables.SET": {"changed"},
    }


def test_what_one_run_alone_has_read_differs_unless_the_other_did_not_see_all():
    whole = reading(document(), files={"a.csv": FILE}, variables={"LR": "0123"})
    found, turned = states(whole, reading(rerun()))
    assert set.union(*found.values()) == {"only in expected"}
    assert set.union(*turned.values()) == {"only in actual"}
    found, turned = states(whole, reading(rerun(), missing=[".files"]))
    assert found["read.files['a.csv']"] == {"not recorded in actual"}
    assert turned["read.files['a.csv']"] == {"not recorded in expected"}
    assert found["read.variables.LR"] == {"only in expected"}


def test_a_variable_that_was_not_set_is_known_not_to_be_set():
    names = ("SET", "an odd name")
    given = reading(document(), variables=dict.fromkeys(names, "0123"))
    lacking = reading(rerun(), variables=dict.fromkeys(names), missing=[".variables"])
    found, _ = states(given, lacking)
    assert set.union(*found.values()) == {"changed"}


def test_a_file_whose_digest_is_missing_is_not_known_to_differ():
    place = ".files['a.csv'].digest"
    lacking = reading(rerun(), files={"a.csv": FILE | {"digest": None}}, missing=[place])
    found, _ = states(reading(document(), files={"a.csv": FILE}), lacking)
    assert found == {f"read{place}": {"not recorded in actual"}}


def test_the_name_of_what_a_layer_holds_is_no_name_of_a_layer():
    """A dtype policy is told from another by nothing else."""
    config = f"{MODELS}/0/config"
    runs = []
    for value, policy in ((document(), "float32"), (rerun(), "mixed_float16")):
        layer = dense(4, 1)
        layer["config"]["dtype"] = {"class_name": "DTypePolicy", "config": {"name": policy}}
        runs.append(changed(value, {config: sequential(layer)}))
    assert set(states(*runs)[0]) == {
        "training.models[0].config.config.layers[0].config.dtype.config.name"
    }


def test_a_layer_behind_an_input_layer_is_named_where_the_expected_run_has_it():
    config = f"{MODELS}/0/config"
    bare = changed(rerun(), {config: sequential(dense(4, 1), dense(2, 2))})
    built = changed(document(), {config: sequential(INPUT, dense(4, 2), dense(1, 3))})
    found, turned = states_apart(built, bare)
    begin = "training.models[0].config.config.layers"
    assert (found, turned) == ({f"{begin}[2].config.units"}, {f"{begin}[1].config.units"})


def states_apart(mine, theirs):
    """Return the paths at which runs differ, in both orders."""
    found = (condition_differences(*map(record, pair)) for pair in ((mine, theirs), (theirs, mine)))
    return tuple({item.path.removeprefix("$.conditions.") for item in each} for each in found)
