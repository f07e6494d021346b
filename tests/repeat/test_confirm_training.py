"""`repeat --confirm` around trainings whose difference lies in the script."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from forking import Server
from processes import our_command

pytestmark = [pytest.mark.keras, pytest.mark.minutes(4)]

SCRIPT = str(Path(__file__).parent / "scripts/differing.py")
AS_USUAL = ("1", "shuffled", "same", "0.01")
CASES = {
    "seed": (AS_USUAL, ("2", *AS_USUAL[1:])),
    "no seed": (("none", *AS_USUAL[1:]),) * 2,
    "order": (AS_USUAL, ("1", "given", *AS_USUAL[2:])),
    "order of a pipeline": (("1", "6", *AS_USUAL[2:]), ("1", "5", *AS_USUAL[2:])),
    "data drawn anew": (("1", "shuffled", "anew", "0.01"),) * 2,
    "rate": (AS_USUAL, (*AS_USUAL[:3], "0.02")),
}
"""By what differs: the arguments of two runs. With those of the second it is confirmed."""


@pytest.fixture(scope="module")
def confirmed(
    repeat: Any, environment: Any, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Confirm every case, two at a time."""
    command = *our_command(server.python), "record"

    # Here: the first call of it in a process makes the folder that all others are made in.
    folders = {case: tmp_path_factory.mktemp("confirmed") for case in CASES}

    def one(case: str) -> Any:
        own = folders[case]
        for name, arguments in zip("ab", CASES[case], strict=True):
            recorded = subprocess.run(
                [*command, "--output", f"{name}.json", SCRIPT, *arguments],
                cwd=own,
                env=environment,
                check=False,
                capture_output=True,
                text=True,
            )
            assert recorded.returncode == 0, recorded.stderr
        asked = ("--confirm", "a.json", "b.json", "--format", "json", SCRIPT, *CASES[case][1])
        done = repeat(*asked, cwd=own, python=server.python)
        return done.returncode, json.loads(done.stdout), own

    with ThreadPoolExecutor(2) as workers:
        return dict(zip(CASES, workers.map(one, CASES), strict=True))


@pytest.mark.parametrize(
    ("case", "factor"),
    [
        ("seed", "seed"),
        ("no seed", "python-seed"),
        ("order", "batch-order"),
        ("order of a pipeline", "batch-order"),
        ("data drawn anew", "generators"),
    ],
)
def test_what_a_request_can_change_in_a_script_is_confirmed(
    confirmed: Any, case: str, factor: str
) -> None:
    """The runs are identical until it is varied, and then diverge where the two given do."""
    code, said, _ = confirmed[case]
    confirmation = said["confirmation"]
    assert (confirmation["factor"], confirmation["confirmed"]) == (factor, True), confirmation
    assert (code, said["verdict"]) == (0, "identical")


@pytest.mark.parametrize("case", ["seed", "order", "order of a pipeline"])
def test_a_run_with_it_varied_ends_in_the_bits_of_the_other_of_the_two(
    confirmed: Any, case: str
) -> None:
    """Since the other state is the one that the other run had."""
    text = confirmed[case][1]["confirmation"]["text"]
    assert "ends in the bits of the one, and varied in those of the other" in text


def test_what_was_left_to_chance_is_said_to_be_seeded_by_the_repeat(confirmed: Any) -> None:
    """Else an identical would be read as the script's own."""
    seeded = [f"{name} seeded with 0" for name in ("python", "numpy", "backend")]
    assert confirmed["no seed"][1]["set_by_repeat"] == seeded
    assert confirmed["seed"][1]["set_by_repeat"] == []


def test_of_what_no_request_can_change_the_remedy_is_printed_and_nothing_is_run(
    confirmed: Any,
) -> None:
    """Exit 2: that is not decided."""
    code, said, folder = confirmed["rate"]
    assert (code, said["verdict"]) == (2, "divergent")
    assert said["confirmation"]["factor"] is None
    assert said["confirmation"]["cause"].startswith("optimizer: learning_rate")
    assert "learning_rate=0.01" in said["comparisons"][0]["causes"][0]["remedy"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.json", "a.trace", "b.json", "b.trace",
    ]  # fmt: skip


def test_a_thread_count_that_a_script_sets_is_varied_in_its_call(
    repeat: Any, trained: str, server: Server, tmp_path: Path
) -> None:
    """No variable would be heard."""
    asked = ("--vary", "threads", "--format", "json", trained, "seeded")
    done = repeat(*asked, cwd=tmp_path, python=server.python)
    (threads,) = json.loads(done.stdout)["sensitivity"]["factors"]
    assert (threads["expected"], threads["verdict"]) == ("1", "no effect seen")
    assert int(threads["actual"]) > 1
