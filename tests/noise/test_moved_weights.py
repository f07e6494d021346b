"""Weights are moved by one unit in the last place, where that is asked for and nowhere else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import Forked, Server
from processes import plain_environment

from repro_audit.audit import audit
from repro_audit.manifest import load
from repro_audit.recording.request import VARIABLE, Request

pytestmark = pytest.mark.keras

MOVED = Path(__file__).parent / "scripts/moved.py"


def ran(server: Server, folder: Path, kind: str, perturb: int | None) -> Forked:
    """Run the script in a folder of its own, asked to move its weights or not."""
    folder.mkdir()
    asked = Request(manifest=str(folder / "manifest.json"), perturb=perturb).encode()
    environment = {**plain_environment(), VARIABLE: asked, "PYTHONHASHSEED": "0"}
    done = server.run(MOVED, kind, cwd=folder, environment=environment)
    assert done.code == 0, done.errors
    return done


@pytest.mark.parametrize("kind", ["built", "lazy"])
def test_each_weight_is_moved_by_one_ulp_at_most_and_zero_stays(
    server: Server, tmp_path: Path, kind: str
) -> None:
    """Up, down, or not at all; the manifest says so, and is evidence of no ordinary run."""
    assert ran(server, tmp_path / "run", kind, 1).output.split("\n")[0] == "[-1, 0, 1] 0 1"
    manifest = load(tmp_path / "run/manifest.json")
    assert manifest.perturbation == 1
    assert audit(manifest).verdict == "inconclusive"


def test_without_a_request_no_weight_is_moved(server: Server, tmp_path: Path) -> None:
    assert ran(server, tmp_path / "run", "built", None).output.split("\n")[0] == "[0] 0 0"
    assert load(tmp_path / "run/manifest.json").perturbation is None


def test_a_number_draws_the_same_moves_again_and_another_draws_others(
    server: Server, tmp_path: Path
) -> None:
    for name, number in (("one", 1), ("again", 1), ("other", 2)):
        ran(server, tmp_path / name, "built", number)
    one, again, other = (
        load(tmp_path / name / "manifest.json").outcomes.digests.final_state
        for name in ("one", "again", "other")
    )
    assert one == again
    assert one != other


def test_what_a_model_begins_with_is_read_after_it_was_moved(
    server: Server, tmp_path: Path
) -> None:
    for name, number in (("moved", 1), ("bare", None)):
        ran(server, tmp_path / name, "built", number)
    moved, bare = (load(tmp_path / name / "manifest.json") for name in ("moved", "bare"))
    assert moved.outcomes.initial_weights != bare.outcomes.initial_weights


EDGES = """\
import keras, numpy as np
from repro_audit.recording.backends.select import import_backend

backend = import_backend(lambda model: [model.optimizer])
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(400, use_bias=False)])
for value in (0.0, np.finfo(np.float32).max, np.inf):
    model.layers[0].kernel.assign(np.full((5, 400), value, np.float32))
    moved = backend.move_weights(model, 1)
    kernel = np.array(model.layers[0].kernel)
    print(moved > 0, int((kernel != np.float32(value)).sum()) == moved, np.isinf(kernel).any())
"""


def test_nothing_is_moved_beyond_the_largest_number_or_from_zero(
    python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """And what was moved is counted: a run of which nothing was is no run of an ensemble."""
    done = python("-c", EDGES, cwd=tmp_path)
    said = done.stdout.splitlines()[-3:]
    assert said == ["False True False", "True True False", "False True True"], done.stderr
