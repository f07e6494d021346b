import hashlib
import json
import os
import random
import signal
import string
import tracemalloc
from pathlib import Path

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import BATCH, KERNEL, LOSS, SLOT, flat, refusal, sha256

from repro_audit.errors import TraceError
from repro_audit.manifest.records import Digests, Manifest, Outcomes, TraceOutcome, TraceSetting
from repro_audit.trace import Block, Rows, Trace, find_trace
from repro_audit.trace.fingerprint import DTYPES

pytest.importorskip("numpy")

DRAWN = settings(deadline=None, max_examples=80)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("reading") / "run.trace"


@pytest.fixture
def quickly():
    """Fail where a test waits."""

    def waited(number, frame):
        pytest.fail("waited for 20 seconds")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def parts_of(path, content, **options):
    """Return all that is read of a file."""
    return flat(traces.trace(path, content, **options).parts())


def refusal_of(path, content, **options):
    """Return why a file is refused."""
    return refusal(traces.trace(path, content, **options))


def peak_of(path, content, **options):
    """Return the most memory that a file needs, whether it is refused or not."""
    trace = traces.trace(path, content, **options)
    tracemalloc.start()
    try:
        for _ in trace.parts():
            pass
    except TraceError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def descriptors():
    """Return how many files this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def one_block(*records, columns=(KERNEL,), **options):
    """Return a trace of one block."""
    head = traces.line(traces.start()) + traces.line(traces.block(0, columns, **options))
    return head + b"".join(records)


def rows(*places):
    """Return rows at these places, each of fit, epoch and step."""
    return [traces.row(0, place, [7]) for place in places]


# What is in a trace


def test_a_trace_gives_its_blocks_rows_and_probes_in_their_order(path):
    found = parts_of(path, b"".join(traces.small()))
    first = Block(0, 0, 1, (BATCH, LOSS, KERNEL))
    second = Block(1, 1, 4, (KERNEL._replace(dtype="float64"), SLOT))
    assert found == [
        ("block", first),
        ("row", 0, 0, 1, 1, [2**64 - 1, 0x3F800000, 3]),
        ("probe", 0, 0, 1, 1, bytes(range(1, 13)) + bytes(4)),
        ("row", 0, 0, 1, 2, [4, 5, 6]),
        ("row", 0, 0, 1, 3, [7, 8, 9]),
        ("probe", 0, 0, 1, 3, bytes(16)),
        ("block", second),
        ("row", 1, 1, 1, 1, [10, 11]),
        ("row", 0, 2, 1, 1, [12, 13, 14]),
        ("row", 1, 3, 1, 1, [15, 16]),
        ("probe", 1, 3, 2, 1, bytes(range(24))),
    ]


def test_consecutive_rows_of_a_block_come_together(path):
    content = one_block(*rows(*((0, 1, step) for step in range(1, 101))))
    groups = [p for p in traces.trace(path, content).parts() if isinstance(p, Rows)]
    assert [group.words.shape for group in groups] == [(100, 4)]
    assert groups[0].words.dtype == "u8"


def test_a_trace_can_be_read_again_and_verified(path):
    trace = traces.trace(path, b"".join(traces.small()))
    assert flat(trace.parts()) == flat(trace.parts())
    trace.verify()


def test_whoever_stops_early_leaves_no_file_open(path):
    before = descriptors()
    reading = traces.trace(path, b"".join(traces.small())).parts()
    next(reading)
    assert descriptors() == before + 1
    reading.close()
    assert descriptors() == before


# Cut off


def offsets():
    """Return the small trace and where its lines and records end."""
    ends = [0]
    for record in traces.small():
        ends.append(ends[-1] + len(record))
    return b"".join(traces.small()), ends


def test_a_killed_run_cut_at_any_byte_gives_every_whole_record_before_it(path):
    content, ends = offsets()
    whole = parts_of(path, content)
    for cut in range(len(content) + 1):
        found = parts_of(path, content[:cut], ended=False, covered=0)
        # The first line is no part.
        assert found == whole[: max(0, sum(end <= cut for end in ends) - 2)], cut


def test_a_killed_run_cut_within_what_the_digest_covers_is_refused(path):
    content, ends = offsets()
    covered = ends[5]
    for cut in range(covered):
        traces.put(path, content[:cut])
        trace = Trace(path, size=covered, digest=sha256(content[:covered]), ended=False)
        assert f"expected {covered:,} bytes" in refusal(trace)
    for cut in range(covered, len(content) + 1):
        assert len(parts_of(path, content[:cut], ended=False, covered=covered)) >= 4


def test_an_ended_run_cut_at_any_byte_is_refused_by_its_size(path):
    content, _ = offsets()
    for cut in range(len(content)):
        traces.put(path, content[:cut])
        trace = Trace(path, size=len(content), digest=sha256(content), ended=True)
        message = refusal(trace)
        assert f"expected {len(content):,} bytes, as the manifest says, received {cut:,}" in message
        with pytest.raises(TraceError, match="cut off, or belongs to another run"):
            trace.verify()


def test_an_ended_run_whose_manifest_tells_of_a_cut_file_is_refused_within_a_record(path):
    content, ends = offsets()
    for cut in range(1, len(content)):
        if cut in ends:
            parts_of(path, content[:cut])
        else:
            start = max(end for end in ends if end <= cut)
            message = refusal_of(path, content[:cut])
            assert f"at byte {start:,}: ends within a record" in message


def test_a_file_that_goes_on_behind_what_an_ended_run_left_is_refused(path):
    content, _ = offsets()
    message = refusal_of(path, content, covered=len(content) - 1)
    assert f"expected {len(content) - 1:,} bytes" in message
    assert f"received {len(content):,}" in message


def test_a_run_that_goes_on_is_read_beyond_its_last_epoch(path):
    content, ends = offsets()
    trace = traces.trace(path, content, ended=False, covered=ends[7])
    assert len(flat(trace.parts())) == len(ends) - 2
    trace.verify()


def test_a_file_that_is_cut_while_it_is_read_is_refused(path):
    steps = ((0, 1, step) for step in range(1, 100_001))
    trace = traces.trace(path, one_block(*rows(*steps)))
    parts = trace.parts()
    next(parts)
    os.truncate(path, 2**20)
    with pytest.raises(TraceError, match="It was damaged"):
        list(parts)


# Another run, another release


def test_another_file_of_the_same_size_is_refused_at_its_end(path):
    content, _ = offsets()
    other = content[:-1] + b"\xff"
    traces.put(path, other)
    trace = Trace(path, size=len(content), digest=sha256(content), ended=True)
    message = refusal(trace)
    assert f"expected {sha256(content)}" in message
    assert f"received {sha256(other)}" in message
    with pytest.raises(TraceError, match="damaged, or belongs to another run"):
        trace.verify()


def test_every_bit_that_changes_is_seen_by_the_digest(path):
    content, _ = offsets()
    digest = sha256(content)
    for index in range(len(content)):
        damaged = bytearray(content)
        damaged[index] ^= 1 << index % 8
        traces.put(path, damaged)
        assert refusal(Trace(path, size=len(content), digest=digest, ended=True))


def test_a_bit_behind_what_the_digest_covers_is_not(path):
    content, ends = offsets()
    path.write_bytes(content[:-1] + b"\xff")
    Trace(path, size=ends[-2], digest=sha256(content[: ends[-2]]), ended=False).verify()


@pytest.mark.parametrize("field", ["schema", "fingerprint"])
@pytest.mark.parametrize(
    "value", ["repro-audit/trace-2", "XXH3-128", "", None, 1, 1.5, True, [], {}, "\x1b[2J" * 10**5]
)
def test_another_version_or_fingerprint_is_refused_by_its_name(path, field, value):
    message = refusal_of(path, traces.line(traces.start(**{field: value})))
    assert f"at byte 0: $.{field}: expected '" in message
    assert ", received " in message
    assert "Another release of repro-audit may read it" in message


def test_a_first_line_without_one_of_its_fields_or_with_another_is_refused(path):
    for field in traces.start():
        value = traces.start()
        del value[field]
        assert field in refusal_of(path, traces.line(value))
    message = refusal_of(path, traces.line(traces.start(extra=1)))
    assert "at byte 0: $: expected schema, fingerprint and setting" in message


@pytest.mark.parametrize("setting", ["step", "epoch", 1, 16, 2**40])
def test_a_trace_setting_is_accepted(path, setting):
    assert parts_of(path, traces.line(traces.start(setting=setting))) == []


@pytest.mark.parametrize("setting", ["steps", "", None, 0, -1, 1.0, True, [], {}, 2**48, ["step"]])
def test_what_is_no_trace_setting_is_refused(path, setting):
    assert "$.setting" in refusal_of(path, traces.line(traces.start(setting=setting)))


def test_a_second_first_line_is_refused(path):
    content = traces.line(traces.start())
    assert f"at byte {len(content)}: $" in refusal_of(path, content * 2)


# What is no trace


@pytest.mark.parametrize(
    "content",
    [
        b"\x00",
        b"R" * 48,
        b"[]\n",
        b" {}\n",
        b"\xef\xbb\xbf{}\n",
        b"\n",
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
    ],
)
def test_a_file_of_another_kind_is_refused(path, content):
    message = refusal_of(path, content)
    assert "at byte 0: expected a trace, whose first line is a JSON object" in message
    assert refusal_of(path, content, ended=False)


@pytest.mark.parametrize(
    "line",
    [
        b"{\n",
        b"{}}\n",
        b"{'schema': 1}\n",
        b'{"schema": "repro-audit/trace-1", }\n',
        b'{"a": "\xff"}\n',
        b'{"a": "\x01"}\n',
        '{"schema"'.encode("utf-16-le") + b"\n",
        b'{"a": NaN}\n',
        b'{"a": Infinity}\n',
        b'{"a": -Infinity}\n',
        b'{"a": ' + b"1" * 5000 + b"}\n",
        b'{"a": ' + b"[" * 200_000 + b"\n",
        b'{"a": ' * 50_000 + b"1" + b"}" * 50_000 + b"\n",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_line_that_is_no_json_is_refused(path, line):
    assert "at byte 0: expected a line of JSON" in refusal_of(path, line)
    start = traces.line(traces.start())
    assert f"at byte {len(start)}: expected a line of JSON" in refusal_of(path, start + line)


def test_an_empty_file_is_refused_unless_its_run_was_killed_before_a_line(path):
    assert "received no line of it" in refusal_of(path, b"")
    assert parts_of(path, b"", ended=False) == []


# Blocks

FIELDS = ["block", "model", "stride"]
COLUMN_FIELDS = list(KERNEL._fields)


def is_count(value):
    return type(value) is int and 0 <= value < 2**48


def is_json(value):
    try:
        return bool(json.dumps(value, allow_nan=False))
    except ValueError:
        return False


def is_shape(value):
    sizes_fit = isinstance(value, list) and len(value) <= 255
    return sizes_fit and all(size is None or is_count(size) for size in value)


ACCEPTED = {
    "block": lambda value: type(value) is int and value == 0,
    "model": is_count,
    "stride": is_count,
    "kind": lambda value: value in list(traces.KINDS),
    "role": lambda value: isinstance(value, str),
    "layer": lambda value: value is None or isinstance(value, str),
    "position": lambda value: value is None or is_count(value),
    "dtype": lambda value: value in list(DTYPES),
    "shape": is_shape,
    "bits": lambda value: isinstance(value, bool),
}
NASTY = [
    None,
    True,
    False,
    0,
    1,
    -1,
    0.0,
    -0.0,
    1.0,
    1e400,
    0.5,
    2**47,
    2**48,
    2**63,
    2**64,
    10**4000,
    -(10**300),
    "",
    "0",
    "weight",
    "Weight",
    "loss",
    "float32",
    "float8",
    "void",
    "\ud800",
    "\x1b[31m\u202e\n",
    "x" * 10_000,
    [],
    [0],
    [None, 3],
    [3, "3"],
    [-1],
    [True],
    [1.0],
    [[1]],
    [2**48],
    [0] * 255,
    [0] * 256,
    [None] * 300,
    {},
    {"kind": "weight"},
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def with_field(field, value):
    """Return a trace whose block, or its column, has another value in one field."""
    block = traces.block(0, [KERNEL])
    (block if field in FIELDS else block["columns"][0])[field] = value
    # json writes NaN and infinities as it reads them.
    return traces.line(traces.start()) + traces.line(block)


def check_field(path, field, value):
    content = with_field(field, value)
    if not is_json(value):
        assert "expected a line of JSON" in refusal_of(path, content)
    elif ACCEPTED[field](value):
        ((_, block),) = parts_of(path, content)
        read = getattr(block, {"block": "number"}.get(field, field), None)
        column = read if field in FIELDS else getattr(block.columns[0], field)
        assert column == (tuple(value) if isinstance(value, list) else value)
    else:
        message = refusal_of(path, content)
        at = f"$.{field}" if field in FIELDS else f"$.columns[0].{field}"
        assert f"at byte {len(traces.line(traces.start()))}: {at}: expected" in message


@pytest.mark.parametrize("field", [*FIELDS, *COLUMN_FIELDS])
def test_a_field_of_another_type_or_beyond_its_range_is_refused_by_its_path(path, field):
    assert {ACCEPTED[field](value) for value in NASTY} == {True, False}
    for value in NASTY:
        check_field(path, field, value)


@DRAWN
@given(field=st.sampled_from([*FIELDS, *COLUMN_FIELDS]), value=json_values)
def test_any_json_in_place_of_a_field_is_accepted_or_refused_by_its_path(path, field, value):
    check_field(path, field, value)


@DRAWN
@given(value=json_values, place=st.sampled_from(["columns", "column"]))
def test_any_json_in_place_of_columns_is_refused(path, value, place):
    block = traces.block(0, [KERNEL])
    block["columns"] = value if place == "columns" else [block["columns"][0], value]
    assert refusal_of(path, traces.line(traces.start()) + traces.line(block))


@pytest.mark.parametrize("field", [*FIELDS, "columns", *COLUMN_FIELDS])
def test_a_block_without_one_of_its_fields_is_refused(path, field):
    block = traces.block(0, [KERNEL])
    owner = block if field in block else block["columns"][0]
    del owner[field]
    message = refusal_of(path, traces.line(traces.start()) + traces.line(block))
    assert ("the fields of a block" if owner is block else "the fields of a column") in message


@pytest.mark.parametrize("in_column", [False, True])
def test_a_block_with_an_unknown_field_is_refused(path, in_column):
    block = traces.block(0, [KERNEL])
    (block["columns"][0] if in_column else block)["pyhton"] = 1
    message = refusal_of(path, traces.line(traces.start()) + traces.line(block))
    assert ("$.columns[0]: expected the fields" if in_column else "$: expected") in message


def test_a_block_without_columns_is_refused(path):
    assert "$.columns: expected at least one" in refusal_of(path, one_block(columns=[]))


@pytest.mark.parametrize(
    "twin", [KERNEL, KERNEL._replace(shape=(4,)), KERNEL._replace(dtype="float64", bits=True)]
)
def test_a_column_that_comes_twice_is_refused(path, twin):
    message = refusal_of(path, one_block(columns=[KERNEL, SLOT._replace(kind="weight"), twin]))
    assert "$.columns[2]: expected each column once" in message


@pytest.mark.parametrize("field", ["kind", "role", "layer", "position"])
def test_columns_that_differ_in_what_names_them_are_two(path, field):
    other = {"kind": "optimizer", "role": "bias", "layer": None, "position": 9}[field]
    columns = [KERNEL, KERNEL._replace(**{field: other})]
    assert len(parts_of(path, one_block(columns=columns))) == 1


@pytest.mark.parametrize("first", range(5))
@pytest.mark.parametrize("second", range(5))
def test_columns_out_of_execution_order_are_refused(path, first, second):
    kinds = traces.KINDS[first], traces.KINDS[second]
    columns = [KERNEL._replace(kind=kind, position=n) for n, kind in enumerate(kinds)]
    if first <= second:
        assert len(parts_of(path, one_block(columns=columns))) == 1
    else:
        message = refusal_of(path, one_block(columns=columns))
        assert "$.columns: expected the order batch, random, loss, weight, optimizer" in message


@pytest.mark.parametrize("numbers", [(1,), (0, 0), (0, 2), (0, 1, 1), (0, 1, 3)])
def test_blocks_that_are_not_counted_from_0_are_refused(path, numbers):
    lines = [traces.line(traces.block(number, [KERNEL])) for number in numbers]
    message = refusal_of(path, traces.line(traces.start()) + b"".join(lines))
    assert f"$.block: expected {len(numbers) - 1}" in message


# Records


@pytest.mark.parametrize("word", [0x00, 0x51, 0x53, 0x72, 0x7A, 0xFF, ord("["), ord(" ")])
def test_a_record_of_an_unknown_type_is_refused(path, word):
    record = word.to_bytes(8, "little") + bytes(24)
    content = one_block(*rows((0, 1, 1)), record)
    assert f"at byte {len(content) - 32}: expected a row or a probe" in refusal_of(path, content)


@pytest.mark.parametrize("number", [1, 2, 255, 2**32, 2**56 - 1])
@pytest.mark.parametrize("record", ["row", "probe"])
def test_a_record_of_a_block_that_was_not_described_is_refused(path, number, record):
    content = one_block(
        getattr(traces, record)(number, (0, 1, 1), [1] * 8 if record == "row" else b"1")
    )
    for ended in (True, False):
        assert "of a block above" in refusal_of(path, content, ended=ended)


def test_a_record_before_its_block_is_refused(path):
    content = traces.line(traces.start()) + traces.row(0, (0, 1, 1), [1])
    content += traces.line(traces.block(0, [KERNEL]))
    assert "of a block above" in refusal_of(path, content)


ORDERED = [
    [(0, 1, 1), (0, 1, 2)],
    [(0, 1, 1), (0, 1, 2**64 - 1)],
    [(0, 1, 2**63), (0, 1, 2**63 + 1)],
    [(0, 1, 9), (0, 2, 1)],
    [(0, 9, 9), (1, 1, 1)],
    [(2**32 - 1, 1, 1), (2**32 - 1, 2**32 - 1, 1)],
    [(0, 1, 1), (1, 1, 1), (0, 1, 2), (1, 1, 2), (1, 2, 1), (0, 2, 1)],  # two models in turn
    [(2**32 - 1, 1, 1), (0, 1, 2)],
    [*((fit, 1, 1) for fit in range(4096)), (0, 1, 2)],
]
DISORDERED = [
    [(0, 0, 0)],
    [(0, 1, 1), (0, 1, 1)],
    [(0, 1, 2), (0, 1, 1)],
    [(0, 2, 1), (0, 1, 2)],
    [(0, 2, 2), (1, 1, 1), (0, 2, 2)],
    [(0, 2, 2), (1, 1, 1), (0, 1, 3)],
    [(0, 1, 2**64 - 1), (0, 1, 1)],
    [*((fit, 1, 1) for fit in range(4097)), (0, 1, 2)],  # so many are not kept in mind
    [*((0, 1, step) for step in range(1, 90)), (0, 1, 5)],
    [*((0, 1, step) for step in range(1, 40_000)), (0, 1, 5)],
]


@pytest.mark.parametrize("places", ORDERED)
def test_rows_in_the_order_of_steps_are_accepted(path, places):
    assert [part[2:5] for part in parts_of(path, one_block(*rows(*places)))[1:]] == places


@pytest.mark.parametrize("places", DISORDERED, ids=lambda places: f"{places[-2:]}")
def test_rows_out_of_the_order_of_steps_are_refused_at_their_byte(path, places):
    content = one_block(*rows(*places))
    message = refusal_of(path, content)
    assert f"at byte {len(content) - 32:,}: expected records in the order of steps" in message


@pytest.mark.parametrize("places", [places for places in DISORDERED if len(places) == 2])
def test_the_order_of_steps_holds_across_blocks(path, places):
    start = one_block() + traces.line(traces.block(1, [KERNEL], model=1))
    records = [traces.row(number, place, [7]) for number, place in enumerate(places)]
    assert "order of steps" in refusal_of(path, start + b"".join(records))


def test_the_order_of_steps_holds_behind_many_rows(path):
    start = one_block() + traces.line(traces.block(1, [KERNEL], model=1))
    many = b"".join(rows(*((0, 1, step) for step in range(1, 200))))
    assert len(parts_of(path, start + many + traces.row(1, (0, 1, 200), [7]))) == 202
    for step in (2, 198, 199):
        content = start + many + traces.row(1, (0, 1, step), [7])
        assert "order of steps" in refusal_of(path, content)


@pytest.mark.parametrize(
    ("events", "right"),
    [
        ("R1 P1 R2", True),
        ("R1 P1 P1 R2", True),
        ("P1 R2", True),
        ("R1 P2 P4 R5", True),
        ("R2 P1", False),
        ("P1 R1", False),
        ("R1 P4 P2", False),
        ("R1 P4 R3", False),
        ("R1 R2 R3 P3", True),
        ("R1 R2 R3 P2", False),
    ],
)
def test_a_probe_stands_behind_the_row_of_its_step_and_before_the_next(path, events, right):
    records = []
    for event in events.split():
        place = 0, 1, int(event[1])
        row = event[0] == "R"
        records.append(traces.row(0, place, [7]) if row else traces.probe(0, place, bytes(12)))
    content = one_block(*records)
    if right:
        assert len(parts_of(path, content)) == 1 + len(records)
    else:
        at = len(content) - len(records[-1])
        assert f"at byte {at}: expected records in the order" in refusal_of(path, content)


# Damage of every kind, where no digest could see it


def survive(path, content):
    """Read a file of a killed run and of an ended one: all is well or it is refused."""
    for ended in (True, False):
        trace = traces.trace(path, content, ended=ended, covered=len(content) if ended else 0)
        try:
            flat(trace.parts())
        except TraceError:
            refusal(trace)


def test_a_byte_that_changes_anywhere_ends_in_no_other_error(path):
    content, _ = offsets()
    for index in range(len(content)):
        damaged = bytearray(content)
        damaged[index] ^= (0x01, 0x80, 0xFF)[index % 3]
        survive(path, damaged)


@DRAWN
@given(st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=5))
def test_bytes_that_change_in_several_places_end_in_no_other_error(path, changes):
    damaged = bytearray(offsets()[0])
    for index, mask in changes:
        damaged[index % len(damaged)] ^= mask
    survive(path, damaged)


@DRAWN
@given(content=st.binary(max_size=200), head=st.sampled_from([0, 1, 2]))
def test_any_bytes_behind_any_head_end_in_no_other_error(path, content, head):
    survive(path, b"".join(traces.small()[:head]) + content)


@DRAWN
@given(st.data())
def test_a_piece_lost_doubled_or_moved_ends_in_no_other_error(path, data):
    content, _ = offsets()
    cuts = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 3)))
    first, second, third = cuts
    pieces = [content[:first], content[first:second], content[second:third], content[third:]]
    order = data.draw(st.lists(st.sampled_from(pieces), max_size=6))
    survive(path, b"".join(order))


@DRAWN
@given(st.lists(st.sampled_from(traces.small()), max_size=12))
def test_records_in_any_order_end_in_no_other_error(path, records):
    survive(path, traces.small()[0] + b"".join(records))


# More than there is, more than fits


def test_the_shapes_of_a_block_promise_nothing_that_costs_memory(path, quickly):
    shapes = [(2**47,) * 255, (2**47, 0), (None,) * 255, (2**24, 2**24), (1,) * 255]
    columns = [
        KERNEL._replace(position=n, dtype="float64", shape=shape) for n, shape in enumerate(shapes)
    ]
    content = one_block(traces.probe(0, (0, 1, 1), b""), columns=columns)
    assert "ends within a record" in refusal_of(path, content)
    assert len(parts_of(path, content, ended=False)) == 1
    assert peak_of(path, content) < 4_000_000
    # Of each, 256 elements at most: 2,048 bytes.
    samples = bytes(2048 + 0 + 0 + 2048 + 8)
    whole = one_block(traces.probe(0, (0, 1, 1), samples), columns=columns)
    assert parts_of(path, whole)[1:] == [("probe", 0, 0, 1, 1, samples)]


@pytest.mark.parametrize("record", ["row", "probe"])
def test_a_record_of_many_columns_that_is_not_there_is_refused(path, quickly, record):
    columns = [KERNEL._replace(position=n, dtype="float64", shape=(2**40,)) for n in range(4000)]
    content = one_block(getattr(traces, record)(0, (0, 1, 1), b""), columns=columns)
    assert "ends within a record" in refusal_of(path, content)
    assert len(parts_of(path, content, ended=False)) == 1
    # The line itself is 400 kB.
    assert peak_of(path, content) < 8_000_000


def test_a_block_line_of_4_mib_is_read_and_a_longer_one_is_refused(path, quickly):
    start = traces.line(traces.start())
    for junk in (0, 2**20 - 3, 2**21 + 5):
        # Wherever it lies among the chunks of the file.
        filler = traces.line(traces.block(0, [KERNEL])).rstrip() + b" " * junk + b"\n"
        text = traces.line(traces.block(1, [KERNEL])).rstrip()
        longest = text.ljust(2**22) + b"\n"
        assert len(parts_of(path, start + filler + longest)) == 2
        message = refusal_of(path, start + filler + b" ".join([longest[:-1], b"\n"]))
        assert "expected a line of at most 4,194,304 bytes" in message


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_a_line_of_50_mb_without_an_end_is_refused_early(path, quickly, ended, first):
    start = b"" if first else traces.line(traces.start())
    content = start + b'{"a":"' + b"a" * 50_000_000
    assert "expected a line of at most 4,194,304 bytes" in refusal_of(path, content, ended=ended)
    assert peak_of(path, content, ended=ended) < 16_000_000


def test_more_than_64_mib_of_lines_are_refused(path, quickly):
    content = traces.line(traces.start())
    blocks = [traces.line(traces.block(n, [KERNEL])).rstrip() for n in range(17)]
    padded = [block.ljust(2**22 - 1) + b"\n" for block in blocks]
    assert len(parts_of(path, content + b"".join(padded[:15]))) == 15
    message = refusal_of(path, content + b"".join(padded))
    assert "expected at most 67,108,864 bytes of lines" in message


def test_thousands_of_blocks_are_read(path, quickly):
    lines = [traces.line(traces.block(number, [KERNEL])) for number in range(5000)]
    assert len(parts_of(path, traces.line(traces.start()) + b"".join(lines))) == 5000


# What lies beside a manifest

FINISHED = "complete"


def manifest(content=b"", *, status=FINISHED, setting="step", outcome=True):
    """Return what a manifest says of a trace."""
    return Manifest(
        run_id="0" * 32,
        status=status,
        recorder="0.1.0",
        trace=None if setting is None else TraceSetting(setting=setting),
        outcomes=Outcomes(
            digests=Digests(trace=sha256(content) if outcome else None),
            trace=TraceOutcome(rows=0, bytes=len(content)) if outcome else None,
        ),
    )


@pytest.fixture
def run(tmp_path):
    """Return a manifest's path with a trace beside it."""
    (tmp_path / "run.trace").write_bytes(b"".join(traces.small()))
    return tmp_path / "run.json"


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_the_trace_beside_a_manifest_is_found_and_is_its_own(run, kind):
    content = b"".join(traces.small())
    found = find_trace(kind(run), manifest(content))
    assert len(flat(found.parts())) == 11
    assert found.digest == sha256(content)
    assert found.name == str(run.with_suffix(".trace"))


