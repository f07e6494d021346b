"""Which condition explains what: every kind of cause, at every place where runs can diverge."""

import pytest
from first_differences import column, traced
from manifests import changed, document, record

from repro_audit.compare.causes import GROUPS, diagnose
from repro_audit.compare.comparison import Cause, ConditionDifference, FirstDifference
from repro_audit.compare.kinds import KINDS, STAGES, factor_of, kind_of
from repro_audit.compare.testimony import TOLD
from repro_audit.repeat.confirming import Suspicion
from repro_audit.repeat.factors import factor_named

BASE = record(changed(document(), {"conditions/seeds/hash_seed/randomized": False}))

# By kind: the conditions that belong to it. The first of them is the one that the tables differ in.
CONDITIONS = {
    "data": "data.train.digest data.train_2.arrays[0].digest",
    "test_data": "data.test.digest data.validation.arrays[0].digest data.test_2.samples",
    "batch": "training.fits[0].batch[0].dtype",
    "read_files": "read.files['train.csv'].digest",
    "pipeline_order": (
        "determinism.datasets[0].deterministic determinism.datasets[1].stages[2].deterministic"
    ),
    "parallel_map": "determinism.datasets[0].stages[0].random determinism.datasets[1].random",
    "pipeline": "determinism.datasets[0].workers determinism.datasets[0].stages[1].op",
    "seed": "seeds.declared seeds.backend.seed seeds.backend.digest",
    "layer_initializers": "initializers.layers[1].initializer initializers.layers[0].role",
    "drawn_seeds": "seeds.layers[0].seed initializers.layers[12].seed seeds.layers[0].layer",
    "generators": "seeds.generators[0].entropy",
    "initializers": "initializers.builtin[0].digest",
    "hash_seed": "seeds.hash_seed.probe environment.variables.PYTHONHASHSEED",
    "generator_state": "seeds.python.digest seeds.numpy.digest",
    "optimizer": (
        "training.models[0].optimizer.config.momentum training.models[0].more_optimizers[0]"
    ),
    "loss": "training.models[0].loss",
    "metrics": "training.models[1].metrics training.models[0].compile.weighted_metrics",
    "compile": "training.models[0].compile.loss_weights",
    "model_code": "training.models[0].code.Scaled",
    "model": "training.models[0].config.layers training.models[1].class_name",
    "callbacks": "training.fits[0].callbacks[1] training.fits[0].callback_settings[0].patience",
    "sample_weight": (
        "training.fits[0].arguments.class_weight training.fits[0].arguments.sample_weight"
    ),
    "training_length": "training.fits[0].arguments.epochs training.fits[0].arguments.initial_epoch",
    "validation": "training.fits[0].arguments.validation_data",
    "fit": "training.fits[0].arguments.shuffle",
    "training": "training.later",
    "racing_op": "determinism.backend.models[0].racing_ops",
    "threads": (
        "determinism.backend.threads.intra_op.in_force determinism.backend.threads.inter_op.source "
        "determinism.usable_cores environment.variables.TF_NUM_INTRAOP_THREADS "
        "environment.variables.TF_NUM_INTEROP_THREADS"
    ),
    "op_determinism": (
        "determinism.backend.op_determinism determinism.datasets[0].op_determinism "
        "determinism.backend.functions_traced_before environment.variables.TF_DETERMINISTIC_OPS"
    ),
    "jit": "determinism.execution[0].jit determinism.execution[0].jit_requested",
    "onednn": (
        "determinism.backend.onednn.in_force determinism.backend.onednn.requested "
        "environment.variables.TF_ENABLE_ONEDNN_OPTS"
    ),
    "isa": (
        "determinism.backend.isa.in_force environment.variables.ONEDNN_MAX_CPU_ISA "
        "environment.variables.DNNL_MAX_CPU_ISA"
    ),
    "xla_flags": (
        "determinism.backend.xla_flags determinism.backend.tf_xla_flags "
        "environment.variables.XLA_FLAGS environment.variables.TF_XLA_FLAGS"
    ),
    "execution": "determinism.backend.tf32 determinism.execution[0].eager",
    "numeric_packages": " ".join(
        f"packages.distributions.{name}.version"
        for name in ("tensorflow", "keras", "numpy", "ml-dtypes", "jax", "jaxlib")
    ),
    "packages": "packages.distributions.click.version packages.distributions.numpy-stl.version",
    "processor": (
        "environment.cpu.model environment.machine environment.accelerators[0] environment.devices"
    ),
    "python": "environment.python.version",
    "read_variables": "read.variables.WIDTH",
    "environment": "environment.locale environment.variables.OMP_NUM_THREADS",
    "arguments": "code.argv[1]",
    "code": "code.git.commit code.files",
}
NO_CAUSE = (
    "packages.requirements[0].digest environment.variables.TF_CPP_MIN_LOG_LEVEL seeds later.field "
    "training.fits[0].arguments.steps_per_execution seeds.declared_by "
    "initializers.restored environment.memory_bytes environment.cpu.physical_cores "
    "environment.cpu.logical_cores"
)

