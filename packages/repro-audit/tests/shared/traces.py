"""Traces assembled by hand as the specification says, and ways to read them.

Nothing here calls the writer: what `repro_audit.trace` says in words is said again in `struct`.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from repro_audit.errors import TraceError
from repro_audit.trace import Block, Column, Probe, Rows, Trace

KINDS = ("batch", "random", "loss", "weight", "optimizer")
ITEM_BYTES = {
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
}

BATCH = Column("batch", "x", None, None, "float32", (None, 2))
LOSS = Column("loss", "loss", None, None, "float32", (), bits=True)
KERNEL = Column("weight", "kernel", "Dense", 0, "float32", (3,))
SLOT = Column("optimizer", "momentum of 0", "Adam", 1, "float32", (3,))

Record = tuple[Any, ...]
"""``("block", block)``, or kind, block number, fit, epoch, step and words or samples."""


# As the specification says.


def line(value: Any) -> bytes:
    """Return a JSON value as a line, padded to a multiple of 8 bytes."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return text + b" " * (7 - len(text) % 8) + b"\n"


def start(**changes: Any) -> dict[str, Any]:
    """Return the value of the first line."""
    fields = {"schema": "repro-audit/trace-1", "fingerprint": "XXH3-64", "setting": "step"}
    return {**fields, **changes}


def block(number: int, columns: Sequence[Column], model: int = 0, stride: int = 1) -> Any:
    """Return the value of a block's line."""
    return {
        "block": number,
        "model": model,
        "stride": stride,
        "columns": [{**column._asdict(), "shape": list(column.shape)} for column in columns],
    }


def row(number: int, place: tuple[int, int, int], words: Sequence[int]) -> bytes:
    """Return a row; its place is fit, epoch and step."""
    fit, epoch, step = place
    return struct.pack(f"<QIIQ{len(words)}Q", number << 8 | ord("R"), epoch, fit, step, *words)


def probe(number: int, place: tuple[int, int, int], samples: bytes) -> bytes:
    """Return a probe; its place is fit, epoch and step."""
    fit, epoch, step = place
    head = struct.pack("<QIIQ", number << 8 | ord("P"), epoch, fit, step)
    return head + samples + bytes(-len(samples) % 8)


def probe_bytes(columns: Iterable[Column]) -> int:
    """Return how many bytes a probe samples of some columns."""
    total = 0
    for column in columns:
        size = 1
        for length in column.shape:
            size *= length or 0
        if column.kind == "weight":
            total += min(size, 256) * ITEM_BYTES.get(column.dtype, 0)
    return total


def small() -> list[bytes]:
    """Return a trace of two models, rows and probes: its lines and records, one by one."""
    first, second = [BATCH, LOSS, KERNEL], [KERNEL._replace(dtype="float64"), SLOT]
    return [
        line(start()),
        line(block(0, first)),
        row(0, (0, 1, 1), [2**64 - 1, 0x3F800000, 3]),
        probe(0, (0, 1, 1), bytes(range(1, 13))),
        row(0, (0, 1, 2), [4, 5, 6]),
        row(0, (0, 1, 3), [7, 8, 9]),
        probe(0, (0, 1, 3), bytes(12)),
        line(block(1, second, model=1, stride=4)),
        row(1, (1, 1, 1), [10, 11]),
        row(0, (2, 1, 1), [12, 13, 14]),
        row(1, (3, 1, 1), [15, 16]),
        probe(1, (3, 2, 1), bytes(range(24))),
    ]


# Reading.


def sha256(content: bytes) -> str:
    """Return a digest as a manifest writes it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def put(path: Path, content: bytes) -> None:
    """Write a file anew: a disk takes its time over one that is cut to nothing and written."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def trace(path: Path, content: bytes, *, ended: bool = True, covered: int | None = None) -> Trace:
    """Write a file and return it as a trace whose digest covers it, or its first bytes.

    Args:
        path: Where it goes.
        content: What it holds.
        ended: Whether its run ended.
        covered: How many of its bytes the manifest's digest covers.
    """
    put(path, content)
    size = len(content) if covered is None else covered
    return Trace(path, size=size, digest=sha256(content[:size]), ended=ended)


def flat(parts: Iterable[Block | Rows | Probe]) -> list[Record]:
    """Return the parts of a trace with every row by itself."""
    records: list[Record] = []
    for part in parts:
        if isinstance(part, Block):
            records.append(("block", part))
        elif isinstance(part, Probe):
            number = part.block.number
            records.append(("probe", number, part.fit, part.epoch, part.step, part.samples))
        else:
            number = part.block.number
            for first, place, step, *words in part.words.tolist():
                assert first == number << 8 | ord("R")
                records.append(("row", number, place >> 32, place % 2**32, step, words))
    return records


def refusal(refused: Trace) -> str:
    """Return the message with which a trace is refused, once it proved fit to be shown."""
    with pytest.raises(TraceError) as caught:
        flat(refused.parts())
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{refused.name}: ")
    assert len(message) < len(refused.name) + 700
    return message
