"""Where two traces part."""

import struct

import numpy as np
import pytest
from traces import BATCH, KERNEL, LOSS, SLOT, block, line, probe, row, start, trace

from repro_audit.compare.distance import _norm
from repro_audit.compare.traces import compare_traces
from repro_audit.errors import TraceError
from repro_audit.trace import Column

LABELS = Column("batch", "y", None, None, "int64", (None,))
STATE = Column("random", "seed_generator_state", "Dropout", 1, "int64", (2,))
COLUMNS = (BATCH, LABELS, STATE, LOSS, KERNEL, SLOT)
X, Y, RANDOM, RUNNING_LOSS, WEIGHT, MOMENTUM = range(len(COLUMNS))
NAMES = [["dense/kernel", "dropout/state", "adam/momentum"]]
STEPS, EPOCHS = 8, 2


def rows(changes=(), *, epochs=EPOCHS, steps=STEPS):
    """Return a run's rows: by epoch and step, one word a column; `changes` alter some of them."""
    table = {
        (epoch, step): [100 * epoch + 10 * step + column for column in range(len(COLUMNS))]
        for epoch in range(1, epochs + 1)
        for step in range(1, steps + 1)
    }
    for place, column, word in changes:
        table[place][column] = word
    return table


def parts(tmp_path, name, table, columns=COLUMNS, probes=()):
    """Write a trace of one fit and return what stands in it."""
    content = [line(start()), line(block(0, columns))]
    for place, words in table.items():
        content.append(row(0, (0, *place), words))
        content += [probe(0, (0, *place), samples) for at, samples in probes if at == place]
    return trace(tmp_path / name, b"".join(content)).parts()


def compared(tmp_path, expected, actual, **options):
    return compare_traces(
        parts(tmp_path, "expected", expected),
        parts(tmp_path, "actual", actual),
        labels=NAMES,
        **options,
    )


def test_equal_traces_have_no_difference(tmp_path):
    result = compared(tmp_path, rows(), rows())
    assert (result.rows, result.columns) == (STEPS * EPOCHS, len(COLUMNS))
    assert (result.step, result.order, result.partings, result.batches) == (None, (), (), None)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (2, "step 2 of epoch 1{} is in the expected run only"),
        (4, "steps 2 to 4 of epoch 1{} are in the expected run only"),
        (9, "9 steps from step 2 of epoch 1{} to step 2 of epoch 2{} are in the expected run only"),
    ],
)
def test_steps_of_one_run_only_are_named_with_their_fit_where_there_are_several(
    tmp_path, last, said
):
    table = rows()
    places = [place for place in table if place >= (1, 2)][: last - 1 if last < 9 else 9]
    lacking = {place: words for place, words in table.items() if place not in places}
    (item,) = compared(tmp_path, table, lacking).order
    assert item.text == said.format("", "")
    (item,) = compared(tmp_path, table, lacking, several_fits=True).order
    assert item.text == said.format(" of fit 1", " of fit 1")


@pytest.mark.parametrize("column", range(len(COLUMNS)))
@pytest.mark.parametrize("place", [(1, 1), (1, 5), (2, 8)])
def test_one_word_that_differs_is_found(tmp_path, place, column):
    result = compared(tmp_path, rows(), rows([(place, column, 7)]))
    assert (result.step.epoch, result.step.step) == place
    (found,) = result.step.columns
    assert (found.kind, found.role) == (COLUMNS[column].kind, COLUMNS[column].role)
    assert found.kind not in result.step.equal


def test_the_first_step_counts_and_all_its_columns_are_named_in_execution_order(tmp_path):
    changes = [((2, 1), X, 1), ((1, 6), WEIGHT, 1), ((1, 6), RUNNING_LOSS, 1), ((1, 6), RANDOM, 1)]
    result = compared(tmp_path, rows(), rows(changes))
    assert (result.step.epoch, result.step.step) == (1, 6)
    assert [item.kind for item in result.step.columns] == ["random", "loss", "weight"]
    assert result.step.columns[2].label == "dense/kernel"
    assert result.step.equal == ("batch", "optimizer")


def test_every_column_has_its_own_first_step(tmp_path):
    changes = [((1, 6), WEIGHT, 1), ((1, 7), WEIGHT, 1), ((1, 7), MOMENTUM, 1), ((2, 2), X, 1)]
    result = compared(tmp_path, rows(), rows(changes))
    found = [(item.column.role, item.epoch, item.step) for item in result.partings]
    assert found == [("kernel", 1, 6), ("momentum of 0", 1, 7), ("x", 2, 2)]


