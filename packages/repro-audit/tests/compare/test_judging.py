"""How kinds of cause are judged beside each other, by what the steps tell and by when each acts."""

import pytest
from first_differences import COLUMNS, column, traced
from manifests import changed, document, record, rerun

from repro_audit.compare.cause_case import Case
from repro_audit.compare.cause_judging import judge
from repro_audit.compare.causes import _through, _unrecorded, diagnose
from repro_audit.compare.comparison import ConditionDifference, FirstDifference, TensorDifference
from repro_audit.compare.kinds import STAGES, kind_named, kind_of
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.trace_comparison import ColumnOnset, OrderDifference

BASE = record(changed(document(), {"conditions/seeds/hash_seed/randomized": False}))
PATHS = {
    "data": "data.train.digest",
    "fit": "training.fits[0].arguments.shuffle",
    "pipeline": "determinism.datasets[0].workers",
    "pipeline_order": "determinism.datasets[0].deterministic",
    "threads": "determinism.backend.threads.intra_op.in_force",
    "metrics": "training.models[0].metrics[0].config.k",
    "optimizer": "training.models[0].optimizer.config.momentum",
    "read_files": "read.files['a.csv'].digest",
    "read_variables": "read.variables.WIDTH",
    "arguments": "code.argv[1]",
    "code": "code.files['train.py']",
    "packages": "packages.distributions.click.version",
}


def differing(*names):
    return [ConditionDifference(f"$.conditions.{PATHS[name]}", 1, 2) for name in names]


def case(symptom, *names, told=""):
    kinds = {kind_of(item.path): [item] for item in differing(*names)}
    return Case(BASE, BASE, symptom, kinds, told)


def ranked(symptom, *names, told=""):
    """Return kinds of causes, the best first."""
    found = case(symptom, *names, told=told)
    judged = {kind.name: judge(found, kind) for kind in found.kinds}
    named = [(name, item) for name, item in judged.items() if item.certainty is not None]
    order = ("certain", "likely", "possible")
    named.sort(key=lambda item: (order.index(item[1].certainty), -item[1].rank))
    return [name for name, _ in named]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("batch_size", "fit"),
        ("batch_size", "pipeline"),
        ("batch_count", "fit"),
        ("batch_count", "pipeline"),
        ("batch_order", "fit"),
        ("batch_order", "pipeline"),
        ("batch_order", "pipeline_order"),
    ],
)
def test_what_gives_batches_another_size_or_order_comes_before_other_data(told, name):
    symptom = Symptom(where="batch")
    assert ranked(symptom, "data", name, told=told) == [name, "data"]
    assert ranked(symptom, "data", name) == ["data", name]


def test_what_the_program_was_given_comes_in_the_order_in_which_it_tells_most():
    symptom = Symptom(where="random")
    names = ["read_files", "read_variables", "arguments", "code", "packages"]
    assert ranked(symptom, *reversed(names)) == names


def test_what_was_read_comes_first_only_where_the_program_is_the_same():
    symptom = Symptom(where="update", loss_equal=True)
    for read in ("read_files", "read_variables"):
        assert ranked(symptom, "optimizer", read) == [read, "optimizer"]
        for other in ("arguments", "code"):
            assert ranked(symptom, "optimizer", read, other)[0] == "optimizer"


LAYERS = ("Normalization", "Discretization", "TextVectorization", "StringLookup", "IntegerLookup")


@pytest.mark.parametrize("layer", LAYERS)
def test_other_data_is_likely_where_layers_that_adapt_to_data_begin_otherwise(layer):
    kind = kind_named("data")
    adapted = case(Symptom(where="start", roles=(layer,)), "data")
    assert judge(adapted, kind).certainty == "likely"
    dense = case(Symptom(where="start", roles=(layer, "Dense")), "data")
    assert judge(dense, kind).certainty == "possible"


def told_of(kind):
    """Return traces that tell of something that no rounding brings about."""
    weight = column("weight")
    if kind == "learning_rate":
        return traced(column("optimizer", "learning_rate"), weight, recorded=COLUMNS[:3])
    if kind == "update_rule":
        later = ColumnOnset(column("optimizer", "momentum"), 0, 1, 6)
        return traced(weight)._replace(partings=(later,))
    lone = OrderDifference("actual", "column", "x", 0, 1, 1, 0, column("optimizer", "momentum"))
    return traced(weight)._replace(order=(lone,))


@pytest.mark.parametrize("told", ["learning_rate", "update_rule", "only_one_run"])
def test_what_no_rounding_brings_about_is_not_put_down_to_threads(told):
    first = FirstDifference(kind="step", text="", fit=0, epoch=1, step=5)
    causes = diagnose(BASE, BASE, differing("threads"), first, told_of(told)).causes
    assert [(item.kind, item.certainty) for item in causes] == [
        (told, "likely"),
        ("threads", "possible"),
    ]


