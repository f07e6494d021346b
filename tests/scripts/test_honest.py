"""Honest runs of odd kinds end as without a recording, and none contradicts itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from forking import Server
from processes import plain_environment

import repro_audit
from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request

pytestmark = pytest.mark.keras

SCRIPT = Path(__file__).parent / "honest.py"
WAYS = re.findall(r"^def (\w+)\(\):", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
FOLLOWED = {"a_function_within_a_step", "batch_normalization_in_a_loop"}
"""Loops whose training is that of their model alone."""


@pytest.fixture(scope="module")
def ran(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what runs a way bare and recorded, seeded, once."""
    known: dict[str, Any] = {}

    def run(way: str) -> Any:
        if way not in known:
            folder = tmp_path_factory.mktemp(way)
            environment = plain_environment()
            request = Request(manifest=str(folder / "m.json"))
            recorded = recording_environment(environment, request)
            ends = [
                server.run(SCRIPT, way, cwd=folder, environment=variables, seed=7)
                for variables in (environment, recorded)
            ]
            known[way] = *ends, folder / "m.json"
        return known[way]

    return run


def test_there_are_many_ways() -> None:
    """They are found by what the script defines."""
    assert len(WAYS) >= 20


@pytest.mark.parametrize("way", WAYS)
def test_it_ends_as_without(ran: Any, way: str) -> None:
    """The same exit code, weights, and lines on standard error."""
    bare, recorded, _ = ran(way)
    assert (recorded.code, bare.code) == (0, 0), recorded.errors
    assert recorded.weights == bare.weights
    said = [
        [line for line in end.errors.splitlines() if "Warning" in line] for end in (bare, recorded)
    ]
    assert said[1] == said[0]


@pytest.mark.parametrize("way", WAYS)
def test_it_does_not_contradict_itself(ran: Any, way: str, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    assert contradicted("honest runs of odd kinds", [ran(way)[2]]) == []


@pytest.mark.parametrize("way", sorted(FOLLOWED))
def test_what_was_followed_is_not_said_to_be_not(ran: Any, way: str) -> None:
    """A gradient is taken in a graph, or weights change in a forward pass."""
    assert repro_audit.load(ran(way)[2]).unfollowed is None
