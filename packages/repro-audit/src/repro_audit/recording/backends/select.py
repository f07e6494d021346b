"""Which framework Keras runs on. Nothing else chooses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from repro_audit.errors import CaptureError, how_to_install, printable
from repro_audit.recording.backends import tensorflow
from repro_audit.recording.backends.base import Backend
from repro_audit.recording.backends.framework import Framework
from repro_audit.recording.generators import unmoved_generators

__all__ = ["FRAMEWORKS", "import_backend", "names"]

_USUAL = "tensorflow"
"""What Keras runs on where nothing is said."""

_CALLED = {"jax": "JAX", "numpy": "NumPy", "openvino": "OpenVINO", "torch": "PyTorch"}
"""What backends of Keras call themselves."""

FRAMEWORKS: Mapping[str, Framework] = {"tensorflow": tensorflow}
"""The packages of backends by Keras's names for them. A new one is named here."""


def names(attribute: str) -> tuple[Any, ...]:
    """Return what all frameworks name for one attribute of `Names`."""
    return tuple(
        item for framework in FRAMEWORKS.values() for item in getattr(framework.NAMES, attribute)
    )


def import_backend(optimizers: Callable[[Any], Sequence[Any]]) -> Backend:
    """Import Keras, which decides, and return the backend that it runs on.

    Args:
        optimizers: Returns the optimizers that update a model.

    Raises:
        CaptureError: Keras is not installed, or runs on a backend that is not recorded.
    """
    # Importing TensorFlow draws from Python's generator, and JAX, if Keras finds it, from
    # NumPy's; a user who has seeded must not notice.
    with unmoved_generators():
        return FRAMEWORKS[_imported()].load(optimizers)


def _imported() -> str:
    """Import Keras, which imports the framework below, and return the name of that."""
    wanted = os.environ.get("KERAS_BACKEND", _USUAL)
    try:
        import keras
    except ImportError as error:
        if wanted != _USUAL:
            raise CaptureError(_other_backend(wanted)) from error
        message = f"Recording needs Keras 3 and TensorFlow ({error}). {how_to_install('keras')}"
        raise CaptureError(message) from error
    name = str(keras.backend.backend())
    if name not in FRAMEWORKS:
        raise CaptureError(_other_backend(name))
    return name


def _other_backend(name: str) -> str:
    return (
        f"Keras runs on {_CALLED.get(name, printable(name))} here, which is not recorded yet: set "
        "KERAS_BACKEND=tensorflow before Keras is imported."
    )
