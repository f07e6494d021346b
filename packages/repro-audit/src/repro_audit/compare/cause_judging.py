"""How well a kind of cause explains where two runs diverge."""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.compare.cause_case import Case
from repro_audit.compare.comparison import Certainty
from repro_audit.compare.kinds import DRAWN_SEED, STAGES, Kind, Stage
from repro_audit.compare.loaded import were_loaded
from repro_audit.compare.symptom import LOSS_ROUNDED, Symptom

__all__ = ["Judgement", "judge"]

_SEEDS = frozenset({"seed", "drawn_seeds", "python_seed", "given_seeds"})
_CONTENT = frozenset({"data", "sample_order"})
_TRAINED_ON = r"data\W+(?!test|validation)\w*\W+digest"

_ADAPTING = frozenset(
    {"Normalization", "Discretization", "TextVectorization", "StringLookup", "IntegerLookup"}
)
"""Layers that take their state from data, before training."""

_ANYTHING = {"read_files": 8, "read_variables": 7, "arguments": 6, "code": 3}
"""Ranks of what the program is known to have been given, and may decide anything with."""

_OF_TRAINING = frozenset({"data", "initializers", "layer_initializers", "optimizer"}) | {
    "sample_weight"
}
"""What no evaluation follows from but through the weights."""

_FEEDS = 10
"""Rank of what is known to decide batches, where those were not recorded: before that gap."""

_OF_METRICS = frozenset({"metrics"})
_OF_STEP = frozenset({"compile", "loss", "model", "optimizer", "sample_weight", "training"})
"""What a step's loss, or the weights behind it, follow from."""

_READ = frozenset({"read_files", "read_variables"})
"""What the program takes from outside, and all else may follow from."""

_TOLD_OF_BATCHES = {
    "batch_size": frozenset({"fit", "pipeline"}),
    "batch_count": frozenset({"fit", "pipeline"}),
    "batch_order": frozenset({"fit", "pipeline", "pipeline_order"}),
}
"""What comes before other data, by what the steps tell of the batches."""

_NO_ROUNDING = frozenset({"learning_rate", "update_rule", "only_one_run"})
"""What the steps may tell of an update that no rounding brings about."""

_DOES: dict[Stage, str] = {
    "start": "acts on the initial weights",
    "batch": "acts on what a step is given",
    "random": "acts on the state of the layers' generators",
    "loss": "acts on the loss",
    "update": "acts on the update of the weights",
    "length": "decides when training ends",
    "result": "acts on what is evaluated and reported",
}


class Judgement(NamedTuple):
    """How well one kind explains the case.

    Attributes:
        certainty: How well; None where it does not.
        reason: Why, in addition to what the kind says of itself.
        rank: Among causes of one certainty, the higher comes first.
        is_later: Whether it acts only behind the first difference.
        is_direct: Whether it is known to decide the stage at which the runs diverge.
    """

    certainty: Certainty | None
    reason: str = ""
    rank: int = 0
    is_later: bool = False
    is_direct: bool = False


def judge(case: Case, kind: Kind) -> Judgement:
    """Return how well a kind of cause explains where two runs diverge.

    Args:
        case: The two runs, and what differs.
        kind: One of the kinds that differ.
    """
    where = case.symptom.where
    if where in {"between", "epoch"}:
        return _in_epoch(case, kind)
    if case.symptom.metrics_only and kind.name in _OF_METRICS | _OF_STEP:
        return _in_metrics(kind)
    if kind.acts_at and where not in kind.acts_at and not _orders_batches(case, kind):
        return _elsewhere(case, kind)
    if where == "start":
        found = _at_start(case, kind)
    elif where == "batch":
        found = _in_batch(case, kind)
    elif where == "random":
        found = _in_random_state(case, kind)
    elif where in {"loss", "update"}:
        found = _in_computation(case, kind)
    else:
        found = _behind_the_steps(case, kind)
    direct = found.certainty != "possible" and kind.name not in _ANYTHING
    return found._replace(is_direct=direct)


# At the stage at which the runs diverge


def _at_start(case: Case, kind: Kind) -> Judgement:
    """Judge where the initial weights differ: nothing was trained yet."""
    if kind.name in _SEEDS and case.differs(kind, DRAWN_SEED):
        if were_loaded(case.expected, case.actual):
            return Judgement("possible", "though weights differ that no seed decides")
        return Judgement("certain")
    if kind.name == "generators" and case.is_random_in_both(kind):
        return Judgement("possible", "no run gives it one: mend this as well", rank=3)
    if kind.name == "data":
        adapted = bool(case.symptom.roles) and set(case.symptom.roles) <= _ADAPTING
        return Judgement("likely" if adapted else "possible", rank=2)
    if kind.name in {"model", "model_code"} and not case.is_of_first_model(kind):
        return Judgement("possible", "though a model that is trained earlier differs already")
    if case.strength(kind) == "seeds" or kind.name == "numeric_packages":
        return Judgement("likely")
    return _anything(case, kind)


