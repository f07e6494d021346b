"""Training that cannot be followed is named with its count, and no verdict rests on the rest."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from forking import Server
from processes import plain_environment

import repro_audit
from repro_audit.manifest import Manifest
from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request

pytestmark = [pytest.mark.keras, pytest.mark.minutes(3)]

SCRIPT = Path(__file__).parent / "unfollowed.py"
WITHOUT_AN_OPTIMIZER = "trained without an optimizer of Keras 3"
NAMED = {
    "assign_sub": f"1 variable {WITHOUT_AN_OPTIMIZER}",
    "assign_in_a_function": f"2 variables {WITHOUT_AN_OPTIMIZER}",
    "assign_what_was_fitted": f"2 variables {WITHOUT_AN_OPTIMIZER}",
    "accumulate": f"1 variable {WITHOUT_AN_OPTIMIZER}",
    "threads": "1 fit in another thread",
    "spawned": "1 child process that computed with TensorFlow",
}
"""What a script does besides a fit, and how that is named."""

IN_THE_PROCESS = sorted(set(NAMED) - {"spawned"})
IN_CHILDREN = ("spawned", "another_program")

EXPLICIT = """
import repro_audit, runpy, sys
sys.argv = sys.argv[1:]
with repro_audit.record("manifest.json"):
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def recorded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what records the script once, seeded, by the launcher or by itself."""
    known: dict[tuple[str, bool, int], Manifest] = {}

    def record(mode: str, *, explicit: bool = False, number: int = 1) -> Manifest:
        key = mode, explicit, number
        if key not in known:
            folder = tmp_path_factory.mktemp(mode)
            script, arguments, environment = SCRIPT, (mode,), plain_environment()
            if explicit:
                script, arguments = folder / "explicit.py", (str(SCRIPT), mode)
                script.write_text(EXPLICIT, encoding="utf-8")
            else:
                request = Request(manifest=str(folder / "manifest.json"))
                environment = recording_environment(environment, request)
            done = server.run(script, *arguments, cwd=folder, environment=environment, seed=7)
            assert done.code == 0, done.errors
            known[key] = repro_audit.load(folder / "manifest.json")
        return known[key]

    return record


@pytest.mark.parametrize(
    ("mode", "explicit"), [*product(IN_THE_PROCESS, [False]), *product(NAMED, [True])]
)
def test_what_cannot_be_followed_is_named_with_its_count(
    recorded: Any, mode: str, explicit: bool
) -> None:
    """And the fit beside it is recorded as ever."""
    manifest = recorded(mode, explicit=explicit)
    assert manifest.unfollowed == f"not followed: {NAMED[mode]}"
    assert manifest.outcomes.fits[0].steps == 4
    assert manifest.evidence == "trace"


def test_of_a_model_that_two_threads_train_at_once_no_trace_is_left(recorded: Any) -> None:
    """Its steps would be those of both fits; the verdict is no error."""
    manifest = recorded("threads_of_one_model")
    assert manifest.unfollowed == "not followed: 1 fit in another thread"
    assert manifest.outcomes.digests.trace is None
    assert repro_audit.audit(manifest).verdict == "inconclusive"


@pytest.mark.parametrize("mode", IN_CHILDREN)
def test_children_that_train_are_seen_by_who_has_started_the_script(
    mode: str, tmp_path: Path
) -> None:
    """Also those that have ended by the time the script does."""
    done = subprocess.run(
        [sys.executable, "-m", "repro_audit", "record", "-o", "m.json", str(SCRIPT), mode],
        cwd=tmp_path,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    named = f"not followed: {NAMED['spawned']}"
    assert named in done.stderr
    assert repro_audit.load(tmp_path / "m.json").unfollowed == named


@pytest.mark.parametrize("mode", IN_THE_PROCESS)
def test_no_verdict_rests_on_the_rest_alone(recorded: Any, mode: str) -> None:
    """Of one run and of two, unless the rest is said to be enough."""
    manifest = recorded(mode)
    alone = repro_audit.audit(manifest)
    assert (alone.verdict, NAMED[mode] in alone.reason) == ("inconclusive", True)
    assert repro_audit.audit(manifest, accept_partial=True).verdict != "inconclusive"


def test_two_equal_runs_of_which_a_part_was_not_followed_are_inconclusive(recorded: Any) -> None:
    """What was recorded agrees; a run that differs in it differs all the same."""
    one, two = (recorded("assign_sub", number=number) for number in (1, 2))
    assert repro_audit.audit(one, two).verdict == "inconclusive"
    assert repro_audit.audit(one, two, accept_partial=True).verdict == "identical"


@pytest.mark.parametrize("explicit", [False, True], ids=["launched", "by itself"])
def test_where_a_fit_is_all_that_trains_nothing_is_named(recorded: Any, explicit: bool) -> None:
    """The negative: the same script, and nothing else trained."""
    assert recorded("nothing", explicit=explicit).unfollowed is None


TRACED_BEFORE = """
import keras, numpy as np, repro_audit, tensorflow as tf
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
other = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
optimizer = keras.optimizers.SGD(0.1)

@tf.function
def step():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((other(x) - x[:, :1]) ** 2)
    optimizer.apply(tape.gradient(loss, other.trainable_variables), other.trainable_variables)

step()
for name in ("first.json", "second.json"):
    with repro_audit.record(name):
        model.fit(x, x[:, :1], epochs=1, verbose=0)
        step()
        step()
"""


@pytest.mark.parametrize("name", ["first.json", "second.json"])
def test_a_step_that_was_traced_before_a_recording_is_seen_in_it(
    server: Server, tmp_path: Path, name: str
) -> None:
    """In each of several recordings in one process."""
    (tmp_path / "script.py").write_text(TRACED_BEFORE, encoding="utf-8")
    done = server.run(tmp_path / "script.py", cwd=tmp_path, environment=plain_environment())
    assert done.code == 0, done.errors
    said = "not followed: 2 updates that run.step was not told of"
    assert repro_audit.load(tmp_path / name).unfollowed == said
