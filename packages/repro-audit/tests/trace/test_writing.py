import contextlib
import errno
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import BATCH, KERNEL, LOSS, SLOT, flat, sha256

from repro_audit.errors import OutputError
from repro_audit.trace import Column, Trace, TraceWriter
from repro_audit.trace.fingerprint import DTYPES
from repro_audit.trace.layout import BEGIN

pytest.importorskip("numpy")

DRAWN = settings(deadline=None, max_examples=40)

# Programs: what to call a writer with


def columns(min_size=1):
    """Draw columns as a block has them: each once, in execution order."""
    shape = st.lists(st.none() | st.integers(0, 9), max_size=3).map(tuple)
    column = st.builds(
        Column,
        kind=st.sampled_from(traces.KINDS),
        role=st.text(max_size=6),
        layer=st.none() | st.sampled_from(["Dense", "Größe\n", "\u202e"]),
        position=st.none() | st.integers(0, 3) | st.just(2**48 - 1),
        dtype=st.sampled_from(DTYPES),
        shape=shape,
        bits=st.booleans(),
    )
    lists = st.lists(column, min_size=min_size, max_size=5, unique_by=lambda item: item.key)
    return lists.map(lambda items: sorted(items, key=lambda item: traces.KINDS.index(item.kind)))


@st.composite
def programs(draw):
    """Draw calls of a writer, and the parts that a reader must find."""
    counts = st.sampled_from([0, 1, 2, 16, 2**48 - 1])
    blocks = draw(
        st.lists(st.tuples(counts, counts, columns()), min_size=1, max_size=4, unique_by=repr)
    )
    calls, seen = [], []
    fit, epoch, step = 0, 1, 0
    for forward in draw(st.lists(st.sampled_from(["step", "epoch", "fit"]), max_size=12)):
        fit, epoch, step = {
            "step": (fit, epoch, step + draw(st.sampled_from([1, 16, 2**60]))),
            "epoch": (fit, epoch + 1, 1),
            "fit": (fit + 1, 1, 1),
        }[forward]
        index = draw(st.integers(0, len(blocks) - 1))
        seen += [index] * (index not in seen)
        # Many bytes of each value, from few that are drawn.
        source = random.Random(draw(st.integers(0, 2**32)))
        model, stride, items = blocks[index]
        place = fit, epoch, step
        words = [source.choice([0, 2**64 - 1, source.getrandbits(64)]) for _ in items]
        samples = source.randbytes(traces.probe_bytes(items))
        events = {"row": [("row", words)], "probe": [("probe", samples)]}
        events["both"] = events["row"] + events["probe"]
        for kind, content in events[draw(st.sampled_from(["row", "row", "probe", "both"]))]:
            calls.append(((model, stride, items), kind, place, content))
    return calls


def nothing(writer):
    """Do nothing."""


def perform(calls, path, setting="step", after=nothing):
    """Call a writer, and `after` behind each call."""
    writer = TraceWriter(path, setting)
    after(writer)
    try:
        for asked, kind, place, content in calls:
            block = writer.block(*asked)
            after(writer)
            getattr(writer, kind)(block, *place, content)
            after(writer)
    finally:
        writer.close()
    return writer


def assembled(calls, setting="step"):
    """Return the file that the specification asks for."""
    content, blocks = traces.line(traces.start(setting=setting)), []
    for (model, stride, items), kind, place, values in calls:
        if (model, stride, items) not in blocks:
            value = traces.block(len(blocks), items, model, stride)
            content += traces.line(value)
            blocks.append((model, stride, items))
        record = traces.row if kind == "row" else traces.probe
        content += record(blocks.index((model, stride, items)), place, values)
    return content


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("writing") / "run.trace"


def two_models():
    """Return calls in which the rows of two models alternate."""
    blocks = (0, 1, [BATCH, LOSS, KERNEL]), (1, 16, [KERNEL, SLOT])
    calls = []
    for fit in range(6):
        block = blocks[fit % 2]
        words = [fit] * len(block[2])
        calls += [(block, "row", (fit, 1, step), words) for step in (1, 2, 3)]
        calls.append((block, "probe", (fit, 1, 3), bytes(range(12))))
    return calls


# What is written is what is read


@DRAWN
@given(calls=programs())
def test_what_is_written_is_what_is_read(calls, path):
    writer = perform(calls, path)
    trace = Trace(path, size=writer.bytes, digest=writer.digest, ended=True)
    found = flat(trace.parts())
    blocks = [record[1] for record in found if record[0] == "block"]
    expected = []
    for (model, stride, items), kind, place, content in calls:
        number = [(b.model, b.stride, list(b.columns)) for b in blocks].index(
            (model, stride, items)
        )
        padding = b"" if kind == "row" else bytes(-len(content) % 8)
        expected.append((kind, number, *place, content + padding if padding else content))
    assert [record for record in found if record[0] != "block"] == expected
    assert [block.number for block in blocks] == list(range(len(blocks)))
    used = [record[1] for record in found if record[0] != "block"]
    assert sorted(set(used)) == list(range(len(blocks)))