@pytest.mark.parametrize("status", ["complete", "failed"])
def test_a_trace_that_goes_on_behind_the_end_of_its_run_is_refused(run, status):
    short = manifest(b"".join(traces.small()[:5]), status=status)
    assert "cut off, or belongs to another run" in refusal(find_trace(run, short))


def test_the_trace_of_a_killed_run_may_go_on_behind_its_manifest(run):
    killed = manifest(b"".join(traces.small()[:5]), status="running")
    assert len(flat(find_trace(run, killed).parts())) == 11


def test_a_trace_beside_the_manifest_of_another_run_is_refused(run):
    content = b"".join(traces.small())
    other = manifest(content[:-1] + b"\1")
    assert "belongs to another run" in refusal(find_trace(run, other))


@pytest.mark.parametrize("status", ["complete", "running"])
def test_a_manifest_that_tells_nothing_of_the_extent_covers_no_byte(run, status):
    found = find_trace(run, manifest(status=status, outcome=False))
    assert found.digest is None
    if status == "running":
        assert len(flat(found.parts())) == 11
    else:
        assert "expected 0 bytes" in refusal(found)


def test_no_trace_was_asked_for_so_none_is_looked_for(run):
    assert find_trace(run, manifest(setting=None)) is None


def test_nothing_lies_beside_standard_input(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    run.with_suffix(".trace").rename("-.trace")
    assert find_trace("-", manifest(b"".join(traces.small()))) is None


def test_a_trace_that_is_not_there_is_none(run):
    run.with_suffix(".trace").unlink()
    assert find_trace(run, manifest()) is None
    run.with_suffix(".trace").symlink_to("nowhere")
    assert find_trace(run, manifest()) is None
    assert find_trace(run.parent / "no" / "run.json", manifest()) is None


def put(kind, place):
    """Put something that is no regular file in a place."""
    place.unlink(missing_ok=True)
    {
        "folder": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
        "device": lambda: place.symlink_to("/dev/zero"),
        "terminal": lambda: place.symlink_to("/dev/null"),
    }[kind]()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "terminal"])
