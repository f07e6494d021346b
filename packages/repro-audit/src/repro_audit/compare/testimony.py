"""What the steps themselves tell of a cause, whatever conditions were recorded.

A trace holds what each step was given and what came of it. Which of it differs, and which does
not, says where to look: equal gradients and other weights are another learning rate; equal inputs
and other targets are other labels.
"""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.compare.comparison import FirstDifference, Group
from repro_audit.compare.remedies import save_arrays
from repro_audit.compare.samples import SampleDifference, differing_samples
from repro_audit.compare.steps import step_name
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.trace_comparison import BatchDifference, ColumnDifference, TraceComparison
from repro_audit.manifest import Manifest
from repro_audit.wording import counted, listed

__all__ = ["TOLD", "Testimony", "testify"]

_MAX_NAMES = 3


class Testimony(NamedTuple):
    """What the steps tell.

    Attributes:
        kind: Name of the kind of cause.
        group: The group it is ranked in.
        title: What differs.
        seen: What shows it, and what does not differ.
        means: What it points at.
        remedy: What to look at.
        paths: JSONPaths of where it stands in a manifest.
    """

    kind: str
    group: Group
    title: str
    seen: str
    means: str
    remedy: str
    paths: tuple[str, ...] = ("$.outcomes.digests.trace",)

    @property
    def reason(self) -> str:
        """What shows it, and what it points at."""
        return f"{self.seen}: {self.means}" if self.means else self.seen


TOLD = frozenset(
    {
        "batch_size",
        "batch_dtype",
        "batch_count",
        "batch_order",
        "batch_scale",
        "batch_content",
        "one_layer",
        "initial_weights",
        "layer_code",
        "learning_rate",
        "update_rule",
        "training_ended",
        "only_one_run",
        "evaluation",
    }
)
"""Kinds of cause that are told by the steps, and by no condition."""


def testify(
    expected: Manifest,
    actual: Manifest,
    first: FirstDifference,
    trace: TraceComparison | None,
    symptom: Symptom,
) -> Testimony | None:
    """Return what the evidence tells of a cause, whatever conditions differ.

    Args:
        expected: The run compared with.
        actual: The run compared.
        first: Where the runs diverge.
        trace: What their traces show, where both were read.
        symptom: What the first difference looks like.

    Returns:
        The testimony; None where the evidence points nowhere in particular.
    """
    if symptom.where == "start":
        return _of_initial_weights(expected, first)
    if symptom.where == "length":
        return _of_length(expected, actual, first)
    if symptom.where == "result":
        return _of_result(expected, actual, first)
    if trace is None:
        return None
    if symptom.lone is not None and symptom.lone.column is not None:
        return _of_lone_column(symptom)
    if symptom.where == "batch":
        return _of_batch(trace, symptom, differing_samples(expected, actual, first.fit or 0))
    if symptom.where == "loss" and symptom.size != "rounding":
        return _of_loss(trace)
    return _of_update(trace, symptom) if symptom.where == "update" else None


# Batches


def _of_batch(
    trace: TraceComparison, symptom: Symptom, samples: SampleDifference | None
) -> Testimony | None:
    """Tell how what the steps were given differs."""
    if symptom.lone is not None:
        return Testimony(
            "batch_count",
            "data",
            f"one run is given more batches: {symptom.lone.text}",
            "all batches before it are equal",
            "the number of samples, or what becomes of the last ones (drop_remainder, "
            "steps_per_epoch)",
            "# give both runs as many samples: len(x), drop_remainder, steps_per_epoch",
        )
    fed = trace.batches
    if fed is None:
        return None
    sizes = [item for item in fed.columns if _sizes(item.expected)[:1] != _sizes(item.actual)[:1]]
    dtypes = [item for item in fed.columns if _dtype(item.expected) != _dtype(item.actual)]
    if sizes:
        one, other = (_sizes(text)[0] for text in (sizes[0].expected, sizes[0].actual))
        return Testimony(
            "batch_size",
            "data",
            f"size of the batches: {one} → {other}",
            f"{step_name(fed.fit, fed.epoch, fed.first)} is given {one} samples in the expected "
            f"run, and {other} in the actual one",
            "",
            f"model.fit(..., batch_size={one})  # or dataset.batch({one})",
        )
    if dtypes:
        item = dtypes[0]
        one, other = _dtype(item.expected), _dtype(item.actual)
        return Testimony(
            "batch_dtype",
            "data",
            f"element type of {item.role}: {one} → {other}",
            "the batches hold numbers of another type",
            "",
            f'x = x.astype("{one}")  # before it is given to the model',
        )
    if fed.order == "reordered":
        return Testimony(
            "batch_order",
            "data",
            "order of the batches",
            f"the batches of epoch {fed.epoch:,} are the same in another order",
            "",
            "# what orders the batches: a shuffle and its seed, the order of files, workers",
        )
    if samples is not None and fed.epoch == 1:
        found = _of_samples(samples)
        if found is not None:
            return found
    return _of_content(fed)