def test_a_loss_is_shown_with_its_values_and_their_distance(tmp_path):
    values = [
        struct.unpack("<Q", struct.pack("<f4x", value))[0]
        for value in (1.0, np.nextafter(np.float32(1), np.float32(2)))
    ]
    place = (1, 3)
    result = compared(
        tmp_path,
        rows([(place, RUNNING_LOSS, values[0])]),
        rows([(place, RUNNING_LOSS, values[1])]),
    )
    (found,) = result.step.columns
    assert (found.expected, found.ulps) == (1.0, 1)


# Order comes before content.


def without(table, *places):
    return {place: words for place, words in table.items() if place not in places}


@pytest.mark.parametrize("only", ["expected", "actual"])
@pytest.mark.parametrize(
    ("places", "text"),
    [
        ([(1, 5)], "step 5 of epoch 1 is in the {} run only"),
        ([(1, 1)], "step 1 of epoch 1 is in the {} run only"),
        ([(2, 7), (2, 8)], "steps 7 to 8 of epoch 2 are in the {} run only"),
        ([(2, step) for step in range(1, 9)], "steps 1 to 8 of epoch 2 are in the {} run only"),
    ],
)
def test_a_missing_step_is_no_difference_of_every_later_one(tmp_path, only, places, text):
    tables = rows(), without(rows(), *places)
    result = compared(tmp_path, *(tables if only == "expected" else tables[::-1]))
    (missing,) = result.order
    assert (missing.only, missing.what, missing.steps) == (only, "steps", len(places))
    assert missing.text == text.format(only)
    assert result.step is None
    assert result.rows == STEPS * EPOCHS - len(places)


def test_missing_steps_with_others_between_them_are_not_joined(tmp_path):
    result = compared(tmp_path, rows(), without(rows(), (1, 3), (1, 5), (1, 6), (1, 8), (2, 1)))
    assert [(item.step, item.steps) for item in result.order] == [(3, 1), (5, 2), (8, 2)]
    first, second, across = (item.text for item in result.order)
    assert first == "step 3 of epoch 1 is in the expected run only"
    assert second == "steps 5 to 6 of epoch 1 are in the expected run only"
    assert across.startswith("2 steps from step 8 of epoch 1 to step 1 of epoch 2 are")


def test_steps_behind_a_missing_one_are_compared_with_their_own(tmp_path):
    result = compared(tmp_path, rows(), without(rows([((2, 3), WEIGHT, 1)]), (1, 5), (1, 6)))
    assert [item.steps for item in result.order] == [2]
    assert (result.step.epoch, result.step.step) == (2, 3)


def test_a_resumed_run_is_compared_with_the_same_epoch(tmp_path):
    resumed = {place: words for place, words in rows().items() if place[0] == 2}
    result = compared(tmp_path, rows(), resumed)
    assert result.step is None
    assert result.rows == STEPS


@pytest.mark.parametrize("swapped", [False, True])
def test_what_a_resumed_run_begins_with_is_held_against_the_first_step_of_the_whole(
    swapped, tmp_path
):
    first = rows()[1, 1]
    resumed = {place: list(words) for place, words in rows().items() if place[0] == 2}
    resumed[2, 1][X], resumed[2, 1][RANDOM] = first[X], 7
    resumed[2, 2][Y] = first[Y]
    pair = (resumed, rows()) if swapped else (rows(), resumed)
    step = compared(tmp_path, *pair).step
    assert [item.kind for item in step.columns] == ["batch", "random"]
    assert [item.role for item in step.begun_again] == ["x"]


def test_what_differs_in_a_later_step_of_a_resumed_run_did_not_begin_again(tmp_path):
    resumed = {place: list(words) for place, words in rows().items() if place[0] == 2}
    resumed[2, 2][X] = rows()[1, 1][X]
    step = compared(tmp_path, rows(), resumed).step
    assert (step.step, step.begun_again) == (2, ())


def test_nothing_began_again_in_a_run_that_was_not_resumed(tmp_path):
    step = compared(tmp_path, rows(), rows([((1, 1), X, 9), ((2, 1), X, 9)])).step
    assert (step.step, step.begun_again) == (1, ())


def test_metrics_of_one_run_alone_take_no_place_of_what_decides(tmp_path):
    """However many there are, a missing step is noted."""
    metrics = tuple(LOSS._replace(role=f"metric {place}") for place in range(12))
    more = {place: [*words[:4], *range(12), *words[4:]] for place, words in rows().items()}
    columns = (*COLUMNS[:4], *metrics, *COLUMNS[4:])
    sides = (without(rows(), (2, 8)), COLUMNS), (more, columns)
    result = compare_traces(
        *(parts(tmp_path, name, *side) for name, side in zip("ab", sides, strict=True))
    )
    assert len([item for item in result.order if item.is_metric]) == 8
    assert [item.step for item in result.order if not item.is_metric] == [8]


