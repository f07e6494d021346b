"""The condition `data`: the content of the data sets a run names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from repro_audit.canonical import digest_array, digest_file, digest_json
from repro_audit.capture.unordered import digest_unordered
from repro_audit.errors import CaptureError
from repro_audit.manifest.conditions import Array, Data
from repro_audit.manifest.structure import unstructure

__all__ = ["capture_data"]


def capture_data(arrays: tuple[Any, ...], *, of_call: bool = False) -> Data:
    """Digest arrays, tensors, data frames or files as one data set.

    Args:
        arrays: Each an array or anything NumPy can view as one, or a `pathlib.Path` of a
            file. A loader or a ``tf.data`` pipeline is refused: reading it would move it.
        of_call: Whether they are what a fit or an evaluate was given.

    Returns:
        Digests of each array and of all together. `samples` is the length of the first axis; it is
        None for files and scalars. `unordered_digest` is the same in whatever order the samples
        come; it is None where the arrays are not of one length.

    Raises:
        CaptureError: One of them is none of these.
    """
    digests = tuple(_file(item) if isinstance(item, Path) else _array(item) for item in arrays)
    if not digests:
        message = "Expected at least one array or file of the data set, received none."
        raise CaptureError(message)
    shape = digests[0].shape
    samples = shape[0] if shape and digests[0].dtype != "file" else None
    return Data(
        arrays=digests,
        samples=samples,
        of_call=of_call,
        digest=digest_json([unstructure(item) for item in digests]),
        unordered_digest=_unordered(arrays, digests, samples),
    )


def _unordered(
    arrays: tuple[Any, ...], known: tuple[Array, ...], samples: int | None
) -> str | None:
    """Return a digest of the samples of all arrays, or of the files, that knows no order."""
    if all(item.dtype == "file" for item in known):
        return digest_json(sorted(item.digest for item in known))
    if not samples or any(item.dtype == "file" or item.shape[:1] != (samples,) for item in known):
        return None
    import numpy as np

    try:
        return digest_unordered([np.asarray(array) for array in arrays])
    except TypeError:
        return None


def _array(item: Any) -> Array:
    import numpy as np

    readable = isinstance(item, np.ndarray | list | tuple | np.generic) or hasattr(
        item, "__array__"
    )
    if not readable or hasattr(item, "element_spec"):
        message = (
            f"Expected an array or the path of a file, received {type(item).__name__}. "
            "A pipeline is not read, since that would move it: give the arrays it is made from."
        )
        raise CaptureError(message)
    array = np.asarray(item)
    name = "string" if array.dtype.kind in "OSU" else array.dtype.newbyteorder("<").name
    return Array(dtype=name, shape=array.shape, digest=digest_array(array))


def _file(path: Path) -> Array:
    try:
        return Array(dtype="file", shape=(os.stat(path).st_size,), digest=digest_file(path))  # noqa: PTH116 - one way
    except OSError as error:
        message = f"Expected a readable file of data, received {error.strerror}."
        raise CaptureError(message) from error
