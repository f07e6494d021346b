"""Which condition explains what: every kind of cause, at every place where runs can diverge."""

import pytest
from first_differences import column, traced
from manifests import document, record

from repro_audit.compare.cause_kinds import KINDS, kind_of
from repro_audit.compare.causes import GROUPS, diagnose
from repro_audit.compare.comparison import ConditionDifference, FirstDifference
from repro_audit.repeat.factors import factor_named

BASE = record(document())

# By kind: the conditions that belong to it. The first of them is the one that the tables differ in.
CONDITIONS = {
    "data": "data.train.digest data.test.arrays[0].digest",
    "pipeline_order": (
        "determinism.datasets[0].deterministic determinism.datasets[1].stages[2].deterministic"
    ),
    "parallel_map": "determinism.datasets[0].stages[0].random determinism.datasets[1].random",
    "pipeline": "determinism.datasets[0].workers determinism.datasets[0].stages[1].op",
    "seed": "seeds.declared seeds.declared_by seeds.backend.seed seeds.backend.digest",
    "drawn_seeds": "seeds.layers[0].seed initializers.layers[12].seed seeds.layers[0].layer",
    "generators": "seeds.generators[0].entropy",
    "initializers": "initializers.builtin[0].digest",
    "hash_seed": "seeds.hash_seed.probe environment.variables.PYTHONHASHSEED",
    "generator_state": "seeds.python.digest seeds.numpy.digest",
    "optimizer": (
        "training.models[0].optimizer.config.momentum training.models[0].more_optimizers[0]"
    ),
    "loss": "training.models[0].loss",
    "model": "training.models[0].config.layers training.models[1].metrics",
    "callbacks": "training.fits[0].callbacks[1]",
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
    "environment": "environment.locale environment.variables.OMP_NUM_THREADS",
    "arguments": "code.argv[1]",
    "code": "code.git.commit code.files",
}
NO_CAUSE = (
    "packages.requirements[0].digest environment.variables.TF_CPP_MIN_LOG_LEVEL seeds later.field "
    "environment.memory_bytes environment.cpu.physical_cores environment.cpu.logical_cores"
)

# Where the runs diverge: in the initial weights; in a column of a step; at a step before which
# others were not traced; in the weights after an epoch; or only in the history.
PLACES = {
    "start": ("initial weights", None),
    "batch": ("step", traced(column("batch"))),
    "random": ("step", traced(column("random"))),
    "loss": ("step", traced(column("loss"))),
    "weight": ("step", traced(column("weight"))),
    "optimizer": ("step", traced(column("optimizer"))),
    "between": ("step", traced(column("weight"), place=(0, 1, 17), stride=16)),
    "epoch": ("epoch weights", None),
    "outcome": ("history", None),
}

# How certain a kind is where nothing else differs: C certain, L likely, p possible, - ruled out.
ALONE = """
                  start batch random loss weight optimizer between epoch outcome
data                p     C     -     -     -        -        L      C      -
pipeline_order      p     L     p     -     -        -        L      L      L
parallel_map        p     L     p     -     -        -        L      L      L
pipeline            p     L     p     -     -        -        L      L      L
seed                L     L     L     L     L        L        L      L      L
drawn_seeds         C     L     L     L     L        L        L      L      L
generators          p     L     p     -     -        -        L      L      L
initializers        L     L     L     L     L        L        L      L      L
hash_seed           p     L     p     p     p        p        L      L      L
generator_state     p     p     p     p     p        p        L      L      L
optimizer           p     -     -     -     L        L        L      L      L
loss                p     -     p     L     L        L        L      L      L
model               L     -     L     L     L        L        L      L      L
callbacks           p     -     p     p     p        p        L      L      L
fit                 p     L     p     -     -        -        L      L      L
training            p     -     p     L     L        L        L      L      L
racing_op           p     p     -     L     L        L        L      L      L
threads             p     p     -     L     L        L        L      L      L
op_determinism      p     p     -     L     L        L        L      L      L
jit                 p     -     p     L     L        L        L      L      L
onednn              p     p     -     L     L        L        L      L      L
isa                 p     p     -     L     L        L        L      L      L
xla_flags           p     p     -     L     L        L        L      L      L
execution           p     p     -     L     L        L        L      L      L
numeric_packages    L     p     -     L     L        L        L      L      L
packages            p     p     p     p     p        p        L      L      L
processor           p     p     -     L     L        L        L      L      L
python              p     p     p     p     p        p        L      L      L
environment         p     p     p     p     p        p        L      L      L
arguments           p     p     p     p     p        p        L      L      L
code                p     p     p     p     p        p        L      L      L
"""
LETTERS = {"certain": "C", "likely": "L", "possible": "p"}


