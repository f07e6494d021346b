"""Rank the conditions that differ by how well they explain the first difference.

``certain`` is kept for what must change the run there: other drawn seeds where the initial
weights differ, other content of the training data where the weights of an epoch do. What can
change it and is seen to do so is ``likely``; what may be a coincidence is ``possible``.
"""

from __future__ import annotations

from typing import NamedTuple

import re
from collections.abc import Sequence

from repro_audit.compare.comparison import Cause, ConditionDifference, FirstDifference
from repro_audit.compare.remedies import REMEDIES
from repro_audit.errors import printable, shown
from repro_audit.manifest import Manifest
from repro_audit.replay import drawn_seeds, replay

__all__ = ["GROUPS", "rank_causes"]

GROUPS = ("data", "seeds", "training", "determinism", "packages", "environment", "code")
_CERTAINTIES = ("certain", "likely", "possible")


class _Kind(NamedTuple):
    """A kind of cause.

    Attributes:
        name: Key of its remedy.
        group: The group it is ranked in.
        pattern: JSONPaths, below ``$.conditions``, that belong to it.
        title: What differs.
        strength: ``seeds`` explains initial weights, ``inputs`` what comes after them, ``bits``
            only rounding, ``rarely`` next to nothing.
        reason: Why it changes a run.
    """

    name: str
    group: str
    pattern: str
    title: str
    strength: str
    reason: str


_KINDS = tuple(
    _Kind(*row)
    for row in (
        (
            "data", "data", r"\.data\b.*", "data", "inputs",
            "the content that was trained or tested on is not the same",
        ),
        (
            "seed", "seeds", r"\.seeds\.(declared|declared_by|backend)\b.*", "seed", "seeds",
            "initial weights, dropout masks and shuffling follow from it",
        ),
        (
            "drawn_seeds", "seeds", r"\.(seeds\.layers|initializers)\b.*", "drawn seeds", "seeds",
            "the layers drew other seeds",
        ),
        (
            "hash_seed", "seeds", r"\.(seeds\.hash_seed|environment\.variables\.PYTHONHASHSEED)\b.*",
            "hash seed", "rarely", "it orders sets of strings, which may order labels or files",
        ),
        (
            "generator_state", "seeds", r"\.seeds\.(python|numpy)\b.*", "generator state", "rarely",
            "something else was drawn from a shared generator before recording began",
        ),
        (
            "optimizer", "training", r"\.training\.models\[\d+\]\.optimizer\b.*", "optimizer", "inputs",
            "every update follows from it",
        ),
        (
            "loss", "training", r"\.training\.models\[\d+\]\.loss\b.*", "loss", "inputs",
            "every update follows from it",
        ),
        (
            "model", "training", r"\.training\.models\b.*", "model", "seeds",
            "the model is not the same",
        ),
        (
            "fit", "training", r"\.training\.fits\b.*", "fit arguments", "inputs",
            "the fit was asked for something else",
        ),
        ("training", "training", r"\.training\b.*", "training", "inputs", "the training is not the same"),
        (
            "threads", "determinism",
            r"\.(determinism\.threads|environment\.variables\.TF_NUM_INT(RA|ER)OP_THREADS)\b.*",
            "thread count", "bits", "sums are split among threads, and their order changes the rounding",
        ),
        (
            "op_determinism", "determinism",
            r"\.(determinism\.(op_determinism|functions_traced_before)|environment\.variables\.TF_DETERMINISTIC_OPS)\b.*",
            "op determinism", "bits", "TensorFlow then builds some gradients from other operations",
        ),
        (
            "jit", "determinism", r"\.determinism\.execution\[\d+\]\.jit(_requested)?\b",
            "XLA compilation (jit_compile)", "inputs",
            "XLA rounds differently and draws other random numbers for one seed",
        ),
        (
            "onednn", "determinism",
            r"\.(determinism\.onednn|environment\.variables\.TF_ENABLE_ONEDNN_OPTS)\b.*",
            "oneDNN", "bits", "its operations add in another order",
        ),
        (
            "isa", "determinism",
            r"\.(determinism\.isa|environment\.variables\.(ONEDNN|DNNL)_MAX_CPU_ISA)\b.*",
            "instruction set", "bits", "wider vectors add in another order",
        ),
        (
            "xla_flags", "determinism",
            r"\.(determinism\.(tf_)?xla_flags|environment\.variables\.(TF_)?XLA_FLAGS)\b.*",
            "XLA flags", "bits", "they choose how XLA computes",
        ),
        (
            "execution", "determinism", r"\.determinism\b.*", "execution settings", "bits",
            "they choose which operations run",
        ),
        (
            "numeric_packages", "packages",
            r"\.packages\.distributions(\.|\[')(tensorflow|keras|numpy|ml_dtypes|ml-dtypes|tensorflow-\w+|tensorflow_\w+|jax|jaxlib)\b.*",
            "numerical packages", "bits", "another release may compute or draw differently",
        ),
        (
            "packages", "packages", r"\.packages\.distributions\b.*", "other packages", "rarely",
            "another release may behave differently",
        ),
        (
            "processor", "environment", r"\.environment\.(cpu|machine|accelerators|devices)\b.*",
            "processor", "bits", "other processors use other instructions",
        ),
        (
            "python", "environment", r"\.environment\.python\b.*", "Python", "rarely",
            "another release may hash, sort or draw differently",
        ),
        (
            "environment", "environment", r"\.environment\b.*", "environment", "rarely",
            "code may read it",
        ),
        ("code", "code", r"\.code\b.*", "code", "rarely", "other code may do anything"),
    )
)  # fmt: skip

