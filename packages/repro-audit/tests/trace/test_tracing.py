import errno
import functools
import itertools
import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import BATCH, LOSS, flat, sha256

from repro_audit.capture.backend import StateTensor
from repro_audit.errors import CaptureError, OutputError
from repro_audit.recording.session.tracing import Tracer, check_setting, describe, stride_for
from repro_audit.trace import Trace, fingerprint, probe_positions

np = pytest.importorskip("numpy")
pytest.importorskip("xxhash")

DRAWN = settings(deadline=None, max_examples=40)

# A training that needs no framework

MODELS = [
    [
        ("weight", "Dense", "kernel", "float32", (300, 2)),
        ("random", "Dropout", "seed", "uint32", (2,)),
        ("weight", "BatchNormalization", "mean", "float16", (3,)),
        ("weight", "Embedding", "counts", "int64", (4,)),
        ("optimizer", "Adam", "iteration", "int64", ()),
        ("optimizer", "Adam", "momentum of 0", "float32", (300, 2)),
    ],
    [("weight", "Dense", "bias", "float64", (1,))],
]
# Batch, random, loss, weight, optimizer: where each column stands in what a step hands over.
ORDER = [[0, 3, 1, 2, 4, 5, 6, 7], [0, 1, 2]]


def tensor(kind, layer, role, array, label="w"):
    """Return a tensor of a state."""
    return StateTensor(kind=kind, layer=layer, role=role, array=array, label=label)


class Training:
    """Models whose variables take new values in place, as a framework's do."""

    def __init__(self):
        self.seed = 0
        self.batch = np.zeros((4, 2), "float32")
        self.loss = np.zeros((), "float32")
        self.state = [
            [np.zeros(shape, dtype) for *_, dtype, shape in variables] for variables in MODELS
        ]

    def change(self, model, size=4):
        """Give every array of a model other bits."""
        self.seed += 1
        source = np.random.default_rng(self.seed)
        self.batch = np.zeros((size, 2), "float32")
        for array in (self.batch, self.loss, *self.state[model]):
            array.reshape(-1).view("u1")[:] = list(source.bytes(array.nbytes))

    def arrays(self, model):
        """Return what a step hands over."""
        return [self.batch, self.loss, *self.state[model]]

    def tensors(self, model, name="model"):
        """Return what an epoch's end hands over."""
        return [
            tensor(kind, layer, role, array, label=f"{name}/{index}")
            for index, ((kind, layer, role, *_), array) in enumerate(
                zip(MODELS[model], self.state[model], strict=True)
            )
        ]


def train(tracer, fits, training=None, name="model", first_epoch=1):
    """Train; return the digest at each epoch's end and what the trace must hold.

    Args:
        tracer: What is told.
        fits: For each fit the model and the steps of each epoch.
        training: The models.
        name: What the variables are called.
        first_epoch: Where each fit begins.
    """
    training = training or Training()
    digests, states = [], []
    for fit, (model, epochs) in enumerate(fits):
        tracer.fit_begins(fit, model)
        for epoch, steps in enumerate(epochs, first_epoch):
            tracer.epoch_begins(fit, epoch)
            for step in range(1, steps + 1):
                # The last batch is smaller.
                training.change(model, size=3 if step == steps else 4)
                arrays = training.arrays(model)
                states.append((fit, model, epoch, step, [array.copy() for array in arrays]))
                if tracer.should_trace(fit):
                    tensors = training.tensors(model, name)
                    state = functools.partial(describe, tensors)
                    tracer.step(fit, (BATCH, LOSS), state, arrays)
            # A callback may change the weights behind the last step.
            training.change(model)
            arrays = training.arrays(model)
            states.append((fit, model, epoch, None, [array.copy() for array in arrays]))
            digests.append(tracer.epoch_ends(fit, training.tensors(model, name)))
    return digests, states


def words_of(model, arrays):
    """Return the words of a row that the specification asks for."""
    words = [fingerprint(array) for array in arrays]
    (words[1],) = struct.unpack("<I", arrays[1].tobytes())
    return [words[index] for index in ORDER[model]]


