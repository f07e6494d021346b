"""Judge a positive control: one bit was flipped in it, and the evidence must show that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from repro_audit.compare.comparison import Match
from repro_audit.compare.trace_comparison import StepDifference
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import Outcomes

if TYPE_CHECKING:
    from repro_audit.trace import Trace

__all__ = ["ControlVerdict", "judge_control"]


class ControlVerdict(NamedTuple):
    """What a positive control showed.

    Attributes:
        caught: Whether the evidence matched before the flip and differed after it.
        before: ``match``, ``differ`` or ``missing``: the initial weights.
        after: The same of the weights after the first epoch.
        text: The verdict in a sentence.
    """

    caught: bool
    before: Match
    after: Match
    text: str


def judge_control(
    run: Manifest | None,
    control: Manifest | None,
    traces: tuple[Trace | None, Trace | None] = (None, None),
) -> ControlVerdict:
    """Compare a positive control with an ordinary run of the same script.

    Args:
        run: The ordinary run; None where it left no manifest.
        control: The positive control; None where it left no manifest.
        traces: Their traces, where they left any.

    Raises:
        TraceError: A trace is damaged, or not its manifest's.
    """
    if run is None or control is None:
        return _not_caught("missing", "missing", "the positive control left no manifest")
    if control.positive_control is None:
        return _not_caught("missing", "missing", "no bit was flipped: no training step was seen")
    before = _initial_weights(run.outcomes, control.outcomes)
    after = _compare(_first_epoch(run), _first_epoch(control))
    if before == "match" and after == "differ":
        flip = control.positive_control
        # A step of the fit and one of its epoch are the same: it ends with its first epoch.
        step = _first_step(run, *traces)
        if step is not None and step.step <= flip.step:
            return _not_caught("differ", after, f"step {step.step} differs before the flip")
        seen = "seen in the weights after the first epoch"
        if step is not None:
            seen = f"seen in step {step.step}: {step.columns[0].name}"
        return ControlVerdict(
            caught=True,
            before=before,
            after=after,
            text=f"bit {flip.bit} of one weight was flipped after step {flip.step}, and {seen}",
        )
    if before == "differ":
        return _not_caught(before, after, "its initial weights differ before any bit was flipped")
    if after == "match":
        return _not_caught(before, after, "one flipped bit did not change the evidence")
    return _not_caught(before, after, "the evidence around the flipped bit is missing")


def _first_step(run: Manifest, mine: Trace | None, theirs: Trace | None) -> StepDifference | None:
    """Return the first step that differs, where both runs were traced."""
    if mine is None or theirs is None:
        return None
    from repro_audit.compare.traces import compare_traces  # NumPy, where it is needed

    labels = run.information.labels
    return compare_traces(mine.parts(), theirs.parts(), labels=labels).step


def _initial_weights(run: Outcomes, control: Outcomes) -> Match:
    """Compare the initial weights of the models that both runs have."""
    count = len(control.initial_weights)
    if not 0 < count < len(run.initial_weights):
        return _compare(run.digests.initial_weights, control.digests.initial_weights)
    # A positive control ends with its first epoch: models that are made later are none of it.
    expected = run.initial_weights[:count]
    if None in expected or None in control.initial_weights:
        return "missing"
    return "match" if expected == control.initial_weights else "differ"


def _compare(expected: str | None, actual: str | None) -> Match:
    if expected is None or actual is None:
        return "missing"
    return "match" if expected == actual else "differ"


def _first_epoch(manifest: Manifest) -> str | None:
    fits = manifest.outcomes.fits
    return fits[0].epochs[0] if fits and fits[0].epochs else None


def _not_caught(before: Match, after: Match, text: str) -> ControlVerdict:
    return ControlVerdict(caught=False, before=before, after=after, text=text)