@pytest.mark.parametrize("only", ["expected", "actual"])
def test_a_column_of_one_run_only_is_reported_and_the_others_are_compared(tmp_path, only):
    fewer = COLUMNS[:WEIGHT] + COLUMNS[MOMENTUM:]
    table = {place: words[:WEIGHT] + words[MOMENTUM:] for place, words in rows().items()}
    table[1, 4][0] += 1
    sides = [(rows(), COLUMNS), (table, fewer)]
    sides = sides if only == "expected" else sides[::-1]
    result = compare_traces(
        parts(tmp_path, "a", *sides[0]), parts(tmp_path, "b", *sides[1]), labels=NAMES
    )
    (column,) = result.order
    assert (column.only, column.what) == (only, "column")
    assert "kernel" in column.text
    assert (result.step.epoch, result.step.step) == (1, 4)
    assert [item.role for item in result.step.columns] == ["x"]


def test_columns_are_the_same_wherever_they_stand(tmp_path):
    """A block with another order of the slots still pairs each with its own."""
    other = Column("optimizer", "velocity of 0", "Adam", 2, "float32", (3,))
    columns = [*COLUMNS[:WEIGHT], KERNEL, SLOT, other]
    swapped = [*COLUMNS[:WEIGHT], KERNEL, other, SLOT]
    table = {place: [*words, 5] for place, words in rows().items()}
    turned = {place: [*words[:-2], words[-1], words[-2]] for place, words in table.items()}
    result = compare_traces(
        parts(tmp_path, "a", table, columns), parts(tmp_path, "b", turned, swapped)
    )
    assert (result.step, result.order) == (None, ())


def test_an_ignored_metric_is_not_compared(tmp_path):
    changed = rows([((1, 1), RUNNING_LOSS, 1)])
    assert compared(tmp_path, rows(), changed).step is not None
    assert compared(tmp_path, rows(), changed, ignored=["loss"]).step is None


# Batches.


def test_batches_in_another_order_are_told_from_other_batches(tmp_path):
    table = rows()
    swapped = {place: list(words) for place, words in table.items()}
    for column in (X, Y):
        swapped[1, 2][column], swapped[1, 6][column] = table[1, 6][column], table[1, 2][column]
    assert compared(tmp_path, table, swapped).batches.order == "reordered"
    swapped[1, 7][X] += 1
    assert compared(tmp_path, table, swapped).batches.order == "other"


def test_it_is_counted_how_many_batches_differ_and_in_which_of_their_parts(tmp_path):
    fed = compared(tmp_path, rows(), rows([((1, 3), Y, 1), ((1, 6), Y, 1)])).batches
    assert (fed.fit, fed.epoch, fed.first) == (0, 1, 3)
    assert (fed.differing, fed.compared, fed.order) == (2, STEPS, "other")
    assert {item.role: item.differing for item in fed.columns} == {"x": 0, "y": 2}


def test_batches_that_differ_only_behind_the_first_difference_are_told_too(tmp_path):
    result = compared(tmp_path, rows(), rows([((1, 2), WEIGHT, 1), ((2, 5), X, 1)]))
    assert (result.step.epoch, result.step.step) == (1, 2)
    assert (result.batches.epoch, result.batches.first, result.batches.differing) == (2, 5, 1)


def test_another_size_or_type_of_batches_is_told(tmp_path):
    other = [item._replace(shape=(4, 2)) if item.role == "x" else item for item in COLUMNS]
    sides = [(rows(), COLUMNS), (rows([((1, 1), X, 1)]), tuple(other))]
    fed = compare_traces(
        *(parts(tmp_path, *each) for each in zip("ab", *zip(*sides, strict=True), strict=True))
    ).batches
    assert [(item.expected, item.actual) for item in fed.columns if item.role == "x"] == [
        ("float32 (?, 2)", "float32 (4, 2)")
    ]