def samples_of(model, arrays):
    """Return the bits that the specification samples."""
    content = b""
    for (kind, _, _, dtype, _), array in zip(MODELS[model], arrays[2:], strict=True):
        if kind == "weight" and "float" in dtype:
            flat, count = array.reshape(-1), min(array.size, 256)
            content += b"".join(flat[i * array.size // count].tobytes() for i in range(count))
    return content + bytes(-len(content) % 8)


def expected(states, setting):
    """Return the rows and probes that the specification asks for, in their order."""
    records, numbers, done = [], {}, {}
    step_before = 0
    for fit, model, epoch, step, arrays in states:
        number = numbers.setdefault(model, len(numbers))
        end = step is None
        place = fit, epoch, step_before if end else step
        step_before = place[2]
        stride = 1 if setting == "step" else setting
        if setting == "epoch":
            skipped = sum(index < 2 for index in ORDER[model])
            assert skipped == 2
            words = [fingerprint(arrays[index]) for index in ORDER[model] if index > 1]
            row, probe = end, end
        else:
            words = words_of(model, arrays)
            row = not end and (step - 1) % stride == 0
            done[fit] = done.get(fit, 0) + (not end)
            probe = end or done[fit] in {1, 2, 4, 8, 16, 32}
        if row:
            records.append(("row", number, *place, words))
        if probe:
            records.append(("probe", number, *place, samples_of(model, arrays)))
    return records


def read(path, tracer):
    """Return the blocks and the records of a finished trace."""
    trace = Trace(path, size=tracer.bytes, digest=tracer.digest, ended=True)
    records = flat(trace.parts())
    blocks = [record[1] for record in records if record[0] == "block"]
    return blocks, [record for record in records if record[0] != "block"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tracing") / "run.trace"


SETTINGS = ["step", "epoch", 1, 2, 3, 7]
fits = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.integers(1, 9), min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
)

# Rows and probes


@DRAWN
@given(setting=st.sampled_from(SETTINGS), fits=fits)
def test_rows_and_probes_are_those_the_specification_asks_for(path, setting, fits):
    tracer = Tracer(path, setting)
    _, states = train(tracer, fits)
    tracer.close()
    blocks, records = read(path, tracer)
    assert records == expected(states, setting)
    assert tracer.rows == sum(record[0] == "row" for record in records)
    assert [block.model for block in blocks] == list(dict.fromkeys(model for model, _ in fits))


@pytest.mark.parametrize(
    ("setting", "steps"),
    [
        ("step", [1, 2, 3, 4, 5, 6, 7]),
        (1, [1, 2, 3, 4, 5, 6, 7]),
        (2, [1, 3, 5, 7]),
        (3, [1, 4, 7]),
        (7, [1]),
        (100, [1]),
        ("epoch", [7]),
    ],
)
def test_a_row_comes_at_step_1_and_then_every_so_many_steps_of_each_epoch(path, setting, steps):
    tracer = Tracer(path, setting)
    train(tracer, [(0, [7, 7])])
    tracer.close()
    rows = [record[2:5] for record in read(path, tracer)[1] if record[0] == "row"]
    assert rows == [(0, epoch, step) for epoch in (1, 2) for step in steps]


def test_a_probe_comes_after_1_2_4_8_steps_of_a_fit_and_at_the_end_of_each_epoch(path):
    tracer = Tracer(path, 100)
    train(tracer, [(0, [5, 5]), (0, [3])])
    tracer.close()
    probes = [record[2:5] for record in read(path, tracer)[1] if record[0] == "probe"]
    first = [(0, 1, 1), (0, 1, 2), (0, 1, 4), (0, 1, 5), (0, 2, 3), (0, 2, 5)]
    assert probes == [*first, (1, 1, 1), (1, 1, 2), (1, 1, 3)]


def test_only_steps_with_a_row_or_a_probe_are_asked_for(path):
    tracer = Tracer(path, 5)
    training = Training()
    tracer.fit_begins(0, 1)
    tracer.epoch_begins(0, 1)
    asked, tensors = [], training.tensors(1)
    for step in range(1, 18):
        if tracer.should_trace(0):
            asked.append(step)
            tracer.step(0, (BATCH, LOSS), lambda: describe(tensors), training.arrays(1))
    tracer.close()
    assert asked == [1, 2, 4, 6, 8, 11, 16]


def test_of_epochs_no_step_is_asked_for(path):
    tracer = Tracer(path, "epoch")
    tracer.fit_begins(0, 0)
    tracer.epoch_begins(0, 1)
    assert not any(tracer.should_trace(0) for _ in range(40))
    tracer.close()


def test_a_fit_that_is_resumed_goes_on_counting_epochs(path):
    tracer = Tracer(path, "step")
    train(tracer, [(0, [1, 1])], first_epoch=3)
    tracer.close()
    assert [record[3] for record in read(path, tracer)[1]] == [3, 3, 3, 4, 4, 4]


def test_the_positions_of_a_probe_are_spread_over_the_tensor():
    for size in (0, 1, 2, 255, 256, 257, 511, 512, 1000, 10**9):
        positions = probe_positions(size)
        assert len(positions) == min(size, 256)
        assert positions == sorted(set(positions))
        assert positions == [] or (positions[0] == 0 and positions[-1] < size)
        gaps = {after - before for before, after in itertools.pairwise(positions)}
        assert len(gaps) <= 2
    assert probe_positions(600)[:4] == [0, 2, 4, 7]


# Blocks


def test_a_block_says_in_execution_order_what_the_columns_are(path):
    tracer = Tracer(path, "step")
    train(tracer, [(0, [1])])
    tracer.close()
    ((block,), _) = read(path, tracer)
    assert (block.number, block.model, block.stride) == (0, 0, 1)
    assert [(*column[:4], column.bits) for column in block.columns] == [
        ("batch", "x", None, None, False),
        ("random", "seed", "Dropout", 1, False),
        ("loss", "loss", None, None, True),
        ("weight", "kernel", "Dense", 0, False),
        ("weight", "mean", "BatchNormalization", 2, False),
        ("weight", "counts", "Embedding", 3, False),
        ("optimizer", "iteration", "Adam", 4, False),
        ("optimizer", "momentum of 0", "Adam", 5, False),
    ]
    shapes = [(None, 2), (2,), (), (300, 2), (3,), (4,), (), (300, 2)]
    assert [column.shape for column in block.columns] == shapes
    dtypes = "float32 uint32 float32 float32 float16 int64 int64 float32"
    assert " ".join(column.dtype for column in block.columns) == dtypes


def test_a_smaller_last_batch_and_another_fit_need_no_other_block(path):
    tracer = Tracer(path, "step")
    train(tracer, [(0, [3, 3]), (0, [2])])
    tracer.close()
    assert len(read(path, tracer)[0]) == 1


def test_variables_that_are_built_late_begin_another_block(path):
    tracer, training = Tracer(path, "step"), Training()
    tensors, arrays = training.tensors(0), training.arrays(0)
    tracer.fit_begins(0, 0)
    tracer.epoch_begins(0, 1)
    for known in (4, 4, 6, 6):
        assert tracer.should_trace(0)
        tracer.step(0, (BATCH, LOSS), lambda n=known: describe(tensors[:n]), arrays[: known + 2])
    assert tracer.epoch_ends(0, tensors) == tracer.digest
    tracer.close()
    blocks, records = read(path, tracer)
    assert [len(block.columns) for block in blocks] == [6, 8]
    assert [record[1] for record in records if record[0] == "row"] == [0, 0, 1, 1]


def test_batches_of_other_columns_alternate_between_their_blocks(path):
    kinds = [(BATCH, LOSS), (BATCH._replace(shape=(None, 3)), LOSS)]
    tracer, training = Tracer(path, "step"), Training()
    tracer.fit_begins(0, 1)
    tracer.epoch_begins(0, 1)
    for columns in (kinds[0], kinds[1], kinds[0], kinds[0], kinds[1]):
        training.change(1)
        assert tracer.should_trace(0)
        tracer.step(0, columns, lambda: describe(training.tensors(1)), training.arrays(1))
    tracer.close()
    blocks, records = read(path, tracer)
    assert [block.columns[0].shape for block in blocks] == [(None, 2), (None, 3)]
    assert [record[1] for record in records if record[0] == "row"] == [0, 1, 0, 0, 1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_running_loss_stands_in_its_word_bit_for_bit(path, dtype):
    loss = np.array([-0.1], dtype).reshape(())
    tracer = Tracer(path, "step")
    tracer.fit_begins(0, 1)
    tracer.epoch_begins(0, 1)
    assert tracer.should_trace(0)
    tracer.step(0, (LOSS._replace(dtype=dtype),), list, [loss])
    tracer.close()
    ((_, *_, words),) = [record for record in read(path, tracer)[1] if record[0] == "row"]
    assert words == [int.from_bytes(loss.tobytes(), "little")]


def test_a_loss_whose_shape_varies_is_taken_in_the_shape_it_has(path):
    losses = [np.ones(size, "float32") for size in (4, 4, 3)]
    columns = (LOSS._replace(shape=(None,), bits=False),)
    tracer = Tracer(path, "step")
    tracer.fit_begins(0, 1)
    tracer.epoch_begins(0, 1)
    for loss in losses:
        assert tracer.should_trace(0)
        tracer.step(0, columns, list, [loss])
    tracer.close()
    words = [record[-1] for record in read(path, tracer)[1] if record[0] == "row"]
    assert words == [[fingerprint(loss)] for loss in losses]


# Strides


def test_the_stride_is_1_up_to_16_mb_of_state_and_then_the_next_power_of_2():
    sizes = [0, 16_000_000, 16_000_001, 32_000_000, 32_000_001, 64_000_001, 10**12]
    assert [stride_for(size) for size in sizes] == [1, 1, 2, 2, 4, 8, 65536]


@DRAWN
@given(st.integers(0, 2**60))
def test_a_stride_is_the_least_power_of_2_that_is_enough(size):
    stride = stride_for(size)
    assert stride & (stride - 1) == 0
    assert stride * 16_000_000 >= size
    assert stride == 1 or stride // 2 * 16_000_000 < size


def test_a_large_state_is_traced_every_so_many_steps_and_its_stride_is_reported(path):
    large = tensor("weight", "Dense", "kernel", np.zeros(9_000_000, "float32"))
    small = tensor("weight", "Dense", "kernel", np.zeros(9, "float32"))
    tracer = Tracer(path, "step")
    assert tracer.strides == []
    rows = []
    for fit, (model, item) in enumerate([(0, large), (2, small), (0, large)]):
        tracer.fit_begins(fit, model)
        tracer.epoch_begins(fit, 1)
        if fit == 0:
            assert tracer.strides == [None]
        for step in range(1, 7):
            if tracer.should_trace(fit):
                before = tracer.rows
                tracer.step(fit, (), lambda item=item: describe([item]), [item.array])
                rows += [(fit, step)] * (tracer.rows - before)
    tracer.close()
    assert tracer.strides == [4, None, 1]
    assert rows == [(0, 1), (0, 5), *((1, step) for step in range(1, 7)), (2, 1), (2, 5)]
    assert [(block.model, block.stride) for block in read(path, tracer)[0]] == [(0, 4), (2, 1)]


def test_a_large_batch_does_not_make_the_stride_longer(path):
    batch, item = np.zeros((5_000_000, 2), "float32"), tensor("weight", "Dense", "b", np.zeros(1))
    tracer = Tracer(path, "step")
    tracer.fit_begins(0, 0)
    tracer.epoch_begins(0, 1)
    assert tracer.should_trace(0)
    tracer.step(0, (BATCH,), lambda: describe([item]), [batch, item.array])
    tracer.close()
    assert tracer.strides == [1]


@pytest.mark.parametrize(("setting", "stride"), [("step", 1), ("epoch", 0), (1, 1), (6, 6)])
def test_the_stride_of_a_setting_stands_in_the_block_and_is_reported(path, setting, stride):
    tracer = Tracer(path, setting)
    train(tracer, [(0, [2])])
    tracer.close()
    assert tracer.setting == setting
    assert tracer.strides == [stride]
    assert [block.stride for block in read(path, tracer)[0]] == [stride]


@pytest.mark.parametrize("setting", ["step", "epoch", None, 1, 7, 10**9])
def test_a_trace_setting_is_one(setting):
    assert check_setting(setting) == setting


@pytest.mark.parametrize("setting", ["steps", "", "1", 0, -1, 1.0, True, False, b"step", (1,)])
def test_what_is_no_trace_setting_is_refused(setting):
    with pytest.raises(CaptureError, match="trace: expected 'step', 'epoch', None or a number"):
        check_setting(setting)


@pytest.mark.parametrize("setting", [[], {}])
def test_what_cannot_be_hashed_is_no_trace_setting(setting):
    with pytest.raises(CaptureError, match="trace: expected 'step'"):
        check_setting(setting)


# Identical runs


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_calls_leave_the_same_bytes_whatever_variables_are_called(tmp_path, setting):
    files = []
    for name in ("model", "model_1"):
        file = tmp_path / f"{name}.trace"
        tracer = Tracer(file, setting)
        digests, _ = train(tracer, [(0, [3, 2]), (1, [2]), (0, [1])], name=name)
        tracer.close()
        files.append((file.read_bytes(), digests, tracer.digest, tracer.rows, tracer.bytes))
    assert files[0] == files[1]


@pytest.mark.parametrize("index", range(8))
def test_one_bit_of_one_array_changes_one_word_of_one_row(tmp_path, index):
    found = []
    for flip in (0, 1):
        tracer, training = Tracer(tmp_path / f"{flip}.trace", 1), Training()
        tracer.fit_begins(0, 0)
        tracer.epoch_begins(0, 1)
        for step in (1, 2, 3):
            training.change(0)
            arrays = [array.copy() for array in training.arrays(0)]
            if step == 2:
                arrays[index].reshape(-1).view("u1")[0] ^= flip
            assert tracer.should_trace(0)
            tracer.step(0, (BATCH, LOSS), lambda: describe(Training().tensors(0)), arrays)
        tracer.close()
        records = read(tmp_path / f"{flip}.trace", tracer)[1]
        found.append([record[-1] for record in records if record[0] == "row"])
    places = [
        (row, column)
        for row, (one, other) in enumerate(zip(*found, strict=True))
        for column, words in enumerate(zip(one, other, strict=True))
        if words[0] != words[1]
    ]
    assert places == [(1, ORDER[0].index(index))]


# Ends of epochs


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_digest_at_the_end_of_an_epoch_is_of_what_the_disk_then_has(path, setting, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(sha256(path.read_bytes())))
    tracer = Tracer(path, setting)
    digests, _ = train(tracer, [(0, [2, 3]), (1, [1])])
    tracer.close()
    assert digests == synced
    assert len(set(digests)) == 3
    assert digests[-1] == tracer.digest == sha256(path.read_bytes())
    assert tracer.bytes == path.stat().st_size


def test_an_epoch_without_a_step_that_was_seen_has_no_digest_and_leaves_no_record(path):
    tracer, training = Tracer(path, "step"), Training()
    tracer.fit_begins(0, 0)
    tracer.epoch_begins(0, 1)
    assert tracer.epoch_ends(0, training.tensors(0)) is None
    digests, _ = train(tracer, [(0, [1])], training)
    assert None not in digests
    size = tracer.bytes
    # What was seen of a fit says nothing of the next.
    tracer.fit_begins(1, 0)
    tracer.epoch_begins(1, 1)
    assert tracer.epoch_ends(1, training.tensors(0)) is None
    tracer.close()
    assert path.stat().st_size == size


# What goes wrong


def test_a_trace_that_cannot_be_created_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        Tracer(tmp_path / "missing" / "run.trace", "step")


def full(descriptor, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("setting", ["step", "epoch", 2])
@pytest.mark.parametrize("good", [0, 1, 5])
@pytest.mark.parametrize("taken", [0, 9])
def test_a_full_disk_is_an_oserror_and_the_trace_can_be_taken_away(
    tmp_path, monkeypatch, setting, good, taken
):
    path, write, written = tmp_path / "run.trace", os.write, []
    tracer = Tracer(path, setting)

    def filling(descriptor, content):
        # So many records find room, and of the next one a part.
        if len(written) == good and taken:
            write(descriptor, bytes(content[:taken]))
        if len(written) >= good:
            full(descriptor, content)
        written.append(write(descriptor, content))
        return written[-1]

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        with pytest.raises(OSError, match="No space left on device"):
            train(tracer, [(0, [2, 2, 2])])
    assert len(written) == good
    assert path.exists()
    tracer.discard()
    assert not path.exists()


def test_a_disk_that_does_not_take_what_was_written_is_an_oserror(path, monkeypatch):
    def fails(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    tracer = Tracer(path, "step")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="Input/output error"):
            train(tracer, [(0, [1])])
    tracer.close()


def test_an_array_that_a_trace_cannot_hold_is_a_typeerror(path):
    tracer = Tracer(path, "step")
    tracer.fit_begins(0, 1)
    tracer.epoch_begins(0, 1)
    assert tracer.should_trace(0)
    with pytest.raises(TypeError, match=r"Expected a dtype that a trace can hold.*datetime64"):
        tracer.step(0, (), lambda: [("weight", "Dense", "bias")], [np.zeros(1, "M8[s]")])
    tracer.discard()


@pytest.mark.parametrize("closed", [False, True])
def test_a_trace_that_is_discarded_leaves_no_file_behind_and_none_open(tmp_path, closed):
    before = set(os.listdir("/dev/fd"))  # noqa: PTH208 - names are what is compared
    path = tmp_path / "run.trace"
    tracer = Tracer(path, "step")
    train(tracer, [(0, [2])])
    assert path.exists()
    if closed:
        tracer.close()
    tracer.discard()
    assert not path.exists()
    assert set(os.listdir("/dev/fd")) == before  # noqa: PTH208
    tracer.discard()


def test_a_trace_that_is_closed_stays(tmp_path):
    tracer = Tracer(tmp_path / "run.trace", "step")
    train(tracer, [(0, [2])])
    tracer.close()
    tracer.close()
    assert sha256((tmp_path / "run.trace").read_bytes()) == tracer.digest