def _of_samples(samples: SampleDifference) -> Testimony | None:
    """Tell which of the samples differ, where only some of them do, or only their order."""
    most = max(samples.expected, samples.actual)
    if not samples.differing:
        return Testimony(
            "batch_order",
            "data",
            f"order of the samples: the same {most:,}, in another order",
            "the first epoch is fed the same samples in another order",
            "",
            "# what orders the samples: a shuffle and its seed, the order of files, workers",
        )
    if samples.differing == most and not samples.targets_only:
        return None
    alone = ", target only" if samples.targets_only else ""
    count = (
        f"; {samples.expected:,} in the expected run, {samples.actual:,} in the actual one"
        if samples.expected != samples.actual
        else ""
    )
    order = ", and the others come in another order" if samples.moved else ""
    return Testimony(
        "batch_content",
        "data",
        f"the data itself differs: {samples.differing:,} of {most:,} samples{alone}",
        f"{samples.differing:,} of the {counted(most, 'sample')} of the first epoch differ"
        f"{order}{count}",
        "",
        'run.data("train", x, y)  # and compare the samples of both runs',
    )


def _of_content(fed: BatchDifference) -> Testimony:
    """Tell which batches hold something else, and in which of their parts."""
    differ = [item.role for item in fed.columns if item.differing]
    equal = [item.role for item in fed.columns if not item.differing]
    alone = f" in {listed(differ, _MAX_NAMES)} alone" if equal else ""
    of_all = f"{fed.differing:,} of {fed.compared:,} batches of epoch {fed.epoch:,}"
    same = f"; {listed(equal, _MAX_NAMES)} equal in all of them" if equal else ""
    if fed.differing == fed.compared and len(differ) == 1 and equal:
        return Testimony(
            "batch_scale",
            "data",
            f"every batch differs{alone}",
            f"{of_all} differ in {differ[0]}{same}",
            "another scale or preparation of it, or noise",
            "model.fit(..., class_weight=..., sample_weight=...)  # the same in both runs"
            if differ[0] == "sample_weight"
            else f"# how {differ[0]} is made: its scale, its rounding, random augmentation",
        )
    since = f", from batch {fed.first:,} on" if fed.first > 1 else ""
    return Testimony(
        "batch_content",
        "data",
        f"the data itself differs: {of_all}{alone}",
        f"{of_all} differ{since}{same}",
        "the others come in the same order"
        if fed.differing < fed.compared
        else "other samples, or the same ones in another order",
        save_arrays("train", "x, y"),
    )


def _dtype(described: str) -> str:
    return described.partition(" ")[0]


def _sizes(described: str) -> list[str]:
    return described.partition("(")[2].rstrip(")").split(", ")


# Initial weights


def _of_initial_weights(expected: Manifest, first: FirstDifference) -> Testimony | None:
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


# What is computed


def _of_lone_column(symptom: Symptom) -> Testimony | None:
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


def _of_loss(trace: TraceComparison) -> Testimony | None:
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


def _of_update(trace: TraceComparison, symptom: Symptom) -> Testimony | None:
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


# What comes after the steps


def _of_length(expected: Manifest, actual: Manifest, first: FirstDifference) -> Testimony | None:
    """Tell which run goes on where the other has ended."""
    number = first.fit or 0
    fits = [
        manifest.outcomes.fits[number] if number < len(manifest.outcomes.fits) else None
        for manifest in (expected, actual)
    ]
    epochs = [None if fit is None else len(fit.epochs) for fit in fits]
    counts = [len(manifest.outcomes.fits) for manifest in (expected, actual)]
    paths = (f"$.outcomes.fits[{number}]",)
    if epochs[0] is not None and epochs[1] is not None and epochs[0] != epochs[1]:
        of_fit = f" of fit {number + 1}" if number else ""
        return Testimony(
            "training_ended",
            "training",
            f"when training ended: {epochs[0]} → {counted(epochs[1], 'epoch')}{of_fit}",
            "all that both runs have is equal until one of them ends",
            "epochs, or a callback that ends training (patience, a target)",
            f"model.fit(..., epochs={epochs[0]})  # and the callbacks of the expected run",
            paths,
        )
    if counts[0] != counts[1]:
        return Testimony(
            "training_ended",
            "training",
            f"number of fits: {counts[0]} → {counts[1]}",
            "one run goes on where the other ends, and is equal to it until there",
            "",
            "# call fit as often as the expected run does",
            paths,
        )
    return None


def _of_result(expected: Manifest, actual: Manifest, first: FirstDifference) -> Testimony | None:
    """Tell what was evaluated otherwise by equal weights."""
    if first.kind == "final state":
        return None
    if expected.outcomes.final_state != actual.outcomes.final_state:
        return None
    what = "the evaluation" if first.kind == "evaluation" else "what is reported"
    return Testimony(
        "evaluation",
        "data",
        f"{what} alone: other data to test on, or another batch size",
        "all weights are equal from the first step to the end",
        "",
        save_arrays("test", "x_test, y_test") + "; and one batch_size in both",
        ("$.outcomes.evaluations",),
    )