def test_batches_of_which_not_all_were_seen_are_neither(tmp_path):
    sides = []
    for name, table in (("a", rows()), ("b", rows([((1, 1), X, 7)]))):
        content = [line(start(setting=2)), line(block(0, COLUMNS, stride=2))]
        content += [row(0, (0, *at), words) for at, words in table.items() if at[1] % 2]
        sides.append(trace(tmp_path / name, b"".join(content)).parts())
    result = compare_traces(*sides)
    assert (result.step.stride, result.batches.order) == (2, None)
    assert (result.batches.differing, result.batches.compared) == (1, STEPS // 2)


# Distance.


def samples(*values):
    return struct.pack("<3f", *values)


def test_the_distance_is_measured_where_both_runs_were_probed(tmp_path):
    one = [((1, 1), samples(1, 2, 2)), ((1, 2), samples(1, 2, 3)), ((1, 4), samples(1, 2, 4))]
    step = np.nextafter(np.float32(2), np.float32(3))
    two = [((1, 1), samples(1, 2, 2)), ((1, 2), samples(1, step, 3)), ((1, 8), samples(9, 9, 9))]
    result = compare_traces(
        parts(tmp_path, "a", rows(), probes=one), parts(tmp_path, "b", rows(), probes=two)
    )
    first, second = result.distances
    assert (first.step, first.differing, first.relative) == (1, 0, 0.0)
    assert (second.step, second.differing, second.sampled) == (2, 1, 3)
    assert (second.median_ulps, second.largest_ulps) == (1, 1)
    assert second.relative == pytest.approx(2**-22 / 14**0.5, rel=1e-6)
    assert second.step_size == pytest.approx(1 / 14**0.5)


def test_a_norm_does_not_depend_on_the_order_in_which_a_processor_adds():
    values = np.random.default_rng(7).normal(size=9_973)
    forwards, backwards = _norm(values), _norm(values[::-1])
    assert forwards == backwards
    assert forwards == pytest.approx(float(np.linalg.norm(values)), rel=1e-14)


def test_values_that_are_no_numbers_have_no_distance_but_differ(tmp_path):
    one, two = (
        parts(tmp_path, name, rows(), probes=[((1, 1), samples(1, 2, value))])
        for name, value in (("a", float("nan")), ("b", float("inf")))
    )
    (found,) = compare_traces(one, two).distances
    assert (found.differing, found.relative, found.largest_ulps) == (1, 0.0, None)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_every_floating_dtype_is_counted_in_its_own_ulps(tmp_path, dtype):
    column = KERNEL._replace(dtype=dtype, shape=(1,))
    columns = (*COLUMNS[:WEIGHT], column, SLOT)
    word = {"bfloat16": "<H", "float16": "<H", "float64": "<Q"}[dtype]
    one, two = (
        parts(tmp_path, str(bits), rows(), columns, [((1, 1), struct.pack(word, bits))])
        for bits in (0, 3)
    )
    (found,) = compare_traces(one, two).distances
    assert found.largest_ulps == 3


def doubles(tmp_path, name, value):
    """Return a trace whose one probe holds one float64."""
    column = KERNEL._replace(dtype="float64", shape=(1,))
    columns = (*COLUMNS[:WEIGHT], column, SLOT)
    return parts(tmp_path, name, rows(), columns, [((1, 1), struct.pack("<d", value))])


@pytest.mark.parametrize("value", [1.0, -1.0, 0.0, 1e300])
def test_neighbours_of_float64_are_one_ulp_apart_wherever_they_lie(tmp_path, value):
    """Their patterns are larger than a float64 counts one by one."""
    sides = (
        doubles(tmp_path, "a", value),
        doubles(tmp_path, "b", np.nextafter(value, np.inf)),
    )
    (found,) = compare_traces(*sides).distances
    assert (found.differing, found.median_ulps) == (1, 1)


def test_the_ends_of_float64_are_apart_by_almost_all_patterns(tmp_path):
    most = float(np.finfo(np.float64).max)
    (found,) = compare_traces(doubles(tmp_path, "a", -most), doubles(tmp_path, "b", most)).distances
    assert found.largest_ulps == 2 * 0x7FEFFFFFFFFFFFFF + 1


@pytest.mark.filterwarnings("error")
def test_values_whose_norm_no_float64_holds_have_no_relative_distance(tmp_path):
    (found,) = compare_traces(
        doubles(tmp_path, "a", 1e200), doubles(tmp_path, "b", -1.7e308)
    ).distances
    assert (found.differing, found.relative) == (1, None)


def test_very_many_probes_are_thinned_and_the_memory_stays(tmp_path):
    table = rows(epochs=700, steps=1)
    probed = [(place, samples(1, 2, 3)) for place in table]
    result = compare_traces(
        parts(tmp_path, "a", table, probes=probed), parts(tmp_path, "b", table, probes=probed)
    )
    assert 40 <= len(result.distances) <= 128


def test_a_damaged_trace_is_an_error_and_never_a_difference(tmp_path):
    good = trace(tmp_path / "good", b"".join([line(start()), line(block(0, COLUMNS))]))
    bad = trace(tmp_path / "bad", b"".join([line(start()), line(block(0, COLUMNS))]))
    content = (tmp_path / "bad").read_bytes()
    (tmp_path / "bad").write_bytes(content.replace(b"kernel", b"kernek"))
    with pytest.raises(TraceError, match="expected sha256"):
        compare_traces(good.parts(), bad.parts())