def _in_batch(case: Case, kind: Kind) -> Judgement:
    """Judge where the first step was given another batch."""
    if kind.name in _CONTENT:
        numbered = case.symptom.labels_only and case.symptom.every_batch
        if case.has_hash_seed() and numbered:
            return Judgement("likely", "it may follow from the hash seed")
        alone = not case.decides("batch", besides=kind) and not case.has(*_READ)
        certain = alone and case.differs(kind, _TRAINED_ON)
        return Judgement("certain" if certain else "likely", rank=3)
    if kind.name == "hash_seed":
        return _hash_seed_in_batch(case, kind)
    if "batch" in kind.acts_at:
        first = kind.name in _TOLD_OF_BATCHES.get(case.told, ())
        if kind.name == "generators" and case.has(*_CONTENT):
            return Judgement("likely", "the data may have been drawn from it", 4)
        possible = case.strength(kind) == "rarely"
        return Judgement("possible" if possible else "likely", rank=4 if first else 2)
    return _anything(case, kind)


def _hash_seed_in_batch(case: Case, kind: Kind) -> Judgement:
    """Judge a hash seed by what it can do: order rows, or number labels."""
    if case.symptom.labels_only and case.symptom.every_batch:
        return Judgement(
            "likely", "the targets differ and the inputs do not, as where a set numbers them", 4
        )
    if case.is_random_in_both(kind):
        return _anything(case, kind)
    if case.symptom.parts == {"x"}:
        return Judgement("possible", "though a set orders whole rows, and the targets are equal")
    return Judgement("possible" if case.decides("batch") else "likely")


def _in_random_state(case: Case, kind: Kind) -> Judgement:
    """Judge where a layer's generator is in another state, and the batches are equal."""
    return Judgement("likely") if case.strength(kind) == "seeds" else _anything(case, kind)


def _in_computation(case: Case, kind: Kind) -> Judgement:
    """Judge where batch and random state are equal, and what is computed from them is not."""
    strength = case.strength(kind)
    more_than_rounding = case.symptom.size != "rounding"
    if kind.name in {"loss", "sample_weight"} and case.symptom.loss_equal:
        return Judgement("possible", "though the loss of the step is equal")
    if kind.name in {"optimizer", "sample_weight"}:
        return Judgement("likely" if more_than_rounding else "possible", rank=3)
    if kind.name in {"model", "model_code", "loss", "compile", "training"}:
        if case.other_keras():
            return Judgement("possible", "another Keras may write the same config differently")
        return Judgement("likely" if more_than_rounding else "possible", rank=2)
    if kind.name == "callbacks":
        told_of = case.told in {"learning_rate", "update_rule"}
        return Judgement("likely" if told_of else "possible", rank=3)
    if kind.name in {"jit", "numeric_packages"} and strength != "rarely":
        return Judgement("likely", rank=2)
    if strength == "bits":
        return _by_rounding(case.symptom, case.told)
    return Judgement("likely") if strength == "seeds" else _anything(case, kind)


def _in_metrics(kind: Kind) -> Judgement:
    """Judge where metrics of a step differ, and neither its loss nor any weight."""
    if kind.name in _OF_METRICS:
        return Judgement("likely", rank=4, is_direct=True)
    return Judgement("possible", "though the loss and the weights of the step are equal")


def _by_rounding(symptom: Symptom, told: str) -> Judgement:
    """Judge what can only round otherwise, where something was computed otherwise."""
    if told in _NO_ROUNDING:
        return Judgement("possible", "though no rounding makes such a difference")
    if symptom.size == "large":
        return Judgement("possible", f"though {_size_text(symptom)}: rounding is smaller")
    if symptom.size == "rounding":
        return Judgement("likely", f"{_size_text(symptom)}, as other rounding is", 1)
    return Judgement("likely", rank=1)


def _behind_the_steps(case: Case, kind: Kind) -> Judgement:
    """Judge where all steps that both runs have are equal, and what follows from them is not."""
    return Judgement("likely", rank=2) if kind.acts_at else _anything(case, kind)


def _anything(case: Case, kind: Kind) -> Judgement:
    """Judge what may decide anything, and is not known to decide the stage in question."""
    if case.is_random_in_both(kind):
        return Judgement("possible", "it is left to chance in both runs", rank=-1)
    if case.strength(kind) == "bits":
        return Judgement("possible", rank=1)
    rank = _ANYTHING.get(kind.name, 0)
    if kind.name == "code":
        ran = kind.is_effective(item.path for item in case.kinds[kind])
        return Judgement("possible", rank=rank if ran else 0)
    explained = not rank or case.decides(case.symptom.where) or _rounds(case)
    if case.symptom.batches_unknown and case.has(*_CONTENT):
        explained = True
    if kind.name in _READ and case.is_same_program():
        explained = False  # what it has read is what made it another run
    if kind.name == "arguments" and case.symptom.where == "batch" and case.lacks_data():
        explained = True  # what was not recorded may differ as well
    return Judgement("possible" if explained else "likely", rank=rank)


