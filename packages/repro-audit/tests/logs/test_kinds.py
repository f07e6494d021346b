import gzip
import io
import pickle
import struct
import zipfile

import pytest

from repro_audit.errors import ManifestError
from repro_audit.logs import read_log


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return content.getvalue()


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


NPY = b"\x93NUMPY\1\0v\0{'descr': '%s', 'fortran_order': False, 'shape': (3,), }"
RECORD = "repro-audit record SCRIPT"
DUMP = "json.dump(history.history, file)"
KINDS = {
    "h.pkl": (pickle.dumps(Evil()), "is a pickle, which can run code", DUMP),
    "old.pkl": (pickle.dumps({"loss": [1.0]}, protocol=0), "is a pickle", DUMP),
    "history": (pickle.dumps({"loss": [1.0]}, protocol=2), "is a pickle", DUMP),
    "o.npy": (NPY % b"|O", "pickled objects, which can run code", DUMP),
    "a.npy": (NPY % b"<f4", "is a NumPy array", DUMP),
    "a.npz": (zipped("loss.npy"), "is an archive of NumPy arrays", DUMP),
    "m.keras": (zipped("metadata.json", "config.json"), "is a Keras model", RECORD),
    "m.pt": (zipped("m/data.pkl"), "is a checkpoint of PyTorch", RECORD),
    "a.zip": (zipped("x"), "is a ZIP archive", "Unpack it first"),
    "m.h5": (b"\x89HDF\r\n\x1a\n" + bytes(9), "is an HDF5 file", RECORD),
    "checkpoint": (b'model_checkpoint_path: "ckpt-1"\n', "names a checkpoint", RECORD),
    "ckpt-1.index": (bytes(9), "is a model or its weights", RECORD),
    "ckpt-1.data-00000-of-00001": (bytes(9), "is a model or its weights", RECORD),
    "saved_model.pb": (b"\x08\x01\x12", "is a model or its weights", RECORD),
    "m.safetensors": (struct.pack("<Q", 9) + b'{"a":{}}', "weights (safetensors)", RECORD),
    "plot.png": (b"\x89PNG\r\n\x1a\n", "is a picture", "the numbers it was drawn from"),
    "plot.jpg": (b"\xff\xd8\xff\xe0", "is a picture", "the numbers it was drawn from"),
    "n.ipynb": (b'{\n "cells": []', "is a notebook", "repro-audit repeat n.ipynb"),
    "n": (b'{"metadata": {}, "nbformat": 4, "cells": []}', "a notebook", "repro-audit repeat n"),
    "h.json.gz": (gzip.compress(b'{"loss": [1]}'), "packed with gzip", "gunzip h.json.gz"),
    "str.json": (b"\"{'loss': [0.69]}\"", "the text of a Python dict", DUMP),
    "str.txt": (b"{'loss': [0.69]}", "the text of a Python dict", DUMP),
    "trial.json": (b'{"score": 1, "trial_id": "0", "hyperparameters": {}}', "tuner's trial", "log"),
    "study.db": (b"SQLite format 3\0", "is a database", "Export"),
    "m.trace": (b'{"schema":"repro-audit/trace-1"}\n{"block":0}', "is a trace", "the manifest"),
    "page.html": (b"<!DOCTYPE html>", "is a page of HTML", "Give the file"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_log_is_named_by_its_first_bytes_with_what_to_do(name):
    content, kind, advice = KINDS[name]
    with pytest.raises(ManifestError) as caught:
        read_log(content, name)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert kind in message
    assert advice in message
    assert message.isprintable()


def test_a_pickle_that_is_opened_would_be_seen():
    with pytest.raises(pytest.fail.Exception):
        pickle.loads(KINDS["h.pkl"][0])  # noqa: S301 - the negative