# Where the runs diverge: in the initial weights; in a column of a step; at a step before which
# others were not traced; in the weights after an epoch; in when training ends; or only in the
# history.
PLACES = {
    "start": ("initial weights", None),
    "batch": ("step", traced(column("batch"))),
    "rows": ("step", traced(column("batch", "x"), column("batch", "y"))),
    "random": ("step", traced(column("random"))),
    "loss": ("step", traced(column("loss"))),
    "weight": ("step", traced(column("weight"))),
    "optimizer": ("step", traced(column("optimizer"))),
    "between": ("step", traced(column("weight"), place=(0, 1, 17), stride=16)),
    "epoch": ("epoch weights", None),
    "length": ("steps", None),
    "outcome": ("history", None),
}

# How certain a kind is where nothing else differs: C certain, L likely, p possible, a it acts
# later, - ruled out.
ALONE = """
                  start batch random loss weight optimizer between epoch length outcome
data                p     C     -      -    -      -         L       C     -      -
test_data           a     a     a      a    a      a         a       a     L      L
batch               a     p     -      -    -      -         L       L     -      -
read_files          L     L     L      L    L      L         L       L     L      L
pipeline_order      a     L     -      -    -      -         L       L     -      -
parallel_map        a     L     -      -    -      -         L       L     -      -
pipeline            a     L     -      -    -      -         L       L     -      -
seed                L     L     L      L    L      L         L       L     p      p
layer_initializers  L     -     -      -    -      -         -       -     -      -
drawn_seeds         C     L     L      L    L      L         L       L     p      p
generators          p     L     a      a    a      a         L       L     a      L
initializers        L     -     -      -    -      -         -       -     -      -
hash_seed           p     p     p      p    p      p         L       L     p      p
generator_state     p     p     p      p    p      p         L       L     p      p
optimizer           a     a     a      a    L      L         L       L     -      -
loss                a     a     a      L    p      p         L       L     p      p
metrics             a     a     a      a    a      a         a       a     a      L
compile             a     a     a      L    L      L         L       L     p      p
model_code          L     a     L      L    L      L         L       L     p      p
model               L     a     L      L    L      L         L       L     p      p
callbacks           a     a     a      p    p      p         L       L     L      L
sample_weight       a     a     a      L    p      p         L       L     -      -
training_length     a     a     a      a    a      a         a       a     L      p
validation          a     a     a      a    a      a         a       a     L      L
fit                 a     L     -      -    -      -         L       L     -      -
training            a     a     a      L    L      L         L       L     p      p
racing_op           a     a     a      L    L      L         L       L     p      p
threads             a     a     a      L    L      L         L       L     p      p
op_determinism      a     p     a      L    L      L         L       L     p      p
jit                 a     a     a      L    L      L         L       L     p      p
onednn              a     a     a      L    L      L         L       L     p      p
isa                 a     a     a      L    L      L         L       L     p      p
xla_flags           a     a     a      L    L      L         L       L     p      p
execution           a     a     a      L    L      L         L       L     p      p
numeric_packages    L     p     p      L    L      L         L       L     p      p
packages            p     p     p      p    p      p         L       L     p      p
processor           p     a     a      L    L      L         L       L     p      p
python              p     p     p      p    p      p         L       L     p      p
read_variables      L     L     L      L    L      L         L       L     L      L
environment         p     p     p      p    p      p         L       L     p      p
arguments           L     L     L      L    L      L         L       L     L      L
code                p     p     p      p    p      p         L       L     p      p
"""
HEAD, *_LINES = [line.split() for line in ALONE.strip().splitlines()]
ROWS = {kind: letters for kind, *letters in _LINES}
LETTERS = {"C": "certain", "L": "likely", "p": "possible"}


