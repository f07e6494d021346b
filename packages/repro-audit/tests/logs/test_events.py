import math

import pytest
from event_files import DOUBLE, HALF, STRING, event, event_file, field, simple, tensor, varint

from repro_audit.errors import ManifestError
from repro_audit.logs import read_log
from repro_audit.logs.crc32c import masked_crc32c
from repro_audit.logs.numbers import to_float32


def read(*events, name="events.tfevents"):
    return read_log(event_file(events), name)


def history(*events):
    (fit,) = read(*events).fits
    return fit.history


@pytest.mark.parametrize(
    ("data", "checksum"),
    # RFC 3720, appendix B.4.
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_the_checksum_is_crc_32c_masked_as_tensorflow_does(data, checksum):
    rotated = (checksum >> 15 | checksum << 17) & 0xFFFFFFFF
    assert masked_crc32c(data) == (rotated + 0xA282EAD8) % 2**32


def test_values_of_both_generations_of_writers_are_read():
    losses = (0.75, to_float32(0.1), math.inf)
    for write in (simple, tensor):
        assert history(*(event(at, write("loss", x)) for at, x in enumerate(losses)))["loss"] == (
            losses
        )


def test_each_dtype_of_a_scalar_is_named_and_other_tensors_are_left_out():
    log = read(
        event(
            0,
            tensor("single", 0.1),
            tensor("double", 0.1, DOUBLE),
            tensor("half", 0.1, HALF),
            tensor("text", 0.1, STRING),
            tensor("histogram", 0.1, shape=field(2, field(1, 3))),
        )
    )
    (fit,) = log.fits
    assert fit.history == {
        "single": (to_float32(0.1),),
        "double": (0.1,),
        "half": (0.0999755859375,),
    }
    assert fit.dtypes == {"single": "float32", "double": "float64", "half": "float16"}
    assert ("$", "2 names left out: 'histogram', 'text'") in log.notes


def test_a_value_in_a_field_of_its_own_is_read_as_one_in_raw_bits_is():
    single = field(1, 1) + varint(5 << 3 | 5) + b"\0\0\0\x3f"
    packed = field(1, HALF) + field(13, varint(0x3800))
    for content in (single, packed):
        assert history(event(0, field(1, b"loss") + field(8, content)))["loss"] == (0.5,)


def test_curves_of_epochs_are_the_history_where_there_are_any():
    log = read(event(0, simple("batch_loss", 3.0)), event(0, simple("epoch_loss", 2.0)))
    assert log.fits[0].history == {"loss": (2.0,)}
    assert history(event(0, simple("Loss/train", 3.0))) == {"Loss/train": (3.0,)}


def test_a_file_in_the_folder_validation_holds_metrics_of_validation():
    content = event_file([event(0, simple("epoch_loss", 2.0))])
    for folder, expected in (("validation", "val_loss"), ("train", "loss"), ("other", "loss")):
        assert list(read_log(content, f"logs/{folder}/events").fits[0].history) == [expected]


def test_steps_that_begin_anew_are_another_fit():
    events = [event(step, simple("epoch_loss", value)) for step, value in ((0, 3), (1, 2), (0, 1))]
    assert [fit.history["loss"] for fit in read(*events).fits] == [(3.0, 2.0), (1.0,)]


def test_steps_beyond_2_53_and_below_0_are_steps():
    events = [event(step, simple("loss", 1.0), simple("acc", 1.0)) for step in (-5, 2**60, 2**61)]
    assert history(*events) == {"loss": (1.0,) * 3, "acc": (1.0,) * 3}


def test_a_file_that_breaks_off_is_read_up_to_there_and_says_so():
    whole = event_file([event(at, simple("loss", at)) for at in range(3)])
    for left in range(1, 40):
        log = read_log(whole[:-left], "m")
        assert log.fits[0].history["loss"] == (0.0, 1.0)
        assert "breaks off within its last record" in log.notes[0][1]


def test_every_single_damaged_bit_is_refused():
    whole = event_file([event(at, simple("loss", at)) for at in range(3)])
    for at in range(0, 8 * len(whole), 7):
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        with pytest.raises(ManifestError):
            read_log(bytes(content), "m")


def test_the_message_names_the_place_and_both_checksums():
    content = bytearray(event_file([event(0, simple("loss", 0.5))]))
    content[-6] ^= 1
    with pytest.raises(
        ManifestError, match=r"record at offset 43 is damaged: expected the checksum"
    ):
        read_log(bytes(content), "m")


@pytest.mark.parametrize(
    "data", [b"\xff" * 20, field(5, b"\x0a\xff\x01"), b"\x0b", varint(5 << 3 | 2) + varint(2**60)]
)
def test_a_record_that_is_no_event_is_refused_though_its_checksum_holds(data):
    with pytest.raises(ManifestError, match="was damaged: a message"):
        read(data)


def test_a_file_without_a_scalar_is_refused():
    with pytest.raises(ManifestError, match="without a scalar"):
        read()