@DRAWN
@given(calls=programs())
def test_a_file_is_byte_for_byte_what_the_specification_says(calls, path):
    perform(calls, path)
    assert path.read_bytes() == assembled(calls)


def test_a_small_file_is_byte_for_byte_what_the_specification_says(path):
    writer = TraceWriter(path, 4)
    block = writer.block(0, 4, [KERNEL])
    writer.row(block, 1, 2, 3, [0x0102030405060708])
    writer.probe(block, 1, 2, 3, struct.pack("<3f", 1, -2, 0))
    writer.close()
    assert path.read_bytes() == (
        b'{"schema":"repro-audit/trace-1","fingerprint":"XXH3-64","setting":4}   \n'
        b'{"block":0,"model":0,"stride":4,"columns":[{"kind":"weight","role":"kernel",'
        b'"layer":"Dense","position":0,"dtype":"float32","shape":[3],"bits":false}]} \n'
        b"R\0\0\0\0\0\0\0"
        b"\2\0\0\0\1\0\0\0"
        b"\3\0\0\0\0\0\0\0"
        b"\x08\7\6\5\4\3\2\1"
        b"P\0\0\0\0\0\0\0"
        b"\2\0\0\0\1\0\0\0"
        b"\3\0\0\0\0\0\0\0"
        b"\0\0\x80\x3f"
        b"\0\0\0\xc0"
        b"\0\0\0\0"
        b"\0\0\0\0"
    )


@pytest.mark.parametrize("setting", ["step", "epoch", 1, 16])
def test_the_setting_stands_in_the_first_line(path, setting):
    perform([], path, setting)
    assert json.loads(path.read_bytes()) == traces.start(setting=setting)


def test_equal_calls_leave_equal_files_and_others_do_not(tmp_path):
    calls = two_models()
    perform(calls, tmp_path / "1")
    perform(two_models(), tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    block, kind, place, _ = calls[4]
    calls[4] = (block, kind, place, [0, 0])
    perform(calls, tmp_path / "3")
    assert (tmp_path / "3").read_bytes() != (tmp_path / "1").read_bytes()


def test_blocks_of_other_columns_models_or_strides_have_other_numbers(path):
    writer = TraceWriter(path, "step")
    asked = [(0, 1, [KERNEL]), (1, 1, [KERNEL]), (0, 2, [KERNEL]), (0, 1, [SLOT]), (0, 1, [])]
    asked.append((0, 1, [KERNEL._replace(shape=(None,))]))
    assert [writer.block(*block).number for block in asked] == [0, 1, 2, 3, 4, 5]
    size = writer.bytes
    assert [writer.block(*block).number for block in reversed(asked)] == [5, 4, 3, 2, 1, 0]
    assert writer.bytes == size
    writer.close()


@pytest.mark.parametrize("length", range(9))
def test_a_line_fills_whole_words(path, length):
    writer = TraceWriter(path, "step")
    writer.block(0, 1, [KERNEL._replace(role="r" * length)])
    writer.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert [len(line) % 8 for line in lines] == [0, 0]
    assert all(len(line) - len(line.rstrip()) <= 8 for line in lines)


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("float8_e5m2", (3,), 3),
        ("float16", (5,), 10),
        ("bfloat16", (1,), 2),
        ("float32", (3, 3), 36),
        ("float64", (2,), 16),
        ("float32", (300,), 1024),
        ("float64", (16, 17), 2048),
        ("float32", (), 4),
        ("float32", (0, 4), 0),
        ("float32", (None, 4), 0),
        ("int32", (4,), 0),
    ],
)
def test_the_samples_of_a_probe_are_padded_with_zeros_to_a_word(path, dtype, shape, size):
    column = KERNEL._replace(dtype=dtype, shape=shape)
    slot = SLOT._replace(dtype="float32", shape=(9,))
    writer = TraceWriter(path, "step")
    block = writer.block(0, 1, [column, slot])
    before, samples = writer.bytes, random.Random(size).randbytes(size)
    writer.probe(block, 0, 1, 1, samples)
    writer.close()
    assert writer.bytes - before == 24 + (size + 7) // 8 * 8
    trace = Trace(path, size=writer.bytes, digest=writer.digest, ended=True)
    (_, _, _, _, _, read) = flat(trace.parts())[-1]
    assert read == samples + bytes(-size % 8)


