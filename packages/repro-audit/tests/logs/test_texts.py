import json
import math

import pytest

from repro_audit.errors import ManifestError
from repro_audit.logs import read_log

LOSS = (0.69, 0.55, 0.41)


def read(text, name="log"):
    return read_log(text.encode() if isinstance(text, str) else text, name)


def history(text, name="log"):
    (fit,) = read(text, name).fits
    return fit.history


def refusal(text, name="log"):
    with pytest.raises(ManifestError) as caught:
        read(text, name)
    return str(caught.value)


def said(text, name="log"):
    return [reason for _, reason in read(text, name).notes]


# Tables


@pytest.mark.parametrize("delimiter", list(",;\t|: .ex#"))
def test_a_csv_logger_of_any_delimiter_is_read(delimiter, tmp_path):
    import csv

    with (tmp_path / "training.log").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([["epoch", "loss", "val_loss"], [0, 0.69, "NA"], [1, 5.5e-7, 0.5]])
    content = (tmp_path / "training.log").read_bytes()
    assert history(content) == {"loss": (0.69, 5.5e-7), "val_loss": (None, 0.5)}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_without_epochs_is_read(delimiter):
    text = "\n".join(
        delimiter.join(row) for row in (["loss", "acc"], ["0.5", "nan"], ["1", "-Inf"])
    )
    read_back = history(text)
    assert read_back["loss"] == (0.5, 1.0)
    assert math.isnan(read_back["acc"][0])
    assert read_back["acc"][1] == -math.inf


def test_names_in_quotes_and_other_line_ends_are_read():
    assert history('"loss","accuracy"\r\n0.5,1\r\n') == {"loss": (0.5,), "accuracy": (1.0,)}


def test_epochs_that_begin_anew_are_another_fit_and_that_is_said():
    text = "epoch,loss\n0,3\n1,2\n0,2\n1,1\nepoch,loss\n0,7\n"
    assert [fit.history["loss"] for fit in read(text).fits] == [(3.0, 2.0), (2.0, 1.0), (7.0,)]
    assert said(text) == ["it holds 3 fits, one after another, by its own counting"]


@pytest.mark.parametrize(("epochs", "first"), [("01", 1), ("12", 1), ("34", 4)])
def test_a_log_that_begins_later_says_with_which_epoch(epochs, first):
    text = "epoch,loss\n" + "".join(f"{epoch},0.5\n" for epoch in epochs)
    assert read(text).fits[0].first_epoch == first


def test_a_column_without_a_number_is_left_out_and_one_of_nothing_is_no_curve():
    text = "epoch,loss,time,val_loss\n0,0.5,00:01,NA\n1,0.4,00:02,NA\n"
    assert history(text) == {"loss": (0.5, 0.4)}
    assert said(text) == ["1 name left out: 'time'"]


def test_a_cell_that_is_no_number_in_a_curve_is_refused():
    assert "the curve 'loss': expected a number, received 'x'." in refusal("epoch,loss\n0,1\n1,x\n")


def test_a_last_row_in_part_is_left_out_and_one_in_the_middle_refused():
    assert said("epoch,loss,acc\n0,0.5,1\n1,0.4") == [
        "it breaks off within its last row, which is left out"
    ]
    assert "row 3: expected 3 values, received 2" in refusal(
        "epoch,loss,acc\n0,0.5,1\n1,2\n2,3,4\n"
    )


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "loss\n", "loss,loss\n1,2\n", "a,b\nc,d\n", "word"])
def test_what_is_no_table_of_names_and_values_is_refused(text):
    assert "Expected a manifest, or a log:" in refusal(text)


def test_a_zero_byte_and_other_bytes_are_refused():
    assert "holds a zero byte" in refusal("loss,acc\n1,\0\n")
    assert "expected UTF-8, received other bytes" in refusal(b"loss,acc\n1,\xff\n")


# JSON Lines


def test_a_row_a_line_is_read_and_a_last_line_in_part_left_out():
    text = '{"epoch": 0, "loss": 0.5, "note": "x"}\n\n{"epoch": 1, "loss": NaN}\n{"epoch": 2, "lo'
    assert history(text)["loss"][0] == 0.5
    assert said(text) == [
        "it breaks off within its last line, which is left out",
        "1 name left out: 'note'",
    ]


def test_a_line_in_the_middle_that_is_no_object_is_refused():
    assert "line 2: expected an object" in refusal('{"loss": 1}\n[1]\n{"loss": 1}\n{')
    assert "line 2: is not JSON" in refusal('{"loss": 1}\n{"loss": }\n{"loss": 1}\n')


def test_rows_of_training_and_of_validation_are_one_fit():
    text = '{"epoch": 0, "loss": 1}\n{"epoch": 0, "val_loss": 2}\n{"epoch": 1, "loss": 0.5}\n'
    assert history(text) == {"loss": (1.0, 0.5), "val_loss": (2.0,)}