@pytest.mark.parametrize(
    ("where", "name", "said"),
    [
        ("start", "data", None),
        ("start", "fit", "acts on what a step is given, from HERE on"),
        ("start", "threads", "acts on the loss, from HERE on"),
        ("batch", "optimizer", "acts on the update of the weights, from HERE on"),
        ("random", "threads", "acts on the loss, from HERE on"),
    ],
)
def test_what_acts_later_says_on_what_and_since_when(where, name, said):
    kind = kind_of(f"$.conditions.{PATHS[name]}")
    found = judge(case(Symptom(where=where, place="HERE"), name), kind)
    assert found.is_later == (said is not None)
    assert said is None or found.reason.startswith(f"it {said}, after")


def test_what_would_part_the_runs_by_itself_says_so():
    symptom = Symptom(where="batch", place="HERE")
    for name, alone in (("optimizer", True), ("threads", False)):
        reason = judge(case(symptom, name), kind_of(f"$.conditions.{PATHS[name]}")).reason
        assert ("it would make the runs differ by itself" in reason) == alone


def test_callbacks_act_at_the_ends_of_steps_and_epochs():
    path = "$.conditions.training.fits[0].callbacks[0]"
    kind = kind_of(path)
    found = Case(BASE, BASE, Symptom(where="batch"), {kind: [ConditionDifference(path, 1, 2)]})
    assert judge(found, kind).reason.startswith("it acts at the ends of steps and epochs, after")


@pytest.mark.parametrize("where", STAGES)
def test_a_seed_that_differs_is_never_ruled_out(where):
    """Whatever is made may follow from it, the data to test on among it."""
    path = "$.conditions.seeds.declared"
    kind = kind_of(path)
    found = Case(BASE, BASE, Symptom(where=where), {kind: [ConditionDifference(path, 1, 2)]})
    assert judge(found, kind).certainty is not None


def test_weights_of_several_models_point_at_the_first_of_them():
    path = "$.conditions.training.models[1].class_name"
    kind, later = kind_of(path), [ConditionDifference(path, "A", "B")]
    for models, certainty in (({0, 1}, "possible"), ({1}, "likely")):
        symptom = Symptom(where="start", models=frozenset(models))
        found = judge(Case(BASE, BASE, symptom, {kind: later}), kind)
        assert found.certainty == certainty
    tensors = tuple(
        TensorDifference(model=place, position=0, layer="Dense", role="kernel", label="")
        for place in (0, 1)
    )
    first = FirstDifference(kind="initial weights", text="", tensors=tensors)
    causes = diagnose(BASE, record(rerun()), later, first, None).causes
    assert {item.kind: item.certainty for item in causes}["model"] == "possible"


def test_a_hash_seed_that_was_left_to_chance_in_both_runs_comes_last():
    chance = record(changed(document(), {"conditions/seeds/hash_seed/randomized": True}))
    path = "$.conditions.seeds.hash_seed.probe"
    kind = kind_of(path)
    for where in ("batch", "loss", "epoch"):
        kinds = {kind: [ConditionDifference(path, 1, 2)]}
        found = judge(Case(chance, chance, Symptom(where=where), kinds), kind)
        assert (found.certainty, found.rank) == ("possible", -1)


def test_a_hash_seed_that_differs_is_likely_only_where_nothing_else_decides_what_is_fed():
    path = "$.conditions.seeds.hash_seed.probe"
    kind = kind_of(path)
    for others, certainty in (((), "likely"), (("fit",), "possible"), (("optimizer",), "likely")):
        found = case(Symptom(where="batch"), *others)
        found.kinds[kind] = [ConditionDifference(path, 1, 2)]
        assert judge(found, kind).certainty == certainty


@pytest.mark.parametrize(
    ("told", "certainty"),
    [("learning_rate", "likely"), ("update_rule", "likely"), ("layer_code", "possible")],
)
def test_callbacks_are_likely_where_the_steps_tell_of_another_update(told, certainty):
    path = "$.conditions.training.fits[0].callbacks[0]"
    kind, item = kind_of(path), [ConditionDifference(path, 1, 2)]
    found = Case(BASE, BASE, Symptom(where="update"), {kind: item}, told)
    assert judge(found, kind).certainty == certainty


