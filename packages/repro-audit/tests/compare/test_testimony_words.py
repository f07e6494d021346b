"""What the steps tell, word for word: each testimony as a whole, with all that it may add."""

from pathlib import Path

from first_differences import column, traced
from manifests import OTHER_DIGEST, changed, document, record, rerun, value_at

from repro_audit.compare.comparison import FirstDifference, TensorDifference
from repro_audit.compare.samples import SampleDifference
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.testimony.batches import of_batch
from repro_audit.compare.testimony.ends import of_length, of_result
from repro_audit.compare.testimony.weights import (
    of_initial_weights,
    of_lone_column,
    of_loss,
    of_metrics,
    of_update,
)
from repro_audit.compare.trace_comparison import (
    BatchColumn,
    BatchDifference,
    ColumnOnset,
    OrderDifference,
)

BASE = record(document())
EPOCHS = value_at(document(), "outcomes/fits/0/epochs")
UPDATE = Symptom(where="update", loss_equal=True)


def fed(*parts, differing=8, first=1, order="other"):
    """Return of_batch's answer for what two runs were fed."""
    columns = tuple(
        BatchColumn(role, count, *(types or ("float32 (32, 4)", "float32 (32, 4)")))
        for role, count, *types in parts
    )
    batches = BatchDifference(0, 1, first, 8, differing, order, columns)
    return traced(column("batch"))._replace(batches=batches)


def batch(trace, samples=None):
    return of_batch(trace, Symptom(where="batch"), samples)


def counted(expected, actual, differing, *, targets_only=False, moved=False):
    """Return what is told of samples that are known."""
    samples = SampleDifference(expected, actual, differing, targets_only, moved)
    return batch(fed(("x", 8), ("y", 8)), samples)


def lone(kind, role):
    """Return what is told of a column, or of steps, of the actual run alone."""
    own = None if kind is None else column(kind, role)
    item = OrderDifference("actual", "column", "it is there", 0, 1, 3, 0, own)
    return Symptom(where="batch", lone=item)


def tensors(*labels):
    return FirstDifference(
        kind="initial weights",
        text="",
        tensors=tuple(
            TensorDifference(0, place, "Dense", "kernel", label)
            for place, label in enumerate(labels)
        ),
    )


def length(changes, fit=0):
    first = FirstDifference(kind="epoch weights", text="", fit=fit, epoch=2)
    return of_length(BASE, record(changed(rerun(), changes)), first)


def parting(*onsets):
    """Return traces that part first in step 5, in those columns that do so then."""
    found = tuple(ColumnOnset(column=item, fit=0, epoch=1, step=step) for item, step in onsets)
    return traced(*(item for item, step in onsets if step == 5))._replace(partings=found)


def weight(label):
    return column("weight")._replace(label=label)


FIT = value_at(document(), "outcomes/fits/0")
LONGER = {("outcomes", "fits", 0, "epochs"): [*EPOCHS, OTHER_DIGEST]}
TWICE = {("outcomes", "fits"): [FIT, FIT]}
SECOND_LONGER = {("outcomes", "fits"): [FIT, {**FIT, "epochs": [*EPOCHS, OTHER_DIGEST]}]}

WORDS = Path(__file__).with_name("testimony_words.txt")
"""Renewed by ``pytest --update-goldens`` on this file."""

