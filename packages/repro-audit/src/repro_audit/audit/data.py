"""RA3xx: what was trained on."""

from __future__ import annotations

from collections.abc import Iterator

from repro_audit.audit.rules import Seen, rule
from repro_audit.manifest import Manifest


@rule(
    "RA301",
    "warning",
    "the data has no digest",
    why="Nobody can tell whether a rerun trains on the same data.",
    remedy='run.data("train", x_train, y_train)  # inside the record block',
    source="NeurIPS paper checklist, item on data",
)
def no_data_digest(manifest: Manifest) -> Iterator[Seen]:
    """Training was recorded and no data set."""
    recorded = manifest.complete and manifest.conditions.seeds is not None
    if recorded and manifest.outcomes.fits and not manifest.conditions.data:
        yield Seen("No data set was digested.", "$.conditions.data")


@rule(
    "RA302",
    "warning",
    "a data pipeline may hand out its elements in any order",
    why="With deterministic=False, tf.data returns whatever is ready first.",
    remedy="options.deterministic = True; dataset = dataset.with_options(options)",
    source="TensorFlow API: tf.data.Options.deterministic",
)
def pipeline_order(manifest: Manifest) -> Iterator[Seen]:
    """A tf.data pipeline has the option deterministic=False."""
    determinism = manifest.conditions.determinism
    for index, dataset in enumerate(determinism.datasets if determinism else ()):
        if dataset.deterministic is False:
            yield Seen(
                f"The pipeline given as {dataset.argument} to fit {dataset.fit + 1} has "
                "deterministic=False.",
                f"$.conditions.determinism.datasets[{index}].deterministic",
            )