def test_a_pipeline_that_is_validated_on_is_likely_where_all_steps_are_equal():
    (dataset, *_) = document()["conditions"]["determinism"]["datasets"]
    path = "$.conditions.determinism.datasets[0].workers"
    kind, item = kind_of(path), [ConditionDifference(path, 1, 2)]
    for argument, certainty in (("validation_data", "likely"), ("x", None)):
        sets = {"conditions/determinism/datasets": [dataset | {"argument": argument}]}
        run = record(changed(document(), sets))
        found = judge(Case(run, run, Symptom(where="result"), {kind: item}), kind)
        assert found.certainty == certainty


def test_what_ends_training_or_is_reported_makes_no_weight_differ_by_itself():
    for path in ("training.fits[0].arguments.epochs", "training.models[0].metrics"):
        kind = kind_of(f"$.conditions.{path}")
        kinds = {kind: [ConditionDifference(f"$.conditions.{path}", 1, 2)]}
        reason = judge(Case(BASE, BASE, Symptom(where="batch", place="HERE"), kinds), kind).reason
        assert "HERE" not in reason
        assert "by itself" not in reason


def test_an_argument_beside_threads_is_likely_where_no_rounding_is_so_large():
    for size, certainty in (("large", "likely"), (None, "possible")):
        found = case(Symptom(where="update", size=size), "arguments", "threads")
        assert judge(found, kind_of("$.conditions.code.argv[1]")).certainty == certainty


def test_seeds_of_layers_are_ruled_out_behind_an_equal_loss_alone():
    kind = kind_named("given_seeds")
    item = [ConditionDifference("$.conditions.seeds.layers[0].seed", 1, 2)]
    for equal, certainty in ((True, None), (False, "likely")):
        symptom = Symptom(where="update", loss_equal=equal)
        assert judge(Case(BASE, BASE, symptom, {kind: item}), kind).certainty == certainty


def test_metrics_that_differ_alone_point_at_metrics_before_what_moves_weights():
    """Where the loss differs as well, the metrics follow from what made it differ."""
    names = "optimizer", "code", "metrics", "threads"
    alone = Symptom(where="loss", metrics_only=True)
    assert ranked(alone, *names)[0] == "metrics"
    optimizer = judge(case(alone, *names), kind_of(f"$.conditions.{PATHS['optimizer']}"))
    assert (optimizer.certainty, optimizer.reason) == (
        "possible",
        "though the loss and the weights of the step are equal",
    )
    assert "metrics" not in ranked(Symptom(where="loss"), *names)


def test_what_is_too_large_for_rounding_is_said_by_what_shows_it():
    for symptom, said in (
        (Symptom(where="loss", size="large", ratio=1e-6, loss_apart=0.25), "loss of that step"),
        (Symptom(where="loss", size="large", ratio=0.5, loss_apart=0.05), "0.5 of one training"),
    ):
        judged = judge(case(symptom, "threads"), kind_of(f"$.conditions.{PATHS['threads']}"))
        assert judged.certainty == "possible"
        assert said in judged.reason


def test_where_batches_were_not_recorded_what_decides_them_comes_first():
    """Before the arguments, by which the program may have been given them; and before code."""
    unknown = Symptom(where="update", batches_unknown=True)
    assert ranked(unknown, "arguments", "code", "data")[0] == "data"
    assert ranked(unknown, "arguments", "pipeline", "code")[0] == "pipeline"
    arguments = kind_of(f"$.conditions.{PATHS['arguments']}")
    for names, certainty in ((("arguments", "data"), "possible"), (("arguments",), "likely")):
        assert judge(case(unknown, *names), arguments).certainty == certainty


OF_STEP = {
    "compile": "training.models[0].compile.auto_scale_loss",
    "loss": "training.models[0].loss",
    "model": "training.models[0].config.rate",
    "optimizer": "training.models[0].optimizer.config.momentum",
    "sample_weight": "training.fits[0].arguments.class_weight",
    "training": "training.strategy",
}


def judged(path, symptom, *others, expected=1):
    items = [ConditionDifference(f"$.conditions.{place}", expected, 2) for place in (path, *others)]
    kinds = {kind_of(item.path): [item] for item in items}
    return judge(Case(BASE, BASE, symptom, kinds), kind_of(items[0].path))


@pytest.mark.parametrize("name", OF_STEP)
def test_what_a_step_comes_from_is_only_possible_where_metrics_differ_alone(name):
    assert kind_of(f"$.conditions.{OF_STEP[name]}").name == name
    found = judged(OF_STEP[name], Symptom(where="loss", metrics_only=True))
    assert (found.certainty, found.reason) == (
        "possible",
        "though the loss and the weights of the step are equal",
    )