def differing(*paths):
    return [ConditionDifference(f"$.conditions.{path}", 1, 2) for path in paths]


def diagnosed(place, *paths):
    """Return what conditions that differ explain: causes, what acts later, and what is ruled out.

    What the steps tell by themselves is left out: see ``test_testimony.py``.
    """
    kind, trace = PLACES[place]
    first = FirstDifference(kind=kind, text="")
    causes, *others = diagnose(BASE, BASE, differing(*paths), first, trace)
    return [item for item in causes if item.kind not in TOLD], *others


def first_condition(kind):
    return CONDITIONS[kind].split()[0]


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_condition_belongs_to_the_kind_of_cause_that_speaks_of_it(kind):
    for path in CONDITIONS[kind].split():
        assert kind_of(f"$.conditions.{path}").name == kind, path


@pytest.mark.parametrize("path", NO_CAUSE.split())
def test_what_changes_no_bit_by_itself_is_no_cause(path):
    assert kind_of(f"$.conditions.{path}") is None


@pytest.mark.parametrize("kind", ROWS)
def test_how_certain_a_cause_is_follows_from_where_the_runs_diverge(kind):
    for place, letter in zip(HEAD, ROWS[kind], strict=True):
        causes, later, excluded = diagnosed(place, first_condition(kind))
        assert [item.kind for item in (*causes, *later, *excluded)] == [kind], place
        assert [item.certainty for item in causes] == [*filter(None, [LETTERS.get(letter)])], place
        assert bool(later) == (letter == "a"), place
        assert all(item.reason for item in (*later, *excluded))


# What comes first where a condition of every kind differs, the seeds aside, and what acts only
# later; what is not named is ruled out.
ALL_BUT_SEEDS = {
    "start": """
        likely: layer_initializers model_code model initializers numeric_packages
        possible: read_files read_variables arguments data processor generators hash_seed
            generator_state packages python environment code
        later: test_data pipeline_order parallel_map pipeline optimizer loss compile
            callbacks sample_weight training_length fit training jit racing_op threads
            op_determinism onednn isa xla_flags execution batch metrics validation
        """,
    "batch": """
        likely: generators data pipeline_order parallel_map pipeline fit
        possible: read_files read_variables arguments batch op_determinism
            numeric_packages hash_seed generator_state packages python environment code
        later: model_code model test_data optimizer loss compile callbacks sample_weight
            training_length training jit racing_op threads onednn isa xla_flags execution
            processor metrics validation
        """,
    "random": """
        likely: model_code model
        possible: read_files read_variables arguments numeric_packages hash_seed
            generator_state packages python environment code
        later: test_data generators optimizer loss compile callbacks sample_weight
            training_length training jit racing_op threads op_determinism onednn isa
            xla_flags execution processor metrics validation
        """,
    "weight": """
        likely: optimizer compile model_code model training jit numeric_packages racing_op
            threads op_determinism onednn isa xla_flags execution processor
        possible: read_files read_variables arguments callbacks hash_seed generator_state
            loss sample_weight packages python environment code
        later: test_data generators training_length metrics validation
        """,
    "epoch": """
        likely: read_files read_variables data pipeline_order parallel_map pipeline
            generators optimizer loss compile model_code model callbacks sample_weight fit
            training jit
        possible: arguments batch hash_seed generator_state racing_op threads
            op_determinism onednn isa xla_flags execution numeric_packages packages
            processor python environment code
        later: test_data training_length metrics validation
        """,
}


@pytest.mark.parametrize("place", ALL_BUT_SEEDS)
def test_the_surest_cause_comes_first_and_among_equals_what_explains_most(place):
    kinds = [kind for kind in CONDITIONS if kind not in {"seed", "drawn_seeds"}]
    causes, later, excluded = diagnosed(place, *map(first_condition, kinds))
    expected, certainty = [], ""
    for word in ALL_BUT_SEEDS[place].split():
        if word.endswith(":"):
            certainty = word.removesuffix(":")
        else:
            expected.append((certainty, word))
    found = [(item.certainty, item.kind) for item in causes]
    assert found + [("later", item.kind) for item in later] == expected
    named = {kind for _, kind in expected}
    assert {item.kind for item in excluded} == set(kinds) - named


