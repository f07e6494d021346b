"""RA3xx: what was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from repro_audit.audit.rules import Hit, rule
from repro_audit.audit.sources import drawing_layers, generators_begin_anew
from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import DatasetOptions, RandomSource

_SERIAL = {
    "keras.random.SeedGenerator": "model = keras.Sequential([augmentation, ...])  # in the model",
    **dict.fromkeys(
        ("numpy.random", "numpy.random.Generator", "numpy.random.RandomState", "random"),
        "dataset.map(augment)  # without num_parallel_calls",
    ),
}
"""What to do about a random source that has no stateless twin."""


@rule(
    "RA301",
    "warning",
    "the data has no digest",
    why="Nobody can tell whether a rerun trains on the same data.",
    remedy='run.data("train", x_train, y_train)  # inside the record block',
    source="NeurIPS paper checklist, item on data",
)
def no_data_digest(manifest: Manifest) -> Iterator[Hit]:
    """Training was recorded and no data set."""
    recorded = manifest.complete and manifest.conditions.seeds is not None
    if recorded and manifest.outcomes.fits and not manifest.conditions.data:
        yield Hit("No data set was digested.", "$.conditions.data")


@rule(
    "RA302",
    "warning",
    "a data pipeline may hand out its elements in any order",
    why="With deterministic=False, tf.data returns whatever is ready first.",
    remedy=(
        "options = tf.data.Options(); options.deterministic = True; "
        "dataset = dataset.with_options(options)"
    ),
    source="TensorFlow API: tf.data.Options.deterministic",
)
def pipeline_order(manifest: Manifest) -> Iterator[Hit]:
    """A tf.data pipeline, or a stage of one, has deterministic=False."""
    for path, dataset in _datasets(manifest):
        # Op determinism keeps the order all the same (measured).
        if dataset.op_determinism:
            continue
        if dataset.deterministic is False:
            yield Hit(
                f"The pipeline {_given(dataset)} has deterministic=False.", f"{path}.deterministic"
            )
        for at, stage in enumerate(dataset.stages):
            if stage.deterministic is False:
                yield Hit(
                    f"The {stage.op} of the pipeline {_given(dataset)} has deterministic=False.",
                    f"{path}.stages[{at}].deterministic",
                    f"dataset.{stage.op}(..., deterministic=True)"
                    if stage.op.isidentifier()
                    else None,
                )


@rule(
    "RA303",
    "warning",
    "random numbers are drawn in a parallel map",
    why=(
        "Its calls take turns at one generator, and whose turn it is differs from run to run: "
        "deterministic=True orders the elements and not the draws."
    ),
    remedy=(
        "dataset.enumerate().map(lambda index, x: "
        "x + tf.random.stateless_normal(x.shape, seed=({seed}, index)), tf.data.AUTOTUNE)"
    ),
    source="measured: 6 of 6 runs differ; tensorflow/tensorflow issue 13932",
)
def random_parallel_map(manifest: Manifest) -> Iterator[Hit]:
    """A stage draws from something shared, and TensorFlow runs several calls of it at once."""
    for path, dataset in _datasets(manifest):
        for at, stage in enumerate(dataset.stages):
            parallel = stage.num_parallel_calls not in {None, 1} and not dataset.op_determinism
            # tf.data makes even a serial map parallel where it takes the function to have no state.
            sources = [item for item in _shared(stage.random) if parallel or not item.stateful]
            if not sources:
                continue
            hidden = not all(item.stateful for item in sources)
            yield Hit(
                f"The {stage.op} of the pipeline {_given(dataset)} draws from "
                f"{_listed(sources)}"
                + (
                    ", and numpy_function(stateful=False) says that it does not."
                    if hidden
                    else f", {_calls(stage.num_parallel_calls)} at once."
                ),
                f"{path}.stages[{at}].random",
                "tf.numpy_function(...)  # without stateful=False"
                if hidden
                else _SERIAL.get(sources[0].source),
            )


@rule(
    "RA304",
    "info",
    "every epoch has the same order",
    why=(
        "With a seed set, Keras on TensorFlow shuffles arrays in the same order every epoch, in "
        "each fit: batches are always the same."
    ),
    remedy=(
        "dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(32); "
        "model.fit(dataset, epochs=2)"
    ),
    source="measured: Keras 3.15, TensorFlow 2.21; tensorflow/tensorflow issue 35682",
)
def one_permutation(manifest: Manifest) -> Iterator[Hit]:
    """A model was fitted for several epochs on arrays that a seeded Keras shuffles."""
    conditions = manifest.conditions
    seeds, training = conditions.seeds, conditions.training
    if seeds is None or seeds.backend.seed is None or training is None:
        return
    environment = conditions.environment
    if environment is not None and environment.backend not in {None, "tensorflow"}:
        return
    epochs: dict[int, int] = {}
    first: dict[int, int] = {}
    for _, dataset in _datasets(manifest):
        if dataset.kind != "arrays" or dataset.argument != "x":
            continue
        if dataset.fit >= min(len(training.fits), len(manifest.outcomes.fits)):
            continue
        fit = training.fits[dataset.fit]
        if not fit.arguments.get("shuffle"):
            continue
        epochs.setdefault(fit.model, 0)
        epochs[fit.model] += len(manifest.outcomes.fits[dataset.fit].epochs)
        first.setdefault(fit.model, dataset.fit)
    for model, count in epochs.items():
        if count > 1:
            given = training.fits[first[model]].arguments
            batch = given.get("batch_size")
            split = "  # validation_split is for arrays: split them before"
            yield Hit(
                f"Model {model} was trained for {count} epochs on arrays with shuffle=True, all "
                "in one order.",
                f"$.conditions.training.fits[{first[model]}].arguments.shuffle",
                "dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch("
                f"{batch if isinstance(batch, int) else 32}); model.fit(dataset, ...)"
                + (split if given.get("validation_split") else ""),
            )


@rule(
    "RA305",
    "warning",
    "the workers of a PyDataset share random numbers",
    why=(
        "Which worker draws first differs from run to run, and processes begin with copies of "
        "one state. Op determinism does not change that."
    ),
    remedy=(
        "rng = np.random.default_rng([{seed}, index])  # in __getitem__; workers=1 where its code "
        "is Keras's"
    ),
    source="measured: 4 of 4 runs differ with 4 threads and with 2 processes, and 1 worker repeats",
)
def random_workers(manifest: Manifest) -> Iterator[Hit]:
    """A PyDataset with several workers names a shared random source in its code."""
    for path, dataset in _datasets(manifest):
        shared = _shared(dataset.random)
        if dataset.kind == "PyDataset" and (dataset.workers or 0) > 1 and shared:
            kind = "processes" if dataset.use_multiprocessing else "threads"
            yield Hit(
                f"The PyDataset {_given(dataset)} has {dataset.workers} workers ({kind}) and draws "
                f"from {_listed(shared)}.",
                f"{path}.workers",
            )


@rule(
    "RA306",
    "warning",
    "a resumed run draws other masks",
    why=(
        "Keras saves no generator of a layer, in no file format: after a restart dropout masks "
        "begin again at the first, and the weights are not those of an uninterrupted run."
    ),
    remedy=(
        "dropout.seed_generator.state.assign([seed, steps_done])  # in on_epoch_begin of the "
        "first epoch after a restart"
    ),
    source="measured: Keras 3.15; keras-team/keras issue 19796",
)
def resumed(manifest: Manifest) -> Iterator[Hit]:
    """A fit goes on from an earlier process, or could, and layers hold generators."""
    training = manifest.conditions.training
    drawing, anew = drawing_layers(manifest), generators_begin_anew(manifest)
    fitted: set[int] = set()
    for index, fit in enumerate(training.fits if training else ()):
        begins = fit.model not in fitted
        fitted.add(fit.model)
        if index >= len(manifest.outcomes.fits):
            continue
        layers = ", ".join(sorted(drawing.get(fit.model, ()))[:8])
        if not layers:
            continue
        epoch = manifest.outcomes.fits[index].first_epoch
        if begins and (epoch or 1) > 1 and fit.model in anew:
            yield Hit(
                f"Fit {index + 1} began with epoch {epoch}, and the generators of {layers} stood "
                "where they stand before the first.",
                f"$.outcomes.fits[{index}].first_epoch",
            )
        elif "BackupAndRestore" in fit.callbacks:
            yield Hit(
                f"Fit {index + 1} has BackupAndRestore, which would not restore the generators "
                f"of {layers}.",
                f"$.conditions.training.fits[{index}].callbacks",
                severity="info",
            )


def _datasets(manifest: Manifest) -> Iterator[tuple[str, DatasetOptions]]:
    """Yield the record of each data set given to a fit, behind its JSONPath."""
    determinism = manifest.conditions.determinism
    for index, dataset in enumerate(determinism.datasets if determinism else ()):
        yield f"$.conditions.determinism.datasets[{index}]", dataset


def _given(dataset: DatasetOptions) -> str:
    return f"given as {dataset.argument} to fit {dataset.fit + 1}"


def _shared(sources: Iterable[RandomSource]) -> list[RandomSource]:
    """Return the sources that several calls share; one made anew in each call is not."""
    return [item for item in sources if not item.source.endswith("()")]


def _listed(sources: list[RandomSource]) -> str:
    return ", ".join(item.source for item in sources[:8])


def _calls(number: int | None) -> str:
    return "several calls" if number in {None, -1} else f"{number} calls"