_NOT_CAUSES = re.compile(
    r"\$\.conditions\.(packages\.requirements|environment\.variables\.TF_CPP_MIN_LOG_LEVEL"
    r"|environment\.memory_bytes|environment\.cpu\.(physical|logical)_cores)\b"
)


def rank_causes(
    expected: Manifest,
    actual: Manifest,
    differences: Sequence[ConditionDifference],
    first: FirstDifference,
) -> tuple[Cause, ...]:
    """Return the conditions that may explain the first difference, the best first.

    Args:
        expected: The run compared with.
        actual: The run compared.
        differences: Conditions that differ.
        first: Where the runs part.
    """
    sorted_in: dict[str, list[ConditionDifference]] = {}
    for difference in differences:
        kind = _kind_of(difference.path)
        if kind is not None:
            sorted_in.setdefault(kind.name, []).append(difference)
    kinds = [kind for kind in _KINDS if kind.name in sorted_in]
    if {"seed", "drawn_seeds"} <= sorted_in.keys():
        # The layers drew other seeds because the seed is another: one cause.
        sorted_in["seed"] += sorted_in.pop("drawn_seeds")
        kinds = [kind for kind in kinds if kind.name != "drawn_seeds"]
    inputs_differ = any(_changes_inputs(kind, first) for kind in kinds)
    alone = len(kinds) == 1
    causes = [
        _cause(kind, sorted_in[kind.name], expected, actual, first, inputs_differ, alone)
        for kind in kinds
    ]
    causes.sort(key=lambda cause: (_CERTAINTIES.index(cause.certainty), GROUPS.index(cause.group)))
    return tuple(causes)


def _kind_of(path: str) -> _Kind | None:
    if _NOT_CAUSES.match(path):
        return None
    below = path.removeprefix("$.conditions")
    return next((kind for kind in _KINDS if re.fullmatch(kind.pattern, below)), None)


def _changes_inputs(kind: _Kind, first: FirstDifference) -> bool:
    """Whether a kind alone explains the first difference, so that rounding need not."""
    if first.kind == "initial weights":
        return kind.strength == "seeds"
    return kind.strength in {"seeds", "inputs"}


def _certainty(
    kind: _Kind,
    differences: Sequence[ConditionDifference],
    first: FirstDifference,
    inputs_differ: bool,
    alone: bool,
) -> str:
    at_start = first.kind == "initial weights"
    if at_start:
        if kind.name in {"seed", "drawn_seeds"}:
            return "certain"
        if kind.name in {"model", "numeric_packages"}:
            return "likely"
        return "possible"
    if kind.name == "data" and first.kind in {"epoch weights", "final state"}:
        trained_on = any(re.search(r"\.data\W*train", item.path) for item in differences)
        return "certain" if trained_on else "likely"
    if kind.strength in {"seeds", "inputs"}:
        return "likely"
    if kind.strength == "bits":
        return "possible" if inputs_differ else "likely"
    return "likely" if alone else "possible"


