"""What a request changes in a script: the seeds that it sets, and how its models are compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from repro_audit.recording.process.launcher import recording_environment
from repro_audit.recording.request import Request

SEEDS = """
import random
import numpy as np
random.seed(3)
first = random.random()
random.seed(a=3)
assert random.random() == first
np.random.seed(np.int64(3))
print(first, np.random.randint(2**30))
"""
LOADS = """
import pickle
import keras
import numpy as np
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
again = pickle.loads(pickle.dumps(model))
x = np.ones((4, 2), "float32")
again.fit(x, x[:, :1], verbose=0)
print(model.jit_compile, again.compiled, again.jit_compile)
"""


@pytest.fixture
def under(bare: Any, tmp_path: Path) -> Any:
    """Return a function that runs a script under a request and returns what it prints."""

    def run(text: str, **request: Any) -> str:
        (tmp_path / "script.py").write_text(text, encoding="utf-8")
        asked = Request(manifest=str(tmp_path / "manifest.json"), **request)
        done = bare("script.py", cwd=tmp_path, variables=recording_environment({}, asked))
        assert done.code == 0, done.errors
        return str(done.output)

    return run


def test_every_number_that_seeds_is_shifted(under: Any) -> None:
    """NumPy's numbers too, and by name: the script that adds it itself prints the same."""
    own = SEEDS.replace("3)", "3 + 7)")
    assert under(SEEDS, seed_shift=7) == under(own)
    assert under(SEEDS, seed_shift=7) != under(SEEDS)


@pytest.mark.keras
def test_a_model_that_is_loaded_is_compiled_where_xla_is_turned_on(under: Any) -> None:
    """Keras does not compile one whose class has a compile that is not the one it knows."""
    assert under(LOADS, jit=True) == "True True True\n"
    assert under(LOADS) == "False True False\n"
