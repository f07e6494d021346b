"""What a file is by its first bytes, and what to tell whoever gives it in place of a log.

Nothing that is refused here is opened any further: not unpacked, not unpickled, not decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath

__all__ = ["HEAD_BYTES", "LOGS", "OBJECTS", "what_else"]

HEAD_BYTES = 4096
"""The first bytes of a file, by which it is told."""

LOGS = (
    "a Keras history as JSON, a CSVLogger's file, TensorBoard's event files, JSON Lines or a "
    "trainer_state.json"
)
"""What is read in place of a manifest."""

_MODEL = "Record the run that makes it: repro-audit record SCRIPT"
_HISTORY = "Write the history itself: json.dump(history.history, file)"
_WEIGHTS = f"is a model or its weights. {_MODEL}"
_NOTEBOOK = "is a notebook. To run and record it: repro-audit repeat FILE"
_TRIAL = "is a tuner's trial: the best values of a search and no history. Give the log of one run"
_PICTURE = "is a picture. Give the numbers it was drawn from"


def _npy(head: bytes) -> str:
    if b"'descr': '|O'" in head or b"'descr': 'O'" in head:
        return (
            f"is a NumPy file of pickled objects, which can run code: it is not opened. {_HISTORY}"
        )
    return f"is a NumPy array, which names no metric. {_HISTORY}"


def _zip(head: bytes) -> str:
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if first.endswith(b"data.pkl") or b"/data.pkl" in head:
        return f"is a checkpoint of PyTorch, a model. {_MODEL}"
    if first in {b"metadata.json", b"config.json", b"model.weights.h5"}:
        return f"is a Keras model. {_MODEL}"
    if first.endswith(b".npy"):
        return f"is an archive of NumPy arrays. {_HISTORY}"
    return "is a ZIP archive. Unpack it first"


_BEGINS: tuple[tuple[bytes, str | Callable[[bytes], str]], ...] = (
    (b"\x93NUMPY", _npy),
    (b"PK\x03\x04", _zip),
    (b"PK\x05\x06", "is an empty ZIP archive"),
    (b"\x89HDF\r\n\x1a\n", f"is an HDF5 file, a model or its weights. {_MODEL}"),
    (b"model_checkpoint_path:", f"names a checkpoint of TensorFlow, a model. {_MODEL}"),
    (b"%PDF-", "is a PDF. Expected a JSON file"),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"RIFF", _PICTURE),
    (b"II*\0", _PICTURE),
    (b"MM\0*", _PICTURE),
    (b"<svg", _PICTURE),
    (b"\x1f\x8b", "is packed with gzip. Unpack it first: gunzip FILE"),
    (b"BZh", "is packed with bzip2. Unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ\0", "is packed with xz. Unpack it first: unxz FILE"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd. Unpack it first: unzstd FILE"),
    (b"SQLite format 3\0", "is a database. Export one run's curves as CSV or JSON"),
    (b"PAR1", "is a Parquet file. Write it as CSV: frame.to_csv(path)"),
    (b"ARROW1", "is an Arrow file. Write it as CSV: frame.to_csv(path)"),
    (b":W&B", "is a log of Weights & Biases. Export its history: run.history().to_csv(path)"),
    (b"\x7fELF", "is a program"),
    (b"<!DOCTYPE", "is a page of HTML. Give the file that it was made from"),
    (b"<html", "is a page of HTML. Give the file that it was made from"),
    (b'{"schema":"repro-audit/trace-', "is a trace. Give the manifest beside it"),
    (b'{"schema": "repro-audit/trace-', "is a trace. Give the manifest beside it"),
)  # fmt: skip

_PICKLED = f"is a pickle, which can run code: it is not opened. {_HISTORY}"
_PATTERNS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x80[\x02-\x05]|\(dp[0-9]+\n|\(lp[0-9]+\n|\(i?d?c[a-z_.]+\n"), _PICKLED),
    (
        re.compile(rb"""\s*"?\{\s*'"""),
        f"is the text of a Python dict, as str(history.history) makes it. {_HISTORY}",
    ),
    (re.compile(rb"""\s*\{\s*"(?:cells|nbformat)"\s*:"""), _NOTEBOOK),
    (re.compile(rb".{7}\0\{\"", re.DOTALL), f"is a file of weights (safetensors). {_MODEL}"),
    (re.compile(rb".{4}TFL3", re.DOTALL), f"is a TensorFlow Lite model. {_MODEL}"),
)
_ENDS = {
    **dict.fromkeys((".pb", ".index", ".ckpt", ".onnx", ".pt", ".pth"), _WEIGHTS),
    **dict.fromkeys((".keras", ".h5", ".hdf5"), _WEIGHTS),
    **dict.fromkeys((".pkl", ".pickle"), _PICKLED),
    ".ipynb": _NOTEBOOK,
    ".py": "is a script. To record it: repro-audit record FILE",
}
"""What no bytes tell: the parts of a checkpoint have none in common, nor have old pickles."""

OBJECTS = (
    (frozenset({"cells", "nbformat"}), _NOTEBOOK),
    (frozenset({"trial_id", "hyperparameters"}), _TRIAL),
)
"""What an object in JSON is that has these keys. ``FILE`` stands for the file's name."""

_SHARD = re.compile(r"\.data-[0-9]{5}-of-[0-9]{5}")


def what_else(content: bytes, name: str) -> str | None:
    """Say what a file is that is no log.

    Args:
        content: The file's bytes, of which the first are looked at.
        name: Its name, whose ending tells what no bytes do.

    Returns:
        What it is and what to do, in a sentence; None where it may be a log.
    """
    head = content[:HEAD_BYTES]
    said: str | None = None
    for begin, found in _BEGINS:
        if head.startswith(begin):
            said = found if isinstance(found, str) else found(head)
            break
    else:
        said = next((text for pattern, text in _PATTERNS if pattern.match(head)), None)
    if said is None:
        path = PurePath(name)
        said = _ENDS.get(path.suffix.lower())
        if said is None and _SHARD.fullmatch(path.suffix):
            said = _ENDS[".index"]
    return None if said is None else f"{said.replace('FILE', name)}."