def differing(*paths):
    return [ConditionDifference(f"$.conditions.{path}", 1, 2) for path in paths]


def diagnosed(place, *paths):
    """Return the causes and what is ruled out where both runs' values differ in some conditions."""
    kind, trace = PLACES[place]
    return diagnose(BASE, BASE, differing(*paths), FirstDifference(kind=kind, text=""), trace)


def first_condition(kind):
    return CONDITIONS[kind].split()[0]


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_condition_belongs_to_the_kind_of_cause_that_speaks_of_it(kind):
    for path in CONDITIONS[kind].split():
        assert kind_of(f"$.conditions.{path}").name == kind, path


@pytest.mark.parametrize("path", NO_CAUSE.split())
def test_what_changes_no_bit_by_itself_is_no_cause(path):
    assert kind_of(f"$.conditions.{path}") is None


@pytest.mark.parametrize("line", ALONE.splitlines()[2:], ids=lambda line: line.split()[0])
def test_how_certain_a_cause_is_follows_from_where_the_runs_diverge(line):
    kind, *letters = line.split()
    for place, letter in zip(ALONE.split(), letters, strict=False):
        causes, excluded = diagnosed(place, first_condition(kind))
        assert [item.kind for item in (*causes, *excluded)] == [kind], place
        assert "".join(LETTERS[item.certainty] for item in causes) == letter.strip("-"), place
        assert all(item.reason for item in excluded)


# What comes first where a condition of every kind differs, the seeds aside; what is not named is
# ruled out.
ALL_BUT_SEEDS = {
    "start": """
        likely: model initializers numeric_packages
        possible: racing_op threads op_determinism onednn isa xla_flags execution processor data
            pipeline_order parallel_map pipeline generators hash_seed generator_state optimizer loss
            callbacks fit training jit packages python environment arguments code
        """,
    "batch": """
        likely: data pipeline_order parallel_map pipeline generators fit initializers
        possible: hash_seed generator_state packages python environment arguments code
        """,
    "random": """
        likely: model initializers
        possible: pipeline_order parallel_map pipeline generators hash_seed generator_state loss
            callbacks fit training jit packages python environment arguments code
        """,
    "weight": """
        likely: optimizer loss model training jit numeric_packages racing_op threads op_determinism
            onednn isa xla_flags execution processor initializers
        possible: callbacks hash_seed generator_state packages python environment arguments code
        """,
    "epoch": """
        certain: data
        likely: pipeline_order parallel_map pipeline generators optimizer loss model callbacks fit
            training jit initializers
        possible: hash_seed generator_state racing_op threads op_determinism onednn isa xla_flags
            execution numeric_packages packages processor python environment arguments code
        """,
}


@pytest.mark.parametrize("place", ALL_BUT_SEEDS)
def test_the_surest_cause_comes_first_and_among_equals_what_explains_most(place):
    kinds = [kind for kind in CONDITIONS if kind not in {"seed", "drawn_seeds"}]
    causes, excluded = diagnosed(place, *map(first_condition, kinds))
    expected, certainty = [], ""
    for word in ALL_BUT_SEEDS[place].split():
        if word.endswith(":"):
            certainty = word.removesuffix(":")
        else:
            expected.append((certainty, word))
    assert [(item.certainty, item.kind) for item in causes] == expected
    named = {item.kind for item in causes}
    assert [item.kind for item in excluded] == [kind for kind in kinds if kind not in named]