def test_stretches_of_any_length_are_read_across_the_chunks_of_a_file(path):
    # Rows of 7 words, so that none ends where a chunk of the file does.
    narrow = [KERNEL._replace(position=index) for index in range(4)]
    blocks = (0, 1, narrow), (1, 1, narrow[:1])
    calls, step = [], 0
    for length in (1, 63, 64, 65, 1, 255, 256, 257, 1, 1, 20_000, 3, 30_000):
        block = blocks[len(calls) % 2]
        words = range(step, step + length)
        calls += [(block, "row", (0, 1, n + 1), [n] * len(block[2])) for n in words]
        step += length
    assert len({call[0][0] for call in calls}) == 2
    writer = perform(calls, path)
    assert writer.bytes > 2**21
    trace = Trace(path, size=writer.bytes, digest=writer.digest, ended=True)
    rows = [record for record in flat(trace.parts()) if record[0] == "row"]
    assert [record[2:] for record in rows] == [(*call[2], call[3]) for call in calls]


def test_a_record_larger_than_a_chunk_of_the_file_is_read(path):
    wide = [KERNEL._replace(position=n, dtype="float64", shape=(999,)) for n in range(1100)]
    samples = random.Random(0).randbytes(1100 * 256 * 8)
    writer = TraceWriter(path, "step")
    block = writer.block(0, 1, wide)
    for step in (1, 2):
        writer.row(block, 0, 1, step, range(1100))
        writer.probe(block, 0, 1, step, samples)
    writer.close()
    trace = Trace(path, size=writer.bytes, digest=writer.digest, ended=True)
    words = list(range(1100))
    assert flat(trace.parts())[1:] == [
        record
        for step in (1, 2)
        for record in (("row", 0, 0, 1, step, words), ("probe", 0, 0, 1, step, samples))
    ]


# While a run goes on


@DRAWN
@given(calls=programs())
def test_every_record_reaches_the_file_at_once_and_is_counted(calls, path):
    sizes = []

    def check(writer):
        content = path.read_bytes()
        assert writer.bytes == len(content)
        assert writer.digest == sha256(content)
        trace = Trace(path, size=writer.bytes, digest=writer.digest, ended=False)
        rows = [record for record in flat(trace.parts()) if record[0] == "row"]
        assert writer.rows == len(rows)
        sizes.append(len(content))

    perform(calls, path, after=check)
    assert sizes == sorted(sizes)
    assert len(sizes) == 1 + 2 * len(calls)


