"""On which rung of the ladder of sameness runs stand that end in other bits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from repro_audit.manifest import Manifest
from repro_audit.noise.ladder import RUNGS, Rung, RungName, ladder, reached

if TYPE_CHECKING:
    from repro_audit.audit.judging import Audit
    from repro_audit.noise.ensemble import Ensemble

__all__ = ["Ladder", "accepted", "with_ladder"]

_REASONS: dict[RungName, str] = {
    "rounding": "other bits, and no farther apart than rounding takes the first run",
    "seeds": "other bits, and no farther apart than other seeds take the first run",
}


class Ladder(NamedTuple):
    """One run, held against the first one.

    Attributes:
        actual: Its position among the manifests.
        reached: The strictest rung that holds: ``rounding`` or ``seeds``; None where none does.
        rungs: What is known of each rung, the strictest first.
    """

    actual: int
    reached: RungName | None
    rungs: tuple[Rung, ...]


def with_ladder(
    result: Audit,
    manifests: Sequence[Manifest],
    ensemble: Ensemble | None,
    ignored: Collection[str] = (),
) -> Audit:
    """Return an audit that says in which sense runs are the same that end in other bits.

    Args:
        result: The audit.
        manifests: The runs that it compares.
        ensemble: Of the first run; None where nothing was measured.
        ignored: Metrics that are not compared.
    """
    # What is not decided, or is one run given twice, is so on every rung.
    if result.verdict != "divergent":
        return result
    found = []
    for item in result.comparisons:
        if item.verdict == "divergent":
            rungs = ladder(manifests[item.actual], ensemble, result.repeated, ignored)
            found.append(Ladder(item.actual, reached(rungs), rungs))
    result = result._replace(ladder=tuple(found))
    rung = _lowest(found)
    return result if rung is None else result._replace(verdict=rung, reason=_REASONS[rung])


def _lowest(found: Sequence[Ladder]) -> Literal["rounding", "seeds"] | None:
    """Return the rung on which all runs stand; None where one stands on none."""
    names = {item.reached for item in found}
    if not names or None in names:
        return None
    return "seeds" if "seeds" in names else "rounding"


def accepted(found: Sequence[Ladder], accept: RungName) -> int:
    """Return 0 where all runs stand on a rung or above it, 1 where one does not, else 2.

    Args:
        found: The ladder of each run that ends in other bits.
        accept: The rung.
    """
    codes = [0]
    for item in found:
        upon = RUNGS[: RUNGS.index(accept) + 1]
        known = {rung.name: rung.holds for rung in item.rungs}
        if any(known[name] == "holds" for name in upon):
            codes.append(0)
        else:
            codes.append(1 if known[accept] == "broken" else 2)
    return max(codes)
