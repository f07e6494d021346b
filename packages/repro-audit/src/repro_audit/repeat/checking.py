"""Refuse a plan that cannot be carried out, whoever has made it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from repro_audit.errors import RunError
from repro_audit.repeat.folders import WORKING_DIRECTORIES
from repro_audit.repeat.plan import Plan

__all__ = ["check_plan"]

_TRACES, _EVIDENCE = (None, "step", "epoch", "none"), ("history", "weights", "trace")


class _Value(NamedTuple):
    """What one option was given."""

    option: str
    value: object
    good: bool
    expected: str


def check_plan(plan: Plan) -> None:
    """Refuse what the command line would refuse.

    Args:
        plan: What somebody has asked for in Python, by the names of the keywords.

    Raises:
        RunError: The value of an option is none that it takes.
    """
    for item in _values(plan):
        if not item.good:
            message = f"{item.option}: expected {item.expected}, received {item.value!r}."
            raise RunError(message)


def _values(plan: Plan) -> Iterator[_Value]:
    """Yield each value, asked as "is it good?", which NaN never is."""
    count_of_steps = type(plan.trace) is int and plan.trace > 0
    folders = WORKING_DIRECTORIES
    yield _Value("runs", plan.runs, plan.runs >= 2, "2 or more")
    yield _Value("jobs", plan.jobs, plan.jobs >= 1, "1 or more")
    experiments = bool(
        plan.perturb or plan.spread or plan.vary or plan.suspicion or plan.resume is not None
    )
    yield _Value(
        "against",
        None if plan.against is None else plan.against.name,
        plan.against is None or not experiments,
        "nothing beside an experiment, which is one of its own",
    )
    yield _Value("perturb", plan.perturb, plan.perturb >= 0, "0 or more")
    yield _Value("spread", plan.spread, plan.spread >= 0, "0 or more")
    limit = plan.timeout_s
    yield _Value("timeout_s", limit, limit is None or limit > 0, "above 0")
    yield _Value("rtol", plan.rtol, plan.rtol is None or plan.rtol >= 0, "0 or more")
    yield _Value("atol", plan.atol, plan.atol is None or plan.atol >= 0, "0 or more")
    traced = count_of_steps or plan.trace in _TRACES
    yield _Value("trace", plan.trace, traced, f"a count or {_TRACES}")
    kind = plan.working_directory
    yield _Value("cwd", kind, kind in folders, f"one of {folders}")
    yield _Value("require", plan.require, plan.require in _EVIDENCE, f"one of {_EVIDENCE}")
