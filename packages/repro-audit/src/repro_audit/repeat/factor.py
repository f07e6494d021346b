"""A condition that a run can be varied in: what it is, how it is varied, what is in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from repro_audit.manifest import Manifest
from repro_audit.repeat.plan import Setting
from repro_audit.repeat.running import Done

__all__ = ["Factor", "combine", "manifest_of"]


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One factor.

    Attributes:
        name: What it is called on the command line.
        text: What varying it does.
        likely: Whether it computes otherwise, so that it changes most runs.
        vary: Returns how a run is varied in it, given an ordinary run; or in a word why it
            cannot be.
        in_force: Returns what a run says was in force of it; None where it says nothing.
        stays: What to say where it stayed as it was.
    """

    name: str
    text: str
    likely: bool
    vary: Callable[[Done], Setting | str]
    in_force: Callable[[Done], str | None]
    stays: str


def combine(name: str, settings: Sequence[Setting]) -> Setting:
    """Return one setting that differs in all that the given ones differ in.

    Args:
        name: Name of the run.
        settings: Settings that do not contradict each other.
    """
    return Setting(
        name=name,
        request={key: value for item in settings for key, value in item.request.items()},
        environment={key: value for item in settings for key, value in item.environment.items()},
        elsewhere=any(item.elsewhere for item in settings),
        load=any(item.load for item in settings),
        aside=frozenset().union(*(item.aside for item in settings)),
    )


def manifest_of(done: Done) -> Manifest:
    """Return the manifest that a run left.

    Raises:
        ValueError: It left none.
    """
    if done.manifest is None:
        message = "a run without a manifest was to be varied"
        raise ValueError(message)
    return done.manifest
