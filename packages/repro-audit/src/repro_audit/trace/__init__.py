r"""The trace: what a run was made of, step by step, in one append-only file.

A trace stands beside its manifest (``manifest.trace`` beside ``manifest.json``). Identical runs
leave byte-identical traces: nothing in one depends on time, place or the names of layers. This
page says enough to read and to recompute one in any language.

**Fingerprint.** A tensor is the XXH3-64, seed 0, of a head and its content, all little-endian:

========  =====  ===============================================================
field     bytes
========  =====  ===============================================================
dtype     1      0 bool, 1 int8, 2 uint8, 3 int16, 4 uint16, 5 int32, 6 uint32,
                 7 int64, 8 uint64, 9 float16, 10 bfloat16, 11 float32,
                 12 float64, 13 complex64, 14 complex128, 15 string,
                 16 float8_e4m3fn, 17 float8_e5m2
rank      1      number of axes, at most 255
sizes     8 each size along each axis
content          every element in C order; a bool is one byte, 0 or 1; a string
                 is its length in bytes (8 bytes) and its UTF-8 bytes
========  =====  ===============================================================

Bits count, not values: -0.0 is not 0.0, and one NaN is not another.

**File.** The first line is a JSON object with ``schema``, ``fingerprint`` and ``setting``. Each
later *block* line is a JSON object with ``block`` (from 0), ``model``, ``stride`` and
``columns``: what the rows that name this block hold. A line is padded with spaces to a multiple
of 8 bytes, its newline included. After its block line a record may follow at any time. It is a
sequence of 64-bit words, little-endian:

=====  =======================================================================
word   holds
=====  =======================================================================
0      type in the low byte, block number above it: 0x52 (R) a row, 0x50 (P) a
       probe
1      fit, from 0, in the upper 32 bits; epoch, from 1, in the lower 32
2      step within the epoch, from 1
3 …    a row: one word a column. A probe: the sampled bits, padded with zeros
=====  =======================================================================

A line begins with ``{``, so the first byte of anything tells what it is. A word of a column
with ``bits`` holds the value's own bits, extended by zeros (the running loss, a scalar);
any other word is a fingerprint. Columns come in execution order: ``batch``, ``random``,
``loss``, ``weight``, ``optimizer``; the state is that after the step. ``position`` is the place
in the model's weights, or among the optimizer's variables behind them. Records of one fit come in
the order of its steps; those of several fits alternate where a loop trains models in turn.

**Probe.** After the steps 1, 2, 4, 8 … of a fit and at the end of each epoch: of every floating
``weight`` column, in order, the elements ``i * size // count`` for ``i`` below
``count = min(size, 256)`` in C order. It tells how far apart two runs are without the weights
of either.

**Digest.** The SHA-256 of the file's bytes up to the end of each epoch goes into the manifest.
"""

from repro_audit.trace.fingerprint import fingerprint
from repro_audit.trace.layout import Block, Column, Probe, Rows, probe_positions
from repro_audit.trace.reading import Trace, find_trace, trace_path
from repro_audit.trace.writing import TraceWriter

__all__ = [
    "Block",
    "Column",
    "Probe",
    "Rows",
    "Trace",
    "TraceWriter",
    "find_trace",
    "fingerprint",
    "probe_positions",
    "trace_path",
]
