"""How what the steps were given differs: in size, type, order, number or content."""

from __future__ import annotations

from repro_audit.compare.remedies import save_arrays
from repro_audit.compare.samples import SampleDifference
from repro_audit.compare.steps import step_name
from repro_audit.compare.symptom import Symptom
from repro_audit.compare.testimony.told import Testimony
from repro_audit.compare.trace_comparison import BatchDifference, TraceComparison
from repro_audit.wording import counted, listed

__all__ = ["of_batch"]

_MAX_NAMES = 3


def of_batch(
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
