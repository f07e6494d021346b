"""Whose the variables are that an optimizer updates, whenever memory is collected."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import plain_environment

pytestmark = [pytest.mark.keras, pytest.mark.minutes(1)]

BUILT = """
import gc, keras
from repro_audit.recording.backends.groups import owners

model = keras.Sequential([keras.layers.Dense(1)])
{between}
model.build((None, 3))
assert model._functional.trainable_variables == model.trainable_variables
print(*(type(item).__name__ for item in owners(None, model.trainable_variables)))
"""


@pytest.mark.parametrize("between", ["gc.collect()", ""])
def test_a_sequential_owns_its_variables_and_not_what_it_is_built_as(between: str) -> None:
    """A collection between the making of the two changes which one is found first."""
    done = subprocess.run(
        [sys.executable, "-c", BUILT.format(between=between)],
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "Sequential\n", done.stderr