def test_what_is_no_regular_file_is_refused_at_once(run, quickly, kind):
    place = run.with_suffix(".trace")
    # Found as a file and then replaced, or not found as one.
    found = find_trace(run, manifest(b"".join(traces.small())))
    put(kind, place)
    assert "received something that is no regular file" in refusal(found)
    with pytest.raises(TraceError, match="no regular file"):
        find_trace(run, manifest())


def test_a_file_that_is_gone_or_may_not_be_opened_is_refused(run, monkeypatch):
    found = find_trace(run, manifest(b"".join(traces.small())))
    run.with_suffix(".trace").unlink()
    assert "cannot be opened: No such file" in refusal(found)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", denied)
        assert "cannot be opened: Permission denied" in refusal(found)


def test_a_file_that_fails_while_it_is_read_is_refused():
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("no /proc")
    trace = Trace(memory, size=0, digest=None, ended=False)
    assert "cannot be read: Input/output error" in refusal(trace)


def test_of_what_a_killed_run_left_only_what_the_digest_covers_is_verified(tmp_path):
    path = tmp_path / "run.trace"
    path.write_bytes(b"covered")
    with path.open("r+b") as file:
        file.truncate(10 * 2**30)  # sparse: reading all of it would take minutes
    digest = "sha256:" + hashlib.sha256(b"covered").hexdigest()
    Trace(path, size=7, digest=digest, ended=False).verify()
    with pytest.raises(TraceError, match="as the manifest says"):
        Trace(path, size=8, digest=digest, ended=False).verify()


@pytest.mark.parametrize("name", ["\x1b]8;;http:x\x07\u202e", "a\nb", "\udcff", "é"])
def test_a_message_shows_no_control_character_of_a_path(tmp_path, name):
    path = tmp_path / f"{name}.trace"
    path.write_bytes(b"")
    message = refusal(find_trace(path.with_suffix(".json"), manifest()))
    assert str(tmp_path) in message


@DRAWN
@given(
    st.text(alphabet=[*string.ascii_letters, "\x1b", "\n", "\u202e", "\ud800", '"'], max_size=99)
)
def test_a_message_shows_no_control_character_of_a_file(path, text):
    value = traces.start(schema=text)
    assert "received '" in refusal_of(path, traces.line(value))
    block = {**traces.block(0, [KERNEL]), "model": text, text or "a": random.Random(0).random()}
    assert refusal_of(path, traces.line(traces.start()) + traces.line(block))
