"""What stands in a trace file, and how its lines are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from repro_audit.trace.fingerprint import DTYPES

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "BEGIN",
    "FINGERPRINT",
    "HEAD_WORDS",
    "KINDS",
    "PROBE",
    "PROBED",
    "ROW",
    "SCHEMA",
    "WORD",
    "Block",
    "Column",
    "Probe",
    "Rows",
    "block_line",
    "probe_positions",
    "start_line",
]

SCHEMA = "repro-audit/trace-1"
FINGERPRINT = "XXH3-64"
BEGIN = b'{"schema":"repro-audit/trace-'
"""How the first line of any trace begins, whatever its version."""

KINDS = ("batch", "random", "loss", "weight", "optimizer")
"""Kinds of column, in execution order."""

WORD = 8
HEAD_WORDS = 3
ROW, PROBE = 0x52, 0x50
_MAX_PROBED = 256
_ITEM_BYTES = {
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
}
PROBED = frozenset(_ITEM_BYTES)
"""Element types of which a probe holds samples."""


class Column(NamedTuple):
    """One word of a row.

    Attributes:
        kind: ``batch``, ``random``, ``loss``, ``weight`` or ``optimizer``.
        role: What it is to its owner, free of the names of layers: ``x``, ``kernel``.
        layer: Class of the layer or optimizer that owns it; None for batch and loss.
        position: Place in the model's weights, or the optimizer's variables behind them;
            None for batch and loss.
        dtype: Element type.
        shape: Sizes along each axis; None where it varies.
        bits: Whether the word holds the value's own bits.
    """

    kind: str
    role: str
    layer: str | None
    position: int | None
    dtype: str
    shape: tuple[int | None, ...]
    bits: bool = False

    @property
    def key(self) -> tuple[str, str, str | None, int | None]:
        """What tells this column from the others."""
        return self.kind, self.role, self.layer, self.position

    @property
    def size(self) -> int:
        """Number of elements; 0 where the shape varies."""
        size = 1
        for length in self.shape:
            size *= length or 0
        return size

    @property
    def probe_bytes(self) -> int:
        """Bytes that a probe holds of this column."""
        if self.kind != "weight" or self.dtype not in PROBED:
            return 0
        return min(self.size, _MAX_PROBED) * _ITEM_BYTES[self.dtype]


class Block(NamedTuple):
    """What the rows that name this block hold.

    Attributes:
        number: Its number, from 0.
        model: The model, by the order in which models were seen, from 0.
        stride: Every which step has a row; 0 where only each epoch's end has one.
        columns: The words of a row behind its head.
    """

    number: int
    model: int
    stride: int
    columns: tuple[Column, ...]

    @property
    def row_words(self) -> int:
        """Words of a row."""
        return HEAD_WORDS + len(self.columns)

    @property
    def probe_words(self) -> int:
        """Words of a probe."""
        return HEAD_WORDS + -(-sum(column.probe_bytes for column in self.columns) // WORD)


class Rows(NamedTuple):
    """Consecutive rows of one block, fit and epoch.

    Attributes:
        block: Their block.
        words: uint64 array, shape (rows, words of a row), in the machine's byte order.
    """

    block: Block
    words: np.ndarray[Any, Any]


class Probe(NamedTuple):
    """One probe.

    Attributes:
        block: Its block.
        fit: The fit, from 0.
        epoch: The epoch, from 1.
        step: The step within the epoch, from 1.
        samples: The sampled bytes, column after column.
    """

    block: Block
    fit: int
    epoch: int
    step: int
    samples: bytes


def probe_positions(size: int) -> list[int]:
    """Return which elements, in C order, a probe holds of a tensor of `size` elements.

    Returns:
        At most 256 indices, ascending and evenly apart.

    >>> probe_positions(3), len(probe_positions(1000))
    ([0, 1, 2], 256)
    """
    count = min(size, _MAX_PROBED)
    return [index * size // count for index in range(count)]


def start_line(setting: str | int) -> bytes:
    """Return the first line of a trace.

    Returns:
        JSON, padded with spaces to a multiple of 8 bytes, its newline included.
    """
    return _line({"schema": SCHEMA, "fingerprint": FINGERPRINT, "setting": setting})


def block_line(block: Block) -> bytes:
    """Return the line that begins a block.

    Returns:
        As `start_line` returns it.
    """
    return _line(
        {
            "block": block.number,
            "model": block.model,
            "stride": block.stride,
            "columns": [column._asdict() for column in block.columns],
        }
    )


def _line(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return text + b" " * (-(len(text) + 1) % WORD) + b"\n"


def is_setting(value: Any) -> bool:
    """Whether a JSON value is a trace setting: ``step``, ``epoch`` or a number of steps."""
    return value in ("step", "epoch") or (_is_count(value) and value >= 1)


def parse_block(value: Any, number: int) -> Block:
    """Return the block that a JSON value describes.

    Args:
        value: The decoded line.
        number: The number it must have.

    Raises:
        ValueError: It does not describe one; the message says where, as a JSONPath.
    """
    _expect(isinstance(value, dict), "$", "an object")
    _expect(set(value) == {"block", "model", "stride", "columns"}, "$", "the fields of a block")
    _expect(_is_count(value["block"]) and value["block"] == number, "$.block", str(number))
    _expect(_is_count(value["model"]), "$.model", "an integer of 0 or more")
    _expect(_is_count(value["stride"]), "$.stride", "an integer of 0 or more")
    _expect(isinstance(value["columns"], list), "$.columns", "an array")
    columns = tuple(
        _parse_column(item, f"$.columns[{index}]") for index, item in enumerate(value["columns"])
    )
    _expect(bool(columns), "$.columns", "at least one column")
    # What tells one column from another; the shape follows from it.
    keys = set()
    for index, column in enumerate(columns):
        _expect(column.key not in keys, f"$.columns[{index}]", "each column once")
        keys.add(column.key)
    order = [KINDS.index(column.kind) for column in columns]
    _expect(order == sorted(order), "$.columns", f"the order {', '.join(KINDS)}")
    return Block(number=number, model=value["model"], stride=value["stride"], columns=columns)


def _parse_column(value: Any, path: str) -> Column:
    _expect(isinstance(value, dict), path, "an object")
    _expect(set(value) == set(Column._fields), path, "the fields of a column")
    _expect(value["kind"] in KINDS, f"{path}.kind", f"one of {', '.join(KINDS)}")
    _expect(isinstance(value["role"], str), f"{path}.role", "a string")
    _expect(isinstance(value["layer"], str | None), f"{path}.layer", "a string or null")
    position = value["position"]
    _expect(position is None or _is_count(position), f"{path}.position", "an integer or null")
    _expect(value["dtype"] in DTYPES, f"{path}.dtype", "the name of a dtype")
    shape = value["shape"]
    _expect(isinstance(shape, list) and len(shape) <= 255, f"{path}.shape", "an array of sizes")
    sizes_ok = all(size is None or _is_count(size) for size in shape)
    _expect(sizes_ok, f"{path}.shape", "sizes of 0 or more, or null")
    _expect(isinstance(value["bits"], bool), f"{path}.bits", "true or false")
    return Column(**{**value, "shape": tuple(shape)})


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48


def _expect(met: bool, path: str, expected: str) -> None:
    if not met:
        message = f"{path}: expected {expected}"
        raise ValueError(message)