def _rounds(case: Case) -> bool:
    """Whether something differs that may round otherwise what differs first."""
    if case.symptom.size == "large" or case.told in _NO_ROUNDING:
        return False
    return any(
        case.symptom.where in kind.acts_at and case.strength(kind) == "bits" for kind in case.kinds
    )


# At another one


def _orders_batches(case: Case, kind: Kind) -> bool:
    """Whether a kind acts on batches, through a pipeline that it sets in order."""
    of_batch = kind.name == "op_determinism" and case.symptom.where == "batch"
    return of_batch and case.has_racing_pipeline()


def _elsewhere(case: Case, kind: Kind) -> Judgement:
    """Judge what does not act at the stage at which the runs diverge."""
    symptom = case.symptom
    at = next(place for place, stage in enumerate(STAGES) if stage == symptom.where)
    behind = [stage for stage in kind.acts_at if STAGES.index(stage) > at]
    if behind:
        return _acts_later(case, kind, behind[0])
    if symptom.where == "length" and case.is_of_one_run(kind):
        return Judgement("possible", "it belongs to what one run alone has")
    if symptom.where in {"length", "result"}:
        return _without_steps(case, kind)
    last = kind.acts_at[-1]
    if last == "start" and symptom.start_equal:
        return _excluded("the initial weights are equal")
    if last == "batch" and symptom.batches_since:
        return _later(f"the batches differ from {symptom.batches_since} on")
    if last == "batch" and symptom.batches_equal:
        return _excluded("the batches are equal in every step that both runs have")
    if last == "loss" and symptom.loss_equal:
        return _excluded("the loss is equal in the step that differs")
    return _in_epoch(case, kind)


def _without_steps(case: Case, kind: Kind) -> Judgement:
    """Judge what acts in steps, where all of those that both runs have are equal."""
    if case.is_of_validation(kind):
        return Judgement("likely", "it is what is validated on", rank=2)
    of_training = kind.acts_at == ("batch",) or kind.name in _OF_TRAINING
    if of_training:
        return _excluded("every step that both runs have is equal")
    # What evaluates takes ways of its own through the same code.
    return Judgement("possible", "though every step that both runs have is equal")


def _does(stage: Stage, kind: Kind) -> str:
    """Say what a kind does first."""
    if kind.name == "callbacks":
        return "acts at the ends of steps and epochs"
    # What is evaluated ends a training through a callback alone.
    return _DOES["result" if "result" in kind.acts_at else stage]


def _acts_later(case: Case, kind: Kind, stage: Stage) -> Judgement:
    """Judge what acts behind the first difference, at a later stage."""
    timed = case.symptom.place and stage not in {"length", "result"} and kind.name != "callbacks"
    since = f", from {case.symptom.place} on" if timed else ""
    alone = ""
    if stage not in {"length", "result"} and case.strength(kind) in {"seeds", "inputs"}:
        alone = "; it would make the runs differ by itself"
    return _later(f"it {_does(stage, kind)}{since}, after the first difference{alone}")


def _in_epoch(case: Case, kind: Kind) -> Judgement:
    """Judge where only the epoch is known, or a step that others before it may have led to."""
    strength = case.strength(kind)
    if kind.acts_at and set(kind.acts_at) <= {"length", "result"}:
        return _later(f"it {_does(kind.acts_at[0], kind)}")
    if kind.acts_at == ("start",) and case.symptom.start_equal:
        return _excluded("the initial weights are equal")
    rank = _FEEDS if case.symptom.batches_unknown and "batch" in kind.acts_at else 0
    if kind.name in _CONTENT and case.symptom.resumed_at is None:
        whole = case.symptom.where == "epoch"  # every sample was trained on by its end
        certain = whole and case.differs(kind, _TRAINED_ON) and not case.has(*_READ)
        return Judgement("certain" if certain else "likely", rank=rank, is_direct=True)
    if kind.acts_at and strength in {"seeds", "inputs"}:
        return Judgement("likely", rank=rank, is_direct=True)
    if kind.name in _READ:
        return Judgement("likely", rank=_ANYTHING[kind.name])
    if strength == "bits":
        inputs = any(case.strength(other) in {"seeds", "inputs"} for other in case.kinds)
        return Judgement("possible" if inputs else "likely")
    found = _anything(case, kind)
    alone = len(case.kinds) == 1 and found.rank >= 0
    return found._replace(certainty="likely" if alone else "possible")


def _later(reason: str) -> Judgement:
    return Judgement(None, reason, is_later=True)


def _excluded(reason: str) -> Judgement:
    return Judgement(None, reason)


def _size_text(symptom: Symptom) -> str:
    """Say how large the difference is, which is known where a size is."""
    if symptom.loss_apart is not None and symptom.loss_apart > LOSS_ROUNDED:
        return f"the loss of that step is apart by {symptom.loss_apart:.2g} of itself"
    return f"the weights are first apart by {symptom.ratio:.1g} of one training step"