# What was only asked for: the condition differs, and the one that has an effect does not.
@pytest.mark.parametrize(
    "path",
    [
        "seeds.declared_by",
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
        (cause,), _ = diagnosed(place, path)
        assert cause.certainty == "possible"


# Rivals: a second condition that can do the same, or more.


def certainties(place, *paths):
    causes, _ = diagnosed(place, *paths)
    return {item.kind: item.certainty for item in causes}


@pytest.mark.parametrize("rival", ["seeds.declared", "training.fits[0].arguments.shuffle"])
def test_other_data_is_not_certain_where_something_else_may_give_another_batch(rival):
    assert certainties("batch", "data.train.digest")["data"] == "certain"
    assert certainties("batch", "data.train.digest", rival)["data"] == "likely"
    asked_for = "seeds.declared_by"  # by another function, and the same seed
    assert certainties("batch", "data.train.digest", asked_for)["data"] == "certain"


def test_the_hash_seed_is_likely_where_batches_differ_unless_the_data_does():
    hashed = "seeds.hash_seed.probe"
    assert certainties("batch", hashed) == {"hash_seed": "likely"}
    assert certainties("batch", hashed, "data.train.digest")["hash_seed"] == "possible"


@pytest.mark.parametrize(
    "rival", ["data.train.digest", "seeds.declared", "seeds.generators[0].entropy"]
)
def test_other_rounding_gives_no_other_batch_where_something_else_does(rival):
    threads = first_condition("threads")
    assert certainties("batch", threads) == {"threads": "possible"}
    _, excluded = diagnosed("batch", threads, rival)
    assert [item.kind for item in excluded] == ["threads"]


def test_other_rounding_comes_before_what_rarely_changes_anything():
    causes, _ = diagnosed("batch", first_condition("threads"), first_condition("generator_state"))
    assert [item.kind for item in causes] == ["threads", "generator_state"]


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
        assert diagnose(BASE, BASE, [unknown], first, trace) == ((), ())


@pytest.mark.parametrize("kind", ["loss", "model", "training"])
def test_another_keras_may_write_the_same_config_otherwise(kind):
    keras = "packages.distributions.keras.version"
    numpy = "packages.distributions.numpy.version"
    assert certainties("weight", first_condition(kind), keras)[kind] == "possible"
    assert certainties("weight", first_condition(kind), numpy)[kind] == "likely"
    causes, _ = diagnosed("weight", first_condition(kind), keras, "training.fits[0].callbacks")
    assert [item.kind for item in causes] == ["numeric_packages", "callbacks", kind]


def test_a_cause_says_that_it_is_the_only_one_where_it_is():
    alone = "no other recorded condition that could do so differs"
    (cause,), _ = diagnosed("weight", "code.files")
    assert cause.reason.endswith(alone)
    (cause,), _ = diagnosed("start", "code.files")  # nothing was trained yet
    assert cause.reason == "other code may do anything"
    causes, _ = diagnosed("weight", "code.files", "code.argv[1]")
    assert not any(alone in item.reason for item in causes)


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_cause_has_a_remedy_and_names_the_conditions_that_it_comes_from(kind):
    (cause,), _ = diagnosed("epoch", *CONDITIONS[kind].split())
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
    (cause,), _ = diagnosed("epoch", first_condition(title.lower()))
    assert cause.title.partition(":")[0] == title


def test_every_kind_is_of_those_that_causes_are_judged_and_ranked_by():
    for kind in KINDS:
        assert kind.strength in {"seeds", "inputs", "bits", "rarely"}
        assert kind.acts_on in {"", "batch"}
        assert kind.group in GROUPS


def test_what_repeat_can_vary_is_a_factor_that_it_knows():
    """By these the first cause of a difference is confirmed."""
    varied = {kind.name: kind.factor for kind in KINDS if kind.factor}
    assert list(varied) == ["hash_seed", "threads", "op_determinism", "jit", "onednn", "isa"]
    for name in varied.values():
        assert factor_named(name).name == name
