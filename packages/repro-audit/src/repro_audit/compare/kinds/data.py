"""What a run is fed."""

from __future__ import annotations

from repro_audit.compare.kinds.kind import Kind, Stage

__all__ = ["KINDS"]

_FED: tuple[Stage, ...] = ("batch",)

KINDS = (
    Kind(
        "test_data",
        "data",
        "data to test on",
        "inputs",
        "what is evaluated follows from it, and no weight but through a callback",
        (r"data\W+(test|validation)\w*",),
        acts_at=("length", "result"),
    ),
    Kind(
        "data",
        "data",
        "data",
        "inputs",
        "the content that was trained on is not the same",
        (r"data",),
        acts_at=("start", "batch"),  # layers adapt to data before training
    ),
    Kind(
        "sample_order",
        "data",
        "order of the samples",
        "inputs",
        "the same samples come in another order, so every batch is another",
        (),
        acts_at=_FED,
        factor="batch-order",
    ),
    Kind(
        "unrecorded_data",
        "data",
        "training data: not recorded",
        "inputs",
        "the batches differ, and nothing says whether the data do",
        (),
        acts_at=_FED,
    ),
    Kind(
        "pipeline_order",
        "data",
        "order in a data pipeline",
        "inputs",
        "without deterministic=True a pipeline hands out what is ready first",
        (r"determinism\.datasets.*deterministic",),
        acts_at=_FED,
    ),
    Kind(
        "parallel_map",
        "data",
        "random numbers in a parallel map",
        "inputs",
        "parallel calls share one generator, and which of them draws first is a race",
        (r"determinism\.datasets.*random",),
        acts_at=_FED,
    ),
    Kind(
        "pipeline",
        "data",
        "data pipeline",
        "inputs",
        "its stages decide what a batch holds",
        (r"determinism\.datasets(?!\S*\.op_determinism)",),
        acts_at=_FED,
        factor="batch-order",
        factored=r"determinism\.datasets\[\d+\]\.stages\[\d+\]\.(seed|reshuffle_each_iteration)\S*",
    ),
    Kind(
        "batch",
        "data",
        "batches",
        "rarely",
        "a step is given a batch of another size or element type",
        (r"training\.fits\[\d+\]\.batch",),
        acts_at=_FED,
    ),
    Kind(
        "read_files",
        "data",
        "files read",
        "inputs",
        "what the program read is not the same",
        (r"read\.files",),
    ),
)