@pytest.mark.parametrize(
    ("path", "symptom"),
    [
        (PATHS["metrics"], Symptom(where="loss", metrics_only=True)),
        (PATHS["data"], Symptom(where="between")),
        (PATHS["pipeline"], Symptom(where="between")),
        (PATHS["optimizer"], Symptom(where="epoch")),
    ],
)
def test_what_is_known_to_decide_leaves_the_steps_nothing_to_tell(path, symptom):
    assert judged(path, symptom).is_direct


def test_layers_that_adapt_all_point_at_data_and_others_do_not():
    for roles, certainty in (
        (("Normalization", "StringLookup"), "likely"),
        (("Normalization", "Dense"), "possible"),
        ((), "possible"),
    ):
        symptom = Symptom(where="start", roles=roles)
        assert judged(PATHS["data"], symptom).certainty == certainty
    every = "Normalization", "Discretization", "TextVectorization", "StringLookup", "IntegerLookup"
    assert judged(PATHS["data"], Symptom(where="start", roles=every)).certainty == "likely"


@pytest.mark.parametrize("name", ["model", "model_code"])
def test_a_model_that_is_trained_later_is_no_likely_cause_of_other_initial_weights(name):
    paths = {"model": "training.models[1].config.rate", "model_code": "training.models[1].code.f"}
    symptom = Symptom(where="start", models=frozenset({0}))
    assert judged(paths[name], symptom).certainty == "possible"
    assert judged(paths[name], symptom._replace(models=frozenset({1}))).certainty == "likely"


def test_what_acts_at_the_stage_itself_is_not_behind_it():
    assert not judged(PATHS["data"], Symptom(where="batch")).is_later
    assert judged(PATHS["data"], Symptom(where="start")).certainty is not None
    assert judged(PATHS["optimizer"], Symptom(where="loss", place="HERE")).is_later


@pytest.mark.parametrize(("equal", "said"), [(True, "initial weights are equal"), (False, "")])
def test_initializers_are_ruled_out_where_models_begin_with_equal_weights(equal, said):
    path = "initializers.layers[0].initializer"
    found = judged(path, Symptom(where="update", start_equal=equal))
    assert (found.certainty is None) is equal
    assert said in found.reason


@pytest.mark.parametrize(
    ("others", "certainty"),
    [
        ((), "likely"),
        (("packages.distributions.click.version",), "possible"),
        ((PATHS["optimizer"],), "possible"),
        (("seeds.declared",), "possible"),
    ],
)
def test_what_may_decide_anything_is_likely_in_an_epoch_only_where_it_is_alone(others, certainty):
    assert judged(PATHS["arguments"], Symptom(where="epoch"), *others).certainty == certainty


def test_a_generator_in_another_state_comes_from_a_seed_that_has_an_effect():
    symptom = Symptom(where="random")
    assert judged("seeds.declared", symptom).certainty == "likely"
    assert judged("seeds.backend.digest", symptom).certainty == "possible"


@pytest.mark.parametrize(
    ("path", "where", "reason"),
    [
        (
            "training.fits[0].callbacks",
            "batch",
            (
                "it acts at the ends of steps and epochs, after the first difference; "
                "it would make the runs differ by itself"
            ),
        ),
        (
            "training.fits[0].arguments.validation_freq",
            "update",
            "it acts on what is evaluated and reported, after the first difference",
        ),
        (
            "seeds.generators[0].entropy",
            "update",
            "it acts on what is evaluated and reported, after the first difference",
        ),
        (
            "training.models[0].config.rate",
            "batch",
            (
                "it acts on the state of the layers' generators, from HERE on, after the first "
                "difference; it would make the runs differ by itself"
            ),
        ),
    ],
)
def test_what_acts_later_is_said_in_these_words(path, where, reason):
    found = judged(path, Symptom(where=where, place="HERE"))
    assert (found.certainty, found.is_later, found.reason) == (None, True, reason)


def given_seeds(symptom):
    """Return two runs of which layers were given other seeds, and nothing else differs."""
    item = ConditionDifference("$.conditions.seeds.layers[0].seed", 1, 2)
    return Case(BASE, BASE, symptom, {kind_named("given_seeds"): [item]})


def test_batches_that_were_not_recorded_are_only_possible_beside_seeds_that_decide_the_loss():
    symptom = Symptom(where="loss", batches_unknown=True)
    ((judgement, cause),) = _unrecorded(given_seeds(symptom))
    assert (judgement.certainty, cause.certainty) == ("possible", "possible")


def test_what_was_read_is_said_to_be_behind_what_else_decides_and_behind_nothing_else():
    symptom = Symptom(where="batch")
    assert _through(case(symptom, "read_files", "code")) == ""
    assert "this may follow from it: data: train" in _through(case(symptom, "read_files", "data"))
