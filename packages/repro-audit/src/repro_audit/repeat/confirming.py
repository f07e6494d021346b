"""Put the first cause of a difference to the test: vary it, and nothing else.

Two manifests choose only which of our own factors is varied; nothing that they hold is used as
a value.
"""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.audit import Audit, Confirmation
from repro_audit.compare.kinds import kind_named
from repro_audit.errors import RunError

__all__ = ["Suspicion", "confirm", "suspicion"]


class Suspicion(NamedTuple):
    """What is to be put to the test.

    Attributes:
        cause: Title of the cause.
        factor: The factor that it is varied by.
        where: Where the two runs part.
    """

    cause: str
    factor: str
    where: str


def suspicion(compared: Audit) -> Suspicion:
    """Return the first cause of a difference, and the factor that it is varied by.

    Args:
        compared: An audit of two manifests.

    Raises:
        RunError: They do not differ, or the cause is none that can be varied here.
    """
    (comparison,) = compared.comparisons
    if comparison.first_difference is None:
        message = f"There is nothing to confirm: the two runs are {comparison.verdict}."
        raise RunError(message)
    if not comparison.causes:
        message = "There is nothing to confirm: no recorded condition explains the difference."
        raise RunError(message)
    cause = comparison.causes[0]
    factor = kind_named(cause.kind).factor
    if not factor:
        message = (
            f"The first cause, {cause.title}, is none that --confirm can vary. Change it in the "
            "script, and compare with repro-audit what comes of it."
        )
        raise RunError(message)
    return Suspicion(cause=cause.title, factor=factor, where=comparison.first_difference.text)


def confirm(suspected: Suspicion, result: Audit) -> Confirmation:
    """Say whether an experiment shows what was suspected.

    Args:
        suspected: What was put to the test.
        result: The audit of a repeat that varied it.
    """
    decided, text = None, f"the plain runs are {result.verdict}, so nothing was varied"
    if result.envelope is not None:
        (factor,) = (item for item in result.envelope.factors if item.name == suspected.factor)
        states = f"{factor.expected} → {factor.actual}"
        if factor.verdict == "changes the run":
            decided = True
            text = (
                f"varying {factor.name} alone ({states}) makes this run differ, first at "
                f"{factor.first_difference}; the two given part first at {suspected.where}"
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