def _cause(
    kind: _Kind,
    differences: Sequence[ConditionDifference],
    expected: Manifest,
    actual: Manifest,
    first: FirstDifference,
    inputs_differ: bool,
    alone: bool,
) -> Cause:
    title, reason = kind.title, kind.reason
    change = _most_telling(kind, differences)
    if change is not None:
        title = f"{title}: {_text(change.expected)} → {_text(change.actual)}"
    if kind.name in {"model", "optimizer", "loss", "fit", "data", "packages", "numeric_packages"}:
        title = f"{kind.title}: {_named(differences)}"
    elif kind.name == "drawn_seeds":
        title, reason = _extra_draws(expected, actual) or (title, reason)
    if first.kind != "initial weights" and alone:
        reason += "; nothing else that could differs"
    return Cause(
        group=kind.group,
        title=title,
        certainty=_certainty(kind, differences, first, inputs_differ, alone),
        reason=reason,
        remedy=REMEDIES[kind.name](expected, differences),
        paths=tuple(item.path for item in differences),
    )


_TELLING = {
    "seed": "$.conditions.seeds.declared",
    "threads": "$.conditions.determinism.threads.intra_op.in_force",
    "op_determinism": "$.conditions.determinism.op_determinism",
    "onednn": "$.conditions.determinism.onednn.in_force",
    "hash_seed": "$.conditions.seeds.hash_seed.requested",
    "python": "$.conditions.environment.python.version",
    "processor": "$.conditions.environment.cpu.model",
}


def _most_telling(
    kind: _Kind, differences: Sequence[ConditionDifference]
) -> ConditionDifference | None:
    """Return the one difference that says most, for the title."""
    path = _TELLING.get(kind.name)
    for item in differences:
        if item.path == path:
            return item
    if kind.name == "seed":
        return next((item for item in differences if item.path.endswith(".backend.seed")), None)
    return differences[0] if len(differences) == 1 and kind.name not in {"drawn_seeds"} else None


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else shown(value)


def _named(differences: Sequence[ConditionDifference]) -> str:
    """Name what differs by the last words of its paths, the values where there are few."""
    parts = []
    for item in differences[:3]:
        path = re.sub(r"\$\.conditions\.(packages\.distributions\W?|training\.|data\W?)", "", item.path)
        path = re.sub(r"^(models|fits)\[0\]\.(arguments\.)?", "", path).replace("config.", "")
        path = re.sub(r"['\]\[]+", " ", path).strip()
        parts.append(f"{path} {_text(item.expected)} → {_text(item.actual)}")
    more = len(differences) - len(parts)
    return ", ".join(parts) + (f", and {more} more" if more else "")


def _extra_draws(expected: Manifest, actual: Manifest) -> tuple[str, str] | None:
    """Say how far apart two runs stand in the stream of one seed, where both do."""
    streams = []
    for manifest in (expected, actual):
        seeds = manifest.conditions.seeds
        seed = None if seeds is None else seeds.declared
        if seed is None and seeds is not None:
            seed = seeds.backend.seed
        if seed is None:
            return None
        streams.append(replay(seed, drawn_seeds(manifest)))
    first, second = streams
    if not (first.complete and second.complete):
        return None
    before = second.offset_words - first.offset_words
    between = second.gap_words - first.gap_words
    where = "before the first layer" if before else "between the layers"
    words = before or between
    if not words:
        return None
    who = "the actual run" if words > 0 else "the expected run"
    return (
        f"extra draw from Python's random: offset of {_words(abs(words))} {where}",
        f"{who} took {_words(abs(words))} more from random.Random({first.seed}) {where}: "
        f"{_as_calls(abs(words))}",
    )


def _words(count: int) -> str:
    return f"{count} word" + ("" if count == 1 else "s")


def _as_calls(words: int) -> str:
    """Say what takes so many words."""
    if words == 1:
        return "as one unused layer or initializer takes"
    if words == 2:
        return "as one random.random(), or two unused layers, take"
    return f"as {words} unused layers or {words / 2:g} calls of random.random() take"


