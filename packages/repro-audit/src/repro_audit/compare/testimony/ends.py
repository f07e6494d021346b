"""What comes after the steps: when training ended, and what is evaluated."""

from __future__ import annotations

from repro_audit.compare.comparison import FirstDifference
from repro_audit.compare.remedies import save_arrays
from repro_audit.compare.testimony.told import Testimony
from repro_audit.manifest import Manifest
from repro_audit.wording import counted

__all__ = ["of_length", "of_result"]


def of_length(expected: Manifest, actual: Manifest, first: FirstDifference) -> Testimony | None:
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


def of_result(expected: Manifest, actual: Manifest, first: FirstDifference) -> Testimony | None:
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
        save_arrays("test", "x_test, y_test")
        + "\nmodel.evaluate(..., batch_size=32)  # one batch size in both",
        ("$.outcomes.evaluations",),
    )
