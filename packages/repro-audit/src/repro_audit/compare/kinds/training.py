"""Models, optimizers, and what a fit is asked to do."""

from __future__ import annotations

from repro_audit.compare.kinds.kind import Kind, Stage

__all__ = ["KINDS"]

_EVERY_UPDATE = "every update follows from it"
_MODEL = r"training\.models\[\d+\]\."
_ARGUMENT = r"training\.fits\[\d+\]\.arguments\."
_COMPUTED: tuple[Stage, ...] = ("loss", "update")
_FED: tuple[Stage, ...] = ("batch",)
_REPORTED: tuple[Stage, ...] = ("result",)

KINDS = (
    Kind(
        "optimizer",
        "training",
        "optimizer",
        "inputs",
        _EVERY_UPDATE,
        (_MODEL + r"(optimizer|more_optimizers)",),
        acts_at=("update",),
    ),
    Kind(
        "loss", "training", "loss", "inputs", _EVERY_UPDATE, (_MODEL + "loss",), acts_at=_COMPUTED
    ),
    Kind(
        "metrics",
        "training",
        "metrics",
        "rarely",
        "they are reported, and no weight follows from them but through a callback",
        (_MODEL + r"metrics", _MODEL + r"compile\W+weighted_metrics"),
        acts_at=_REPORTED,
    ),
    Kind(
        "compile",
        "training",
        "compile arguments",
        "inputs",
        _EVERY_UPDATE,
        (_MODEL + "compile",),
        acts_at=_COMPUTED,
    ),
    Kind(
        "model_code",
        "training",
        "code of the model",
        "seeds",
        "what a layer or a step computes follows from it",
        (_MODEL + "code",),
        acts_at=("start", "random", "loss", "update"),
    ),
    Kind(
        "model",
        "training",
        "model",
        "seeds",
        "the model is not the same",
        (r"training\.models",),
        acts_at=("start", "random", "loss", "update"),
    ),
    Kind(
        "callbacks",
        "training",
        "callbacks",
        "inputs",
        "a callback may change the model, its optimizer or when training ends",
        (r"training\.fits\[\d+\]\.callback(s|_settings)",),
        acts_at=("loss", "update", "length", "result"),
    ),
    Kind(
        "sample_weight",
        "training",
        "weights of samples",
        "inputs",
        "each sample counts by its weight in the loss",
        (_ARGUMENT + r"(class_weight|sample_weight)",),
        acts_at=_COMPUTED,
    ),
    Kind(
        "training_length",
        "training",
        "length of the training",
        "inputs",
        "the weights of a later epoch are others",
        (_ARGUMENT + r"(epochs|initial_epoch)",),
        acts_at=("length",),
    ),
    Kind(
        "validation",
        "training",
        "validation",
        "rarely",
        "what is reported follows from it, and no weight but through a callback",
        (_ARGUMENT + r"validation_(data|freq|steps|batch_size)",),
        acts_at=("length", "result"),
    ),
    Kind(
        "fit",
        "training",
        "fit arguments",
        "inputs",
        "the fit was asked for something else",
        (r"training\.fits",),
        acts_at=_FED,
        factor="batch-order",
        factored=_ARGUMENT + "shuffle",
    ),
    Kind(
        "training",
        "training",
        "training",
        "inputs",
        "the training is not the same",
        (r"training",),
        acts_at=_COMPUTED,
    ),
)