# What was only asked for: the condition differs, and the one that has an effect does not.
@pytest.mark.parametrize(
    "path",
    [
        "seeds.backend.digest",
        "determinism.backend.threads.intra_op.requested",
        "determinism.backend.threads.inter_op.in_force",
        "determinism.usable_cores",
        "determinism.datasets[0].op_determinism",
        "determinism.execution[0].jit_requested",
        "determinism.backend.onednn.requested",
    ],
)
def test_what_was_only_asked_for_explains_no_computation(path):
    for place in ("start", "loss", "weight"):
        causes, *_ = diagnosed(place, path)
        assert {cause.certainty for cause in causes} <= {"possible"}


# Rivals: a second condition that can do the same, or more.


def certainties(place, *paths):
    causes, _, _ = diagnosed(place, *paths)
    return {item.kind: item.certainty for item in causes}


@pytest.mark.parametrize("rival", ["seeds.declared", "training.fits[0].arguments.shuffle"])
def test_other_data_is_not_certain_where_something_else_may_give_another_batch(rival):
    assert certainties("batch", "data.train.digest")["data"] == "certain"
    assert certainties("batch", "data.train.digest", rival)["data"] == "likely"
    asked_for = "seeds.backend.digest"
    assert certainties("batch", "data.train.digest", asked_for)["data"] == "certain"


def test_a_generator_with_another_seed_comes_before_the_data_that_may_be_drawn_from_it():
    causes, *_ = diagnosed("batch", "data.train.digest", "seeds.generators[0].entropy")
    assert [item.kind for item in causes] == ["generators", "data"]
    assert "the data may have been drawn from it" in causes[0].reason
    (alone,), *_ = diagnosed("batch", "seeds.generators[0].entropy")
    assert "drawn from it" not in alone.reason


@pytest.mark.parametrize(("given", "rank"), [(False, 1), (True, 2)])
def test_a_generator_that_both_runs_left_to_chance_is_to_be_mended_with_the_first_cause(
    given, rank
):
    """It is no cause of other initial weights, and leaves the runs apart when those agree."""
    made = {"where": "rng", "bit_generator": "PCG64", "spawn_key": [], "given": given}
    runs = [
        record(
            changed(
                document(), {"conditions/seeds/generators": [made | {"entropy": [2**127 + number]}]}
            )
        )
        for number in range(2)
    ]
    differences = differing(
        "seeds.layers[0].seed", "data.train.digest", "seeds.generators[0].entropy"
    )
    first = FirstDifference(kind="initial weights", text="")
    causes, *_ = diagnose(*runs, differences, first, None)
    kinds = [item.kind for item in causes]
    assert kinds.index("generators") == rank
    assert ("mend this as well" in causes[rank].reason) is not given


def test_the_hash_seed_is_likely_where_batches_differ_unless_the_data_does():
    hashed = "seeds.hash_seed.probe"
    assert certainties("rows", hashed) == {"hash_seed": "likely"}
    # A set orders whole rows: it cannot leave the targets equal.
    assert certainties("batch", hashed) == {"hash_seed": "possible"}
    assert certainties("batch", hashed, "data.train.digest")["hash_seed"] == "possible"


def test_other_rounding_gives_no_other_batch_and_acts_on_what_is_computed_from_it():
    causes, (later,), excluded = diagnosed("batch", first_condition("threads"))
    assert (causes, later.kind, excluded) == ([], "threads", ())
    assert later.reason.startswith("it acts on the loss, from step 5 of epoch 1 on")


def test_other_rounding_is_only_possible_after_an_epoch_in_which_inputs_differ_too():
    threads, rate = first_condition("threads"), first_condition("optimizer")
    assert certainties("epoch", threads) == {"threads": "likely"}
    assert certainties("epoch", threads, rate) == {"optimizer": "likely", "threads": "possible"}
    assert certainties("epoch", threads, "seeds.declared")["threads"] == "possible"
    assert certainties("epoch", threads, "code.files")["threads"] == "likely"


def test_code_is_likely_only_where_nothing_else_differs():
    assert certainties("epoch", "code.files") == {"code": "likely"}
    assert certainties("epoch", "code.files", "packages.distributions.click.version") == {
        "packages": "possible",
        "code": "possible",
    }


@pytest.mark.parametrize("place", ["batch", "weight"])
@pytest.mark.parametrize("state", ["not recorded in expected", "not recorded in actual"])
def test_what_one_run_did_not_record_is_not_known_to_differ(place, state):
    kind, trace = PLACES[place]
    for path in ("data.train", "determinism.backend.models[0].racing_ops", "training.fits[0]"):
        unknown = ConditionDifference(f"$.conditions.{path}", None, "x", state)
        first = FirstDifference(kind=kind, text="")
        assert diagnose(BASE, BASE, [unknown], first, trace).causes == ()


