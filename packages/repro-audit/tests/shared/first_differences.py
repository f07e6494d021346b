"""What traces show of two runs that diverge, made without any training."""

from repro_audit.compare.trace_comparison import ColumnDifference, StepDifference, TraceComparison

COLUMNS = ("batch", "random", "loss", "weight", "optimizer")
ROLES = {"batch": "x", "random": "seed_generator_state", "loss": "loss"}


def column(kind, role=None, expected=None, actual=None, layer=None):
    """Return a column of a kind that differs, with its values if it is a loss."""
    return ColumnDifference(
        kind=kind,
        role=role or ROLES.get(kind, "kernel"),
        layer=layer,
        model=0,
        position=None,
        label="",
        dtype="float32",
        expected=expected,
        actual=actual,
    )


def traced(*columns, place=(0, 1, 5), stride=1, recorded=COLUMNS, again=()):
    """Return what traces show that first differ in some columns of one step.

    Args:
        columns: The columns.
        place: Fit, epoch and step.
        stride: Every which step was traced.
        recorded: Kinds of column that both have.
        again: Those of the columns that began again with a resumed run.
    """
    differing = {item.kind for item in columns}
    equal = tuple(kind for kind in recorded if kind not in differing)
    step = StepDifference(*place, columns=columns, equal=equal, stride=stride, begun_again=again)
    return TraceComparison(
        rows=9, columns=9, order=(), step=step, partings=(), distances=(), batches=None
    )
