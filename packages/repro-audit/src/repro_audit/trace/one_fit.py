"""The part of a trace that one fit has written, as if its run had trained nothing else."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from repro_audit.trace.layout import PROBE, ROW, Block, Probe, Rows, block_line, start_line

if TYPE_CHECKING:
    from repro_audit.manifest import Manifest

__all__ = ["parts_of_fit", "with_outcome"]

_EPOCH = 0xFFFFFFFF
_HEAD = struct.Struct("<3Q")


def parts_of_fit(parts: Iterable[Block | Rows | Probe], fit: int) -> Iterator[Block | Rows | Probe]:
    """Yield what a trace holds of one fit, which becomes the first, as does its model.

    Args:
        parts: What stands in the trace, as `repro_audit.trace.Trace.parts` yields it.
        fit: The fit, from 0.

    Yields:
        As the trace does, each block before the first record that names it.
    """
    blocks: dict[int, Block] = {}
    for part in parts:
        if isinstance(part, Block) or _fit_of(part) != fit:
            continue
        block = blocks.get(part.block.number)
        if block is None:
            block = part.block._replace(number=len(blocks), model=0)
            blocks[part.block.number] = block
            yield block
        if isinstance(part, Probe):
            yield part._replace(block=block, fit=0)
            continue
        words = part.words.copy()
        words[:, 0] = ROW | block.number << 8
        words[:, 1] &= _EPOCH
        yield Rows(block, words)


def with_outcome(alone: Manifest, parts: Iterable[Block | Rows | Probe]) -> Manifest:
    """Return the manifest of a fit with what it says of its trace: extent, and each digest.

    Args:
        alone: The manifest, as `repro_audit.manifest.of_fit` makes it.
        parts: What the trace holds of that fit.

    Returns:
        The manifest that a run of this fit alone would have left.

    Raises:
        TraceError: The trace is damaged, or another run's.
    """
    from repro_audit.manifest.records import TraceOutcome

    if alone.trace is None:
        return alone
    begin = start_line(alone.trace.setting)
    hasher, size, rows = hashlib.sha256(begin), len(begin), 0
    ends: dict[int, str] = {}
    for part in parts:
        content = _content(part)
        hasher.update(content)
        size += len(content)
        if isinstance(part, Block):
            continue
        rows += len(part.words) if isinstance(part, Rows) else 0
        ends[_epoch_of(part)] = "sha256:" + hasher.hexdigest()
    (fit,) = alone.outcomes.fits
    first = fit.first_epoch or 1
    chain = tuple(ends.get(epoch) for epoch in range(first, first + len(fit.epochs)))
    digests = alone.outcomes.digests._replace(trace="sha256:" + hasher.hexdigest())
    return alone._replace(
        outcomes=alone.outcomes._replace(
            digests=digests,
            fits=(fit._replace(trace=chain),),
            trace=TraceOutcome(rows=rows, bytes=size),
        )
    )


def _content(part: Block | Rows | Probe) -> bytes:
    """Return the bytes in which something stands in a trace."""
    if isinstance(part, Block):
        return block_line(part)
    if isinstance(part, Rows):
        return part.words.astype("<u8").tobytes()
    head = _HEAD.pack(PROBE | part.block.number << 8, part.fit << 32 | part.epoch, part.step)
    return head + part.samples


def _fit_of(part: Rows | Probe) -> int:
    return part.fit if isinstance(part, Probe) else int(part.words[0, 1]) >> 32


def _epoch_of(part: Rows | Probe) -> int:
    return part.epoch if isinstance(part, Probe) else int(part.words[0, 1]) & _EPOCH
