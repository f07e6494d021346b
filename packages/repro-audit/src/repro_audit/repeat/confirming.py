"""Put the first cause of a difference to the test: vary it, and nothing else.

Two manifests choose only which of our own factors is varied. Nothing that they hold is used as a
value but their seeds, which are numbers: a run with one of them is given the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from repro_audit.audit import Audit, Confirmation
from repro_audit.compare.kinds import factor_of
from repro_audit.errors import RunError, printable
from repro_audit.manifest import Manifest

__all__ = ["Suspicion", "confirm", "suspicion"]

_SHARED = "python", "numpy", "backend"
_SEEDED: Mapping[str, tuple[str, ...]] = {
    "seed": _SHARED,
    "python-seed": ("python",),
    "generators": ("generators",),
}
"""By factor: the generators that it seeds, as a `Request` names them."""

_CHECK = (
    "It cannot be varied from outside. Change it in the script, as the remedy says, and check: "
    "repro-audit record --output changed.json SCRIPT ARGS, then repro-audit A changed.json. The "
    "runs must agree, or differ later"
)
"""What to do about a cause that has no factor."""


class Suspicion(NamedTuple):
    """What is to be put to the test.

    Attributes:
        cause: Title of the cause.
        factor: The factor that it is varied by; empty where no experiment can.
        where: Where the two runs diverge.
        models: Digests of the configuration of the models of the first of them.
        seeds: The seed of each of them; None for none.
        ends: Digests of what each of them ends with; None where that is not known.
    """

    cause: str
    factor: str
    where: str
    models: tuple[str | None, ...]
    seeds: tuple[int | None, int | None] = (None, None)
    ends: tuple[str | None, str | None] = (None, None)

    @property
    def seeded(self) -> Mapping[str, int]:
        """What runs begin with, as a `Request` has it: what the two left to chance is not here."""
        names = _SEEDED.get(self.factor, ())
        if self.factor == "seed" and None not in self.seeds:
            return {}
        open_too = _SHARED if names and None in self.seeds else ()
        return dict.fromkeys([*names, *open_too], 0)

    @property
    def seeded_otherwise(self) -> Mapping[str, int]:
        """The same for a run in which the factor is varied, and no other generator."""
        names = _SEEDED.get(self.factor, ())
        return {name: int(name in names) for name in self.seeded}


def suspicion(expected: Manifest, actual: Manifest, compared: Audit) -> Suspicion:
    """Return the first cause of a difference, and the factor that it is varied by.

    Args:
        expected: The first of two manifests.
        actual: The second.
        compared: An audit of the two.

    Raises:
        RunError: They do not differ, or nothing explains it.
    """
    (comparison,) = compared.comparisons
    if comparison.first_difference is None:
        reason = printable(comparison.reason)
        message = f"There is nothing to confirm: {comparison.verdict}, {reason}."
        raise RunError(message)
    if not comparison.causes:
        message = "There is nothing to confirm: no recorded condition explains the difference."
        raise RunError(message)
    cause = comparison.causes[0]
    return Suspicion(
        cause=cause.title,
        factor=factor_of(cause),
        where=comparison.first_difference.text,
        models=_models(expected),
        seeds=(expected.seed, actual.seed),
        ends=(expected.outcomes.digests.final_state, actual.outcomes.digests.final_state),
    )


def _models(manifest: Manifest) -> tuple[str | None, ...]:
    training = manifest.conditions.training
    return () if training is None else tuple(model.config_digest for model in training.models)


def confirm(
    suspected: Suspicion, run: Manifest | None, result: Audit, varied: Manifest | None = None
) -> Confirmation:
    """Say whether an experiment shows what was suspected.

    Args:
        suspected: What was put to the test.
        run: An ordinary run of the repeat.
        result: The audit of a repeat that varied it.
        varied: The run in which it was varied.
    """
    decided, text = None, f"the plain runs are {result.verdict}, so nothing was varied"
    if result.verdict == "divergent":
        text += "; mend first what they differ in themselves, as said above, and ask again"
    if not suspected.factor:
        text = _CHECK
    elif run is not None and _models(run) != suspected.models:
        text = "this run trains another model than the two given, and says nothing of them"
    elif result.sensitivity is not None:
        (factor,) = (item for item in result.sensitivity.factors if item.name == suspected.factor)
        states = f"{factor.expected} → {factor.actual}"
        if factor.verdict == "changes the run":
            same = factor.first_difference == suspected.where
            alike = _ends_alike(suspected, run, varied)
            decided = True if same and (alike or not _must_end_alike(suspected, run)) else None
            text = f"varying {factor.name} alone ({states}) makes this run differ, first at "
            text += f"{factor.first_difference}; "
            if not same:
                text += f"the two given diverge at {suspected.where}: it may be another difference"
            elif alike:
                text += (
                    "so do the two given, and this run ends in the bits of the one, and varied in "
                    "those of the other"
                )
            elif decided:
                text += "so do the two given"
            else:
                text += (
                    "so do the two given, but these runs do not end in their bits: something else "
                    "may differ there as well"
                )
        elif factor.verdict == "no effect seen":
            decided = False
            text = (
                f"varying {factor.name} alone ({states}) changes nothing in this run: the "
                "difference has another cause, or one that acts only where something else differs"
            )
        else:
            text = f"{factor.name} could not be varied: {factor.reason}"
    return Confirmation(
        cause=suspected.cause,
        factor=suspected.factor or None,
        confirmed=decided,
        text=f"{text}.",
    )


def _must_end_alike(suspected: Suspicion, run: Manifest | None) -> bool:
    """Whether a run must end as one of the two given, and with the factor varied as the other.

    That another order of samples, or another seed, makes a run differ early says little: it does
    so whatever else differs. Where the two had no seed, nothing can end as they did.
    """
    if suspected.factor == "batch-order":
        return True
    return suspected.factor == "seed" and run is not None and run.seed in suspected.seeds


def _ends_alike(suspected: Suspicion, run: Manifest | None, varied: Manifest | None) -> bool:
    """Whether a run ends as one of the two, and with the factor varied as the other."""
    ends = tuple(
        None if item is None else item.outcomes.digests.final_state for item in (run, varied)
    )
    known = None not in ends and ends[0] != ends[1]
    return known and ends in {suspected.ends, suspected.ends[::-1]}
