"""No hook breaks a script, whatever happens in it, and a forked child has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(4)]

Run = dict[str, Any]

NO_RECORDING = "the beginning of the recording"
NO_FIELD = {"a fork", "a step that cannot be seen"}
"""Of these no field is missing: they read nothing."""


@pytest.fixture(scope="module")
def runs(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Run scripts bare, recorded, and with each hook broken."""
    return said(start("broken_hooks.py", cwd=tmp_path_factory.mktemp("hooks")))


@pytest.fixture(scope="module")
def broken(runs: list[Run], table: Callable[..., list[tuple[str, ...]]]) -> list[Run]:
    """Return the runs in which a hook was broken, and print them as a table."""
    found = [
        run for run in runs if run["hook"] not in {"bare", "none"} and run["moment"] in MOMENTS
    ]
    rows = table(
        "what happens where a hook raises", "hook", "raises", "exit code", "weights", "lost"
    )
    for run in found:
        code, weights = ends_as_bare(runs, run)
        lost = ", ".join(sorted(newly_missing(runs, run))) or "nothing"
        rows.append((run["hook"], run["moment"], code, weights, lost))
    return found


MOMENTS = ("before", "after", "before and after", "at once", "when it is called")


def like(runs: list[Run], run: Run, hook: str) -> Run:
    """Return the run of the same script with another hook broken, or none."""
    return next(item for item in runs if (item["script"], item["hook"]) == (run["script"], hook))


def ends_as_bare(runs: list[Run], run: Run) -> tuple[str, str]:
    """Say whether exit code, and weights and output, are those of the bare run."""
    bare = like(runs, run, "bare")
    return tuple(
        "as bare" if run.get(what) == bare[what] else "OTHER" for what in ("code", "digest")
    )


def newly_missing(runs: list[Run], run: Run) -> set[str]:
    """Return the fields that are missing because of what was broken."""
    return set(run["missing"] or ()) - set(like(runs, run, "none")["missing"])


def test_every_hook_is_used_by_one_of_the_scripts(runs: list[Run]) -> None:
    """Or nothing would be known of it."""
    recorded = [run["calls"] for run in runs if run["hook"] == "none"]
    assert [name for name in recorded[0] if not any(calls[name] for calls in recorded)] == []
    assert len(recorded[0]) > 30


def test_a_script_ends_as_bare_whatever_hook_raises(runs: list[Run], broken: list[Run]) -> None:
    """Exit code, weights and all that it printed are the same, one broken hook after the other."""
    others = [
        (run["hook"], run["moment"], *ends_as_bare(runs, run))
        for run in broken
        if "OTHER" in ends_as_bare(runs, run)
    ]
    assert others == []


def test_what_a_broken_hook_costs_is_a_field_that_is_missing(
    runs: list[Run], broken: list[Run]
) -> None:
    """The manifest is there, and names what was lost."""
    silent = [
        (run["hook"], run["moment"])
        for run in broken
        if run["hook"] not in NO_FIELD and run["hook"] != NO_RECORDING
        if run["missing"] is None or not (newly_missing(runs, run) or lost_already(runs, run))
    ]
    assert silent == []


def lost_already(runs: list[Run], run: Run) -> bool:
    """Whether the script trains in a way by which the field is missing in any case."""
    missing = like(runs, run, "none")["missing"]
    # Where Keras was imported before the recording began, what was read by then is not known.
    reads = run["hook"].startswith("tensorflow") and "$.conditions.read.files" in missing
    return "$.outcomes.fits" in missing or reads or run["hook"].endswith("from_tensor_slices")


def test_a_hook_that_changed_a_call_would_be_seen(runs: list[Run]) -> None:
    """The negative: another argument ends in other weights."""
    (run,) = (item for item in runs if item["moment"] == "with other arguments")
    assert ends_as_bare(runs, run) == ("as bare", "OTHER")


@pytest.fixture(scope="module")
def children(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Train in children of every kind, bare and recorded."""
    from repro_audit.recording.process.launcher import recording_environment
    from repro_audit.recording.request import Request

    ends = {}
    for mode in ("bare", "recorded"):
        folder = tmp_path_factory.mktemp(f"children-{mode}")
        request = Request(manifest=str(folder / "m.json"))
        variables = recording_environment({}, request) if mode == "recorded" else {}
        ends[mode] = start("children.py", cwd=folder, variables=variables, fresh=True)
    return {mode: said(end) for mode, end in ends.items()}


KINDS = (
    "forked before Keras",
    "fork",
    "Pool by fork",
    "Pool by spawn",
    "Pool by forkserver",
    "loky",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_child_trains_as_without_a_recording(children: dict[str, Any], kind: str) -> None:
    """It ends in the same loss, whatever way it was started in."""
    assert children["recorded"][kind]["loss"] == children["bare"][kind]["loss"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_hook_is_left_in_a_child(children: dict[str, Any], kind: str) -> None:
    """Of none of them: everything is what its framework made it."""
    assert children["recorded"][kind]["hooks"] == []


def test_hooks_that_were_left_would_be_seen(children: dict[str, Any]) -> None:
    """The negative: the recorded process itself has them, the bare one has none."""
    assert len(children["recorded"]["the process itself"]["hooks"]) > 20
    assert children["bare"]["the process itself"]["hooks"] == []