def test_a_row_that_begins_anew_belongs_to_the_next_fit_with_all_its_values():
    text = '{"epoch": 0, "loss": 1}\n{"epoch": 0, "accuracy": 0.5, "loss": 2}\n'
    assert [fit.history for fit in read(text).fits] == [
        {"loss": (1.0,)},
        {"accuracy": (0.5,), "loss": (2.0,)},
    ]


# JSON


@pytest.mark.parametrize(
    "value",
    [
        {"loss": LOSS},
        {"loss": [*map(str, LOSS)]},
        {"epoch": [0, 1, 2], "loss": LOSS},
        {"loss": {"0": 0.69, "1": 0.55, "2": 0.41}},
        [{"epoch": at, "loss": value} for at, value in enumerate(LOSS)],
        {"history": {"loss": LOSS}, "params": {"epochs": 3}, "epoch": [0, 1, 2]},
        {"log_history": [{"step": 10 * at, "loss": value} for at, value in enumerate(LOSS)]},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_the_shapes_people_save_are_one_history(value, encoding):
    content = json.dumps(value).encode(encoding)
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    assert history(content, "h.json") == {"loss": LOSS}


def test_pandas_keeps_the_order_of_epochs_however_it_sorts_their_names():
    text = json.dumps({"loss": {str(at): at for at in sorted(range(12), key=str)}})
    assert history(text)["loss"] == tuple(map(float, range(12)))


def test_several_histories_are_several_fits_and_the_one_to_name_is_said():
    for value in ([{"loss": [1]}, {"loss": [2]}], {"a": {"loss": [1]}, "b": {"loss": [2]}}):
        assert [fit.history["loss"] for fit in read(json.dumps(value)).fits] == [(1.0,), (2.0,)]
        assert "2 histories, each a fit of its own: FILE#0" in said(json.dumps(value))[0]


def test_the_log_of_a_trainer_holds_what_each_row_has():
    text = json.dumps(
        {
            "best_metric": None,
            "epoch": 2.0,
            "log_history": [
                {"epoch": 0.5, "loss": 0.9, "learning_rate": 5e-5, "step": 500},
                {"epoch": 1.0, "eval_loss": 0.7, "step": 1000},
                {"epoch": 1.0, "loss": 0.8, "learning_rate": 0.0, "step": 1000},
                {"epoch": 1.0, "step": 1000, "train_runtime": 9.5},
            ],
        }
    )
    assert read(text).kind == "trainer_state.json"
    assert history(text)["loss"] == (0.9, 0.8)
    assert history(text)["eval_loss"] == (0.7,)
    assert said(text) == [
        "its curves have unequal lengths: loss 2, learning_rate 2, eval_loss 1, train_runtime 1"
    ]


def test_one_number_of_an_evaluation_and_the_settings_of_a_run_are_no_history():
    for value in ({"loss": 0.5}, {"optimizer": {"betas": [0.9, 0.999]}, "lr": 1}, {}, [], [[1]]):
        assert "Expected a manifest, or a log" in refusal(json.dumps(value), "a.json")


def test_json_is_cut_off_only_where_it_breaks_off_at_its_end():
    whole = '{"loss": [0.5, 0.25], "accuracy": [true]}'
    for end in range(1, len(whole)):
        assert "It may have been cut off." in refusal(whole[:end], "h.json"), whole[:end]
    for broken in ("{'loss': [1]}", '{"loss": [1,, 2], "a": 1}', '{"loss" [1]}', '{"a": [1]} x'):
        assert "cut off" not in refusal(broken, "h.json")


def test_other_releases_are_named_only_for_a_schema_of_ours():
    assert "$.schema: expected one of ours" in refusal('{"schema": "x", "loss": 1}')


# Bounds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss\n" + "1\n" * 1_000_001, "more than 1,000,000 values"),
        ("epoch,loss\n" + "0,1\n" * 1_001, "begins anew more than 1,000 times"),
        (",".join(f"c{at}" for at in range(10_001)) + "\n1", "more than 10,000 columns"),
        ("loss,acc\n" + "1" * 2**20 + "\n", "a line of more than 1,048,576 characters"),
        ("[" + "[]," * 300_000 + "[]]", "more than 500,000 values"),
        (json.dumps([{f"c{at}": 1} for at in range(10_001)]), "more than 10,000 names"),
        ("[" + '{"a":[1]},' * 1_000 + '{"a":[1]}]', "more than 1,000 histories"),
        ('{"loss": [' + " " * 2**25 + "]}", "less than 32 MiB"),
    ],
    ids=lambda item: str(item)[-30:],
)
def test_what_no_history_has_is_refused_before_it_takes_memory(text, expected):
    assert expected in refusal(text)
