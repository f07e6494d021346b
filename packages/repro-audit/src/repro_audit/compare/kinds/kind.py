"""What a kind of cause is: what it can do to a run, when, and which conditions belong to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from repro_audit.compare.comparison import Group

__all__ = ["DRAWN_SEED", "STAGES", "VARIABLE", "Kind", "Stage", "Strength"]

Strength = Literal["seeds", "inputs", "bits", "rarely"]
"""What a kind of cause can do to a run."""

Stage = Literal["start", "batch", "random", "loss", "update", "length", "result"]
"""Where in a run something acts first, in the order of execution: on the initial weights, on what a
step is given, on the state of the layers' generators, on the loss, on the update of the weights,
on when training ends, or on what is evaluated and reported alone."""

STAGES: tuple[Stage, ...] = get_args(Stage)


class Kind(NamedTuple):
    """A kind of cause.

    Attributes:
        name: Key of its remedy.
        group: The group it is ranked in.
        title: What differs.
        strength: ``seeds`` explains initial weights and all that follows; ``inputs`` what
            follows; ``bits`` only other rounding; ``rarely`` next to nothing by itself.
        reason: Why it changes a run.
        paths: Regular expressions of its JSONPaths below ``$.conditions``.
        effective: The one of them that must differ for the kind to have its strength; what
            was merely asked for changes nothing. None where every path counts.
        acts_at: The stages at which it can be the first to show; empty where it may be any.
        factor: What `repro_audit.repeat` varies it by; empty where it cannot.
        factored: What all of the paths must be so that it can; None where every path will do.
    """

    name: str
    group: Group
    title: str
    strength: Strength
    reason: str
    paths: tuple[str, ...]
    effective: str | None = None
    acts_at: tuple[Stage, ...] = ()
    factor: str = ""
    factored: str | None = None

    def is_effective(self, paths: Iterable[str]) -> bool:
        """Return whether a condition that has an effect is among those that differ."""
        return self.effective is None or any(_is(self.effective, path) for path in paths)

    def varied_by(self, paths: Iterable[str]) -> str:
        """Return what `repro_audit.repeat` varies these conditions by; empty where it cannot."""
        if self.factored is None:
            return self.factor
        fit = [_is(self.factored, path) for path in paths]
        return self.factor if fit and all(fit) else ""

    def acts_from(self) -> Stage | None:
        """Return the first stage at which it can act; None where that may be any."""
        return min(self.acts_at, key=STAGES.index, default=None)


def _is(pattern: str, path: str) -> bool:
    """Whether a path is one that the pattern names."""
    return re.fullmatch(pattern, path.removeprefix("$.conditions.")) is not None


DRAWN_SEED = r"(?P<part>seeds|initializers)\.layers\[(?P<layer>\d+)\]\.seed"
"""JSONPath, below ``$.conditions``, of a seed that a layer holds."""

VARIABLE = r"environment\.variables\."
"""JSONPath, below ``$.conditions``, at which the name of an environment variable follows."""