@pytest.mark.parametrize("kind", ["loss", "model", "training"])
def test_another_keras_may_write_the_same_config_otherwise(kind):
    keras = "packages.distributions.keras.version"
    numpy = "packages.distributions.numpy.version"
    assert certainties("loss", first_condition(kind), keras)[kind] == "possible"
    assert certainties("loss", first_condition(kind), numpy)[kind] == "likely"
    causes, _, _ = diagnosed("loss", first_condition(kind), keras, "training.fits[0].callbacks")
    assert [item.kind for item in causes] == ["numeric_packages", "callbacks", kind]


def test_an_argument_is_likely_unless_something_that_it_may_set_explains_as_much():
    argument = "code.argv[1]"
    assert certainties("weight", argument) == {"arguments": "likely"}
    for other in ("optimizer", "threads", "execution"):
        found = certainties("weight", argument, first_condition(other))
        assert found == {other: "likely", "arguments": "possible"}
    assert certainties("batch", argument, first_condition("threads")) == {"arguments": "likely"}


def test_a_cause_says_that_it_is_the_only_one_where_it_is():
    alone = "no other recorded condition that could do so differs"
    (cause,), _, _ = diagnosed("weight", "code.files")
    assert cause.reason.endswith(alone)
    (cause,), _, _ = diagnosed("start", "code.files")  # nothing was trained yet
    assert cause.reason == "other code may do anything"
    causes, _, _ = diagnosed("weight", "code.files", "code.argv[1]")
    assert not any(alone in item.reason for item in causes)


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_cause_has_a_remedy_and_names_the_conditions_that_it_comes_from(kind):
    place = next(place for place, letter in zip(HEAD, ROWS[kind], strict=True) if letter in LETTERS)
    (cause,), _, _ = diagnosed(place, *CONDITIONS[kind].split())
    assert cause.remedy
    assert cause.paths == tuple(f"$.conditions.{path}" for path in CONDITIONS[kind].split())


@pytest.mark.parametrize(
    "title",
    [
        *("data", "seed", "optimizer", "loss", "model", "callbacks", "training", "processor"),
        *("Python", "oneDNN", "environment", "arguments", "code"),
    ],
)
def test_a_cause_is_entitled_by_what_differs(title):
    (cause,), _, _ = diagnosed("epoch", first_condition(title.lower()))
    assert cause.title.partition(":")[0] == title


def test_every_kind_is_of_those_that_causes_are_judged_and_ranked_by():
    for kind in KINDS:
        assert kind.strength in {"seeds", "inputs", "bits", "rarely"}
        assert set(kind.acts_at) <= set(STAGES)
        assert kind.group in GROUPS


def test_what_repeat_can_vary_is_a_factor_that_it_knows():
    """By these the first cause of a difference is confirmed."""
    varied = {kind.name: kind.factor for kind in KINDS if kind.factor}
    assert list(varied) == [
        "sample_order", "pipeline", "seed", "python_seed", "generators", "hash_seed", "fit",
        "threads", "op_determinism", "jit", "onednn", "isa",
    ]  # fmt: skip
    suspected = Suspicion("", "", "", ())
    for name in varied.values():
        assert factor_named(name, suspected).name == name


@pytest.mark.parametrize(
    ("kind", "path", "factor"),
    [
        ("fit", "training.fits[0].arguments.shuffle", "batch-order"),
        ("fit", "training.fits[0].arguments.batch_size", ""),
        ("pipeline", "determinism.datasets[0].stages[1].seed[1]", "batch-order"),
        ("pipeline", "determinism.datasets[0].stages[1].arguments.drop_remainder", ""),
        ("optimizer", "training.models[0].optimizer.learning_rate", ""),
        ("seed", "seeds.declared", "seed"),
    ],
)
def test_of_a_kind_only_what_a_run_can_be_asked_to_change_has_a_factor(kind, path, factor):
    paths = (f"$.conditions.{path}",)
    assert factor_of(Cause(kind, "training", "", "likely", "", "", paths)) == factor
    both = (*paths, "$.conditions.training.fits[0].arguments.epochs")
    if kind in {"fit", "pipeline"}:
        assert factor_of(Cause(kind, "training", "", "likely", "", "", both)) == ""
