"""Which bit is flipped where, what must be named for it, and whether it is.

What a comparison must name is fixed by the place of the flip, and is known before the tool is
asked. A step of ``fit`` goes: callbacks begin the step; the compiled step trains and ends; behind
it, and before the call returns, the recorder takes its row of the trace, which holds the batch and
the state after the step; then come the user's callbacks, and the recorder's own behind them. So:

========  ====================================================  ====================================
place     the bit is flipped                                    what must be named
========  ====================================================  ====================================
initial   in a weight or seed state, before the run             the initial weights: it, alone
batch     in the arrays that are given to ``fit``               the batch's step: x or y, first
step      behind the update of a step, as a part of the step    that step: the tensor, alone
between   by a callback of the user's at the end of a step      the next step: all that differs in
                                                                the state behind it, and no more;
                                                                behind the last step of an epoch,
                                                                the weights after that epoch
end       as there, behind the very last step                   the state after the last epoch: the
                                                                tensor, alone
========  ====================================================  ====================================

In all but one, what is named does not rest on what the bit does to the rest: of a unit that is
dead, or of a zero whose sign is flipped, the tensor is another one all the same. Between two steps
nothing is written. What a callback has flipped there can be rounded away by the next update before
its row is taken, and then no row of that tensor differs. Whether that happened is read here, by a
callback that compares the variables' bytes with those of a run without a flip, and not by the tool.
Such a miss is explained, and no other one is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from repro_audit.audit import Audit

BATCH, STEPS, EPOCHS = 8, 3, 2
"""Samples of a step, steps of an epoch, and epochs of a run."""

PLACES = {"initial": 2, "batch": 4, "step": 9, "between": 4, "end": 1}
"""Where bits are flipped, and how many of twenty there."""


class Injection(NamedTuple):
    """One bit of one element of one tensor, and when it is flipped.

    Attributes:
        place: One of `PLACES`.
        epoch: The epoch, from 1.
        step: The step, from 1: the one whose batch it is, in which, or behind which it is flipped.
        tensor: Place in the state, from 0; ``x`` or ``y`` for a batch.
        element: Place in the tensor, in C order; of a batch, in its part of the array.
        bit: From the lowest, 0.
    """

    place: str
    epoch: int
    step: int
    tensor: int | str
    element: int
    bit: int


class Named(NamedTuple):
    """What a comparison names first.

    Attributes:
        verdict: Its verdict.
        when: Epoch and step; (0, 0) for the initial weights; step None for the end of an epoch.
        tensors: Tensors that it names there, in its order, as an `Injection` does.
    """

    verdict: str
    when: tuple[int, int | None] | None
    tensors: tuple[int | str, ...]


class Outcome(NamedTuple):
    """What became of one run.

    Attributes:
        place: Where its bit was flipped; ``none`` in a run that is to be identical.
        step: Whether the step that is named is right; in an identical run, whether none is.
        tensor: As `step`, of the tensor.
        why: Why one of them is not; empty where that is not known.
        said: What was flipped, and what is said of it.
    """

    place: str
    step: bool
    tensor: bool
    why: str
    said: str

    @property
    def right(self) -> bool:
        """Whether all is."""
        return self.step and self.tensor


ROUNDED = "the update after it rounded the bit away before the row was taken"


def judge(injection: Injection, changed: Collection[int], named: Named, said: str) -> Outcome:
    """Judge what is named where a bit was flipped.

    Args:
        injection: What was flipped.
        changed: For a flip between two steps, the tensors of the state that differed when the
            next one had ended.
        named: What is named.
        said: What to say of it.
    """
    place, tensors = injection.place, named.tensors
    # The running loss, which is no tensor of the state, may differ before them.
    all_that_differs = {item for item in tensors if isinstance(item, int)} == set(changed)
    tensor = {
        "batch": tensors[:1] == (injection.tensor,),
        "between": injection.tensor in tensors and all_that_differs,
    }.get(place, tensors == (injection.tensor,))
    step = named.verdict == "divergent" and named.when == when(injection)
    rounded = place == "between" and injection.tensor not in changed and all_that_differs
    # Of what leaves nothing behind there is no step to name.
    explained = rounded and (step or (not changed and named.verdict == "identical"))
    return Outcome(place, step, tensor, ROUNDED if explained else "", said)


def when(injection: Injection) -> tuple[int, int | None]:
    """Return which step must be named, as `Named` has it."""
    if injection.place == "initial":
        return 0, 0
    if injection.place in {"between", "end"}:
        return injection.epoch, None if injection.step == STEPS else injection.step + 1
    return injection.epoch, injection.step


def named_by(result: Audit) -> Named:
    """Return what an audit of two runs names."""
    [comparison] = result.comparisons
    first, trace = comparison.first_difference, comparison.trace
    if first is None:
        return Named(result.verdict, None, ())
    columns = trace.step.columns if trace is not None and trace.step is not None else ()
    tensors = tuple(item.role if item.position is None else item.position for item in columns)
    tensors = tensors or tuple(item.position for item in first.tensors)
    match first.kind:
        case "initial weights":
            return Named(result.verdict, (0, 0), tuple(item.position for item in first.tensors))
        case "step":
            return Named(result.verdict, (first.epoch, first.step), tensors)
        case "epoch weights" | "trace" if first.epoch is not None:
            # Of samples of the weights a step is named, too: the one that ended last.
            return Named(result.verdict, (first.epoch, None), tensors)
    return Named(result.verdict, None, tensors)
