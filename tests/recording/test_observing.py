"""Law 2: recording changes no bit of a run and moves no generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

STATES = """
import json, random, sys, warnings
import numpy as np, keras, tensorflow as tf
from tensorflow.python.eager import context
from keras.src.backend.common import global_state
import repro_audit

def states():
    numpy = np.random.get_state(legacy=False)["state"]
    generator = getattr(context.context(), "_rng", None)
    return [repr(item) for item in (
        random.getstate(), numpy["key"].tolist(), numpy["pos"], context.global_seed(),
        generator and generator.getstate(), context.context()._initialized,
        global_state.get_global_attribute("global_seed_generator"),
        keras.src.utils.rng_utils.get_random_seed(),
    )]

def observed():
    methods = [keras.Model.compile, keras.Model.evaluate, keras.Model.fit]
    return sum("repro_audit" in method.__code__.co_filename for method in methods)

class Drawing:
    "What a package does that draws as it is imported, whichever package that is."

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("repro_audit."):
            imported.append(name)
            random.random(), np.random.random()

imported = []
random.seed(4); np.random.seed(5); tf.random.set_seed(6)
if "drawing" in sys.argv:
    sys.meta_path.insert(0, Drawing())
    sys.path.append("packages")  # Keras itself asks JAX for more than a module that draws
before, imported[:] = states(), []
with repro_audit.record("first.json") as run:
    run.data("train", np.arange(6.0))
    inside = states()
    methods = [observed()]
    # Nothing that TensorFlow fixes with its first operation is fixed yet.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.set_soft_device_placement(True)
    tf.config.experimental.enable_op_determinism()
tf.config.threading.set_intra_op_parallelism_threads(0)
after = states()
random.random()
moved = states() != before
with repro_audit.record("second.json") as run:
    initialized = context.context()._initialized
    keras.ops.zeros(3) + 1
try:
    tf.config.threading.set_intra_op_parallelism_threads(3)
    refused = False
except RuntimeError:
    refused = True
methods.append(observed())
print(json.dumps([before, inside, after, moved, initialized, refused, methods, imported]))
"""


@pytest.fixture(scope="module")
def states(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return said(start("-c", STATES, cwd=tmp_path_factory.mktemp("states"), fresh=True))


def test_start_and_stop_move_no_generator_and_initialise_nothing(states: Any) -> None:
    """Python's, NumPy's, TensorFlow's and Keras's state are the same before, inside and after."""
    before, inside, after, moved, *_ = states
    assert before == inside == after
    assert moved, "the comparison must see one draw"


def test_whatever_a_recording_imports_moves_no_generator(
    start: Any, said: Any, tmp_path: Path
) -> None:
    """JAX and PyTorch are there, and they and all others draw from both generators."""
    (tmp_path / "packages").mkdir()
    for name in ("jax", "torch"):
        draw = "import random, numpy\nrandom.random(), numpy.random.random()\n"
        (tmp_path / f"packages/{name}.py").write_text(draw, encoding="utf-8")
    before, inside, after, *_, imported = said(
        start("-c", STATES, "drawing", cwd=tmp_path, fresh=True)
    )
    assert before == inside == after
    assert "jsonschema_rs" in imported, "something must have been imported meanwhile"


def test_settings_that_the_first_operation_fixes_can_be_set_inside_a_recording(states: Any) -> None:
    """The setters ran without an error, and after an operation they do not."""
    *_, initialized, refused, _, _ = states
    assert initialized is False
    assert refused is True


def test_keras_gets_its_own_methods_back(states: Any) -> None:
    """Three are observed inside a recording, and none after it."""
    assert states[-2] == [3, 0]