CASES = {
    "more batches": lambda: of_batch(traced(column("weight")), lone(None, ""), None),
    "a size": lambda: batch(fed(("x", 8, "float32 (32, 4)", "float32 (16, 4)"), ("y", 8))),
    "a type": lambda: batch(fed(("x", 8, "float32 (32, 4)", "float64 (32, 4)"), ("y", 0))),
    "the order of batches": lambda: batch(fed(("x", 8), ("y", 8), order="reordered")),
    "the order of samples": lambda: counted(1200, 1200, 0, moved=True),
    "one sample": lambda: counted(240, 240, 1),
    "the target of one sample": lambda: counted(240, 240, 1, targets_only=True),
    "fewer samples in another order": lambda: counted(240, 230, 10, moved=True),
    "every sample": lambda: counted(240, 240, 240),
    "every target": lambda: counted(240, 240, 240, targets_only=True),
    "no batch": lambda: batch(traced(column("batch"))),
    "one part of every batch": lambda: batch(
        fed(("x", 8), ("y", 0), ("x/b", 0), ("x/c", 0), ("x/d", 0))
    ),
    "the weights of every batch": lambda: batch(fed(("x", 0), ("sample_weight", 8))),
    "some batches": lambda: batch(fed(("x", 0), ("y", 3), differing=3, first=2)),
    "all batches": lambda: batch(fed(("x", 8), ("y", 8))),
    "one layer's weights": lambda: of_initial_weights(
        BASE, tensors("net/dense/kernel", "net/dense/bias")
    ),
    "several layers' weights": lambda: of_initial_weights(
        BASE, tensors("a/kernel", "b/kernel", "c/kernel", "d/kernel")
    ),
    "weights without a name": lambda: of_initial_weights(BASE, tensors("", "")),
    "no weights": lambda: of_initial_weights(BASE, tensors()),
    "weights of which some are unknown": lambda: of_initial_weights(
        record(changed(document(), {"outcomes/initial_weights/0": None})), tensors("a/kernel")
    ),
    "the whole of a model of one layer": lambda: of_initial_weights(
        record(
            changed(
                document(),
                {
                    ("outcomes", "initial_weights", 0): value_at(
                        document(), "outcomes/initial_weights/0"
                    )[:1]
                },
            )
        ),
        tensors("net/dense/kernel"),
    ),
    "a weight of samples": lambda: of_lone_column(lone("batch", "sample_weight")),
    "a slot": lambda: of_lone_column(lone("optimizer", "momentum")),
    "a weight": lambda: of_lone_column(lone("weight", "gain")),
    "steps alone": lambda: of_lone_column(lone(None, "")),
    "nothing alone": lambda: of_lone_column(UPDATE),
    "a loss": lambda: of_loss(traced(column("loss"))),
    "a loss and one layer": lambda: of_loss(
        parting((weight("net/a/gain"), 5), (weight("net/b/kernel"), 6), (column("optimizer"), 6))
    ),
    "a loss and a slot": lambda: of_loss(
        parting((weight("net/a/gain"), 5), (column("optimizer"), 6))
    ),
    "a metric": lambda: of_metrics(traced(column("loss", "top"))),
    "a learning rate": lambda: of_update(
        traced(column("optimizer", "learning_rate"), column("weight")), UPDATE
    ),
    "a rule": lambda: of_update(parting((column("weight"), 5), (column("optimizer"), 6)), UPDATE),
    "a layer": lambda: of_update(
        parting((weight("net/a/gain"), 5), (weight("net/b/kernel"), 6)), UPDATE
    ),
    "two layers of three": lambda: of_update(
        parting((weight("net/a/gain"), 5), (weight("net/b/gain"), 5), (weight("net/c/kernel"), 6)),
        UPDATE,
    ),
    "every layer at once": lambda: of_update(
        parting((weight("net/a/gain"), 5), (weight("net/b/kernel"), 5)), UPDATE
    ),
    "no step": lambda: of_update(traced(column("weight"))._replace(step=None), UPDATE),
    "an epoch": lambda: length(LONGER),
    "a fit": lambda: length(TWICE),
    "an epoch of the second fit": lambda: of_length(
        record(changed(document(), TWICE)),
        record(changed(rerun(), SECOND_LONGER)),
        FirstDifference(kind="epoch weights", text="", fit=1, epoch=2),
    ),
    "a second fit": lambda: length(TWICE, fit=1),
    "no length": lambda: length({}),
    "an evaluation": lambda: of_result(
        BASE, record(rerun()), FirstDifference(kind="evaluation", text="")
    ),
    "a history": lambda: of_result(BASE, record(rerun()), FirstDifference(kind="history", text="")),
    "a final state": lambda: of_result(
        BASE, record(rerun()), FirstDifference(kind="final state", text="")
    ),
}


def written():
    """Return every testimony as text, field by field."""
    parts = []
    for name, made in CASES.items():
        found = made()
        fields = [] if found is None else found._asdict().items()
        lines = [f"  {field}: {value}".rstrip() for field, value in fields] or ["  nothing"]
        parts.append("\n".join([name, *lines]))
    return "\n\n".join(parts) + "\n"


def test_what_the_steps_tell_is_said_in_these_words(pytestconfig):
    if pytestconfig.getoption("--update-goldens"):
        WORDS.write_text(written(), encoding="utf-8")
    assert written() == WORDS.read_text(encoding="utf-8")
