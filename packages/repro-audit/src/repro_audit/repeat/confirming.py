"""Put the first cause of a difference to the test: vary it, and nothing else.

Two manifests choose only which of our own factors is varied; nothing that they hold is used as
a value.
"""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.audit import Audit, Confirmation
from repro_audit.compare.kinds import factor_of
from repro_audit.errors import RunError, printable
from repro_audit.manifest import Manifest

__all__ = ["Suspicion", "confirm", "suspicion"]


class Suspicion(NamedTuple):
    """What is to be put to the test.

    Attributes:
        cause: Title of the cause.
        factor: The factor that it is varied by.
        where: Where the two runs diverge.
        models: Digests of the configuration of the models of the first of them.
    """

    cause: str
    factor: str
    where: str
    models: tuple[str | None, ...]


def suspicion(expected: Manifest, compared: Audit) -> Suspicion:
    """Return the first cause of a difference, and the factor that it is varied by.

    Args:
        expected: The first of two manifests.
        compared: An audit of the two.

    Raises:
        RunError: They do not differ, or the cause is none that can be varied here.
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
    factor = factor_of(cause.kind)
    if not factor:
        message = (
            f"The first cause, {printable(cause.title)}, cannot be varied by --confirm. Change it "
            "in the script, and compare with repro-audit what comes of it."
        )
        raise RunError(message)
    return Suspicion(
        cause=cause.title,
        factor=factor,
        where=comparison.first_difference.text,
        models=_models(expected),
    )


def _models(manifest: Manifest) -> tuple[str | None, ...]:
    training = manifest.conditions.training
    return () if training is None else tuple(model.config_digest for model in training.models)


def confirm(suspected: Suspicion, run: Manifest | None, result: Audit) -> Confirmation:
    """Say whether an experiment shows what was suspected.

    Args:
        suspected: What was put to the test.
        run: An ordinary run of the repeat.
        result: The audit of a repeat that varied it.
    """
    decided, text = None, f"the plain runs are {result.verdict}, so nothing was varied"
    if run is not None and _models(run) != suspected.models:
        text = "this run trains another model than the two given, and says nothing of them"
    elif result.sensitivity is not None:
        (factor,) = (item for item in result.sensitivity.factors if item.name == suspected.factor)
        states = f"{factor.expected} → {factor.actual}"
        if factor.verdict == "changes the run":
            same = factor.first_difference == suspected.where
            decided = True if same else None
            text = f"varying {factor.name} alone ({states}) makes this run differ, first at "
            text += f"{factor.first_difference}; " + (
                "so do the two given"
                if same
                else f"the two given diverge at {suspected.where}: it may be another difference"
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
        cause=suspected.cause, factor=suspected.factor, confirmed=decided, text=f"{text}."
    )