WRITER = """
import os, signal, sys
from pathlib import Path
from repro_audit.trace import Column, TraceWriter

writer = TraceWriter(Path(sys.argv[1]), "step")
block = writer.block(0, 1, [Column("weight", "kernel", "Dense", 0, "float32", (3,))])
for step in range(1, 1001):
    writer.row(block, 0, 1, step, [step])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_every_row(path):
    done = subprocess.run([sys.executable, "-c", WRITER, path], check=False)
    assert done.returncode == -signal.SIGKILL
    found = flat(Trace(path, size=0, digest=None, ended=False).parts())
    assert [record[4:] for record in found[1:]] == [(step, [step]) for step in range(1, 1001)]


def test_a_new_trace_leaves_the_old_one_to_whoever_reads_it(path):
    perform(two_models(), path)
    old = path.read_bytes()
    with path.open("rb") as reading:
        perform([], path)
        assert reading.read() == old
    assert path.read_bytes() == assembled([])


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path):
    earlier = BEGIN + b"1 and so on"
    (tmp_path / "precious").write_bytes(earlier)
    (tmp_path / "run.trace").symlink_to(tmp_path / "precious")
    perform([], tmp_path / "run.trace")
    assert (tmp_path / "precious").read_bytes() == earlier
    assert (tmp_path / "run.trace").read_bytes() == assembled([])


def test_a_file_that_is_no_trace_is_never_replaced(tmp_path):
    path = tmp_path / "model.trace"
    path.write_bytes(b"a user's own")
    with pytest.raises(OutputError, match="no trace of repro-audit"):
        TraceWriter(path, "step")
    assert path.read_bytes() == b"a user's own"


def test_a_descriptor_that_the_script_has_closed_and_used_again_is_left_alone(path, tmp_path):
    writer = TraceWriter(path, "step")
    os.close(writer._descriptor)
    with (tmp_path / "users").open("wb") as file:
        assert file.fileno() == writer._descriptor, "the number is taken by the next file"
        with pytest.raises(OSError, match="closed the trace"):
            writer.block(0, 1, [KERNEL])
        writer.close()
        file.write(b"mine")
    assert (tmp_path / "users").read_bytes() == b"mine"


def test_flush_asks_the_disk_and_says_when_it_fails(path, monkeypatch):
    flushed = []
    writer = TraceWriter(path, "step")
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    writer.flush()
    assert flushed == [path.stat().st_ino]

    def fails(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output error"):
        writer.flush()
    writer.close()


def test_closing_twice_does_nothing_and_a_closed_trace_takes_no_row(path):
    writer = TraceWriter(path, "step")
    block = writer.block(0, 1, [KERNEL])
    writer.close()
    size = path.stat().st_size
    writer.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        writer.row(block, 0, 1, 1, [1])
    assert path.stat().st_size == size
    assert writer.rows == 0


@pytest.mark.parametrize("values", [[], [1, 2], [-1], [2**64], [1.0]])
def test_values_that_are_no_row_leave_the_file_as_it_was(path, values):
    writer = TraceWriter(path, "step")
    block = writer.block(0, 1, [KERNEL])
    before = path.read_bytes()
    with pytest.raises(struct.error):
        writer.row(block, 0, 1, 1, values)
    writer.close()
    assert path.read_bytes() == before
    assert (writer.rows, writer.digest) == (0, sha256(before))


# Memory


def test_neither_writing_nor_reading_needs_memory_that_grows_with_the_trace(path):
    wide = [KERNEL._replace(position=index) for index in range(120)]
    other = [KERNEL._replace(position=index) for index in range(120, 240)]
    values = list(range(120))

    def peaks(size):
        tracemalloc.start()
        try:
            writer = TraceWriter(path, "step")
            blocks = writer.block(0, 1, wide), writer.block(1, 1, other)
            step = 0
            while writer.bytes < size:
                step += 1
                # Long stretches of one block and shorter ones of another, and a probe in between.
                block = blocks[step % 1000 > 900]
                writer.row(block, 0, 1, step, values)
                if step % 1000 == 0:
                    writer.probe(block, 0, 1, step, bytes(120 * 12))
            writer.close()
            written = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            trace = Trace(path, size=writer.bytes, digest=writer.digest, ended=True)
            rows = sum(len(part.words) for part in trace.parts() if hasattr(part, "words"))
            assert rows == writer.rows == step
            return written, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peaks(6_000_000), peaks(60_000_000)
    assert large[0] < 1_000_000
    assert large[1] < 5_000_000
    assert large[0] < 1.1 * small[0] + 10_000
    assert large[1] < 1.1 * small[1] + 10_000


# What goes wrong


def descriptors():
    """Return how many files this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("missing/run.trace", "No such file"),
        ("folder", "directory"),
        ("\x1b[31m/t", "No such file"),
    ],
)
def test_a_place_that_takes_no_file_is_refused_in_one_line(tmp_path, place, reason):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=reason) as caught:
        TraceWriter(tmp_path / place, "step")
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")


@contextlib.contextmanager
def limited(size):
    """Let files grow to so many bytes and no more, as a full disk does.

    Not longer than a call: pytest's own output may go to a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 23, 31])
def test_a_row_that_the_disk_has_no_room_for_is_an_oserror_and_does_not_count(tmp_path, room):
    path = tmp_path / "run.trace"
    writer = TraceWriter(path, "step")
    block = writer.block(0, 1, [KERNEL])
    size, digest = writer.bytes, writer.digest
    with limited(size + room), pytest.raises(OSError, match="File too large"):
        writer.row(block, 0, 1, 1, [1])
    writer.close()
    assert (writer.rows, writer.bytes, writer.digest) == (0, size, digest)
    # What did arrive is a torn record, as a killed run leaves one.
    assert path.stat().st_size == size + room
    assert len(flat(Trace(path, size=size, digest=digest, ended=False).parts())) == 1


@pytest.mark.parametrize("room", [0, 40])
def test_a_trace_whose_first_line_finds_no_room_is_refused_and_leaves_nothing(tmp_path, room):
    before = descriptors()
    with limited(room), pytest.raises(OutputError, match="File too large"):
        TraceWriter(tmp_path / "run.trace", "step")
    assert not (tmp_path / "run.trace").exists()
    assert descriptors() == before


def test_a_record_that_the_system_takes_in_pieces_is_written_whole(path, monkeypatch):
    write = os.write
    pieces = []

    def short(descriptor, content):
        pieces.append(write(descriptor, bytes(content[:7])))
        return pieces[-1]

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", short)
        writer = perform(two_models(), path)
    assert path.read_bytes() == assembled(two_models())
    assert (sum(pieces), writer.digest) == (writer.bytes, sha256(path.read_bytes()))
