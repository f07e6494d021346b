"""Which layers begin with other weights, and which come by others in a step."""

from __future__ import annotations

from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.steps import step_name
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.testimony.told import Testimony
from repro_audit.compare.trace_comparison import ColumnDifference, TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.wording import listed

__all__ = ["of_initial_weights", "of_lone_column", "of_loss", "of_metrics", "of_update"]

_MAX_NAMES = 3


def of_initial_weights(expected: Manifest, first: FirstDifference) -> Testimony | None:
    """Tell which layers begin with other weights."""
    if not first.tensors or None in expected.outcomes.initial_weights:
        return None
    total = sum(len(model or ()) for model in expected.outcomes.initial_weights)
    layers = list(dict.fromkeys(_layer(item.label) or item.layer for item in first.tensors))
    if len(layers) == 1 and len(first.tensors) < total:
        return Testimony(
            "one_layer",
            "training",
            f"weights set in one layer alone: {layers[0]}",
            f"{len(first.tensors)} of {total} initial weights differ, all of {layers[0]}",
            "an initializer of its own, or weights that were loaded or set there",
            "# where the weights of that layer come from: its initializer, load_weights, "
            "set_weights",
            ("$.outcomes.initial_weights",),
        )
    return Testimony(
        "initial_weights",
        "training",
        f"initial weights of {listed(layers, _MAX_NAMES)}",
        f"{len(first.tensors)} of {total} initial weights differ",
        "weights that were loaded or set",
        "# where the initial weights come from: load_weights, set_weights, a checkpoint",
        ("$.outcomes.initial_weights",),
    )


def _layer(label: str) -> str:
    """Return the layer that a tensor's label begins with; empty where there is none."""
    return label.rpartition("/")[0]


def of_lone_column(symptom: Symptom) -> Testimony | None:
    """Tell what one run alone has in its steps."""
    lone = symptom.lone
    if lone is None or lone.column is None:
        return None
    name = lone.column.name
    what = {"batch": f"{name} is given", "optimizer": f"the optimizer has {name}"}.get(
        lone.column.kind, f"there is {name}"
    )
    return Testimony(
        "only_one_run",
        "training",
        f"{what} in the {lone.only} run alone",
        f"{lone.text}, from {step_name(lone.fit, lone.epoch, lone.step)} on",
        "",
        "model.fit(..., sample_weight=..., class_weight=...)  # the same in both runs"
        if lone.column.kind == "batch"
        else "# build and compile the model of the expected run",
    )


def of_loss(trace: TraceComparison) -> Testimony | None:
    """Tell what a loss that differs on equal batches comes from."""
    layers = _layers_apart(trace)
    at = f", first seen in {layers[0]}" if layers else ""
    return Testimony(
        "layer_code",
        "training",
        f"what the model or its loss computes{at}",
        "batch, random state and weights are equal before the step, and the loss is not",
        "a layer, the loss, or what weighs it is not the same",
        "# the code of the layers and of the loss, loss_weights, class_weight",
    )


def of_metrics(trace: TraceComparison) -> Testimony | None:
    """Tell which metrics come out otherwise where nothing else does."""
    names = [] if trace.step is None else [item.role for item in trace.step.columns]
    return Testimony(
        "metric",
        "training",
        f"what is computed for {listed(names, _MAX_NAMES)} alone",
        "batch, loss and weights of the step are equal",
        "a metric is another one, or its code is",
        "model.compile(..., metrics=[...])  # the same in both runs",
    )


def of_update(trace: TraceComparison, symptom: Symptom) -> Testimony | None:
    """Tell what an update that differs for an equal loss comes from."""
    step = trace.step
    if step is None:
        return None
    slots = [item for item in step.columns if item.kind == "optimizer"]
    rates = [item for item in slots if item.role.endswith("learning_rate")]
    others = [item for item in slots if item not in rates]
    where = step_name(step.fit, step.epoch, step.step)
    if rates and not others:
        return Testimony(
            "learning_rate",
            "training",
            f"learning rate, from {where} on",
            "of the optimizer only the learning rate differs, and the loss of the step does not",
            "it was set otherwise, by an argument, a schedule or a callback",
            "# what sets the learning rate: compile, a schedule, a callback",
        )
    weights = [item for item in step.columns if item.kind == "weight"]
    remembers = any(item.column.kind == "optimizer" for item in trace.partings)
    if weights and not slots and remembers:
        return Testimony(
            "update_rule",
            "training",
            f"update of the weights, from {where} on",
            "what the optimizer remembers of the gradients is equal, and the weights are not",
            "the gradients are the same, and the step taken with them is another",
            "# the optimizer's settings: learning rate, weight decay, momentum; what sets weights",
        )
    layers = _layers_apart(trace)
    if layers and symptom.loss_equal and symptom.size != "rounding":
        return Testimony(
            "layer_code",
            "training",
            f"what is computed in {layers[0]}",
            f"the loss is equal; of the weights only those of {listed(layers, _MAX_NAMES)} differ",
            "",
            "# the code of that layer, what trains it and what does not",
        )
    return None


def _layers_apart(trace: TraceComparison) -> list[str]:
    """Return the layers whose weights differ first, where those of others do not."""
    step = trace.step
    if step is None:
        return []
    weights = [item for item in step.columns if item.kind == "weight"]
    apart = list(dict.fromkeys(_name(item) for item in weights))
    later = [
        item.column
        for item in trace.partings
        if item.column.kind == "weight"
        and (item.fit, item.epoch, item.step) != (step.fit, step.epoch, step.step)
    ]
    return apart if any(_name(item) not in apart for item in later) else []


def _name(column: ColumnDifference) -> str:
    return _layer(column.label) or column.layer or column.role
