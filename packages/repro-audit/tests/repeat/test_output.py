"""When what two runs print is an alarm, and when it says nothing."""

import pytest

from repro_audit.repeat.output import compare_output

SAYS_NOTHING = {
    "time of day": ("2026-11-25 12:00:01 epoch 1", "2026-11-25 12:07:44 epoch 1"),
    "clock": ("[12:00:01] loss 0.5", "[12:07:44] loss 0.5"),
    "seconds": ("done in 12.5 s, loss 0.5", "done in 13.1 s, loss 0.5"),
    "milliseconds a step": ("9/9 - 14s - 218ms/step - loss: 1", "9/9 - 9s - 14ms/step - loss: 1"),
    "rate": ("1,024.5 samples/sec", "998.1 samples/sec"),
    "named duration": ("elapsed: 12.51", "elapsed: 13.02"),
    "time stamp": ("saved run_1764072001", "saved run_1764072944"),
    "address": ("<object at 0x7f17add0c900>", "<object at 0x7f55ba110280>"),
    "process": ("worker pid=4411 ready", "worker pid=4502 ready"),
    "temporary folder": ("to /tmp/tmpab12cd34/model.keras", "to /tmp/tmpzz98yy76/model.keras"),
    "memory": ("peak 812.4 MB", "peak 807.9 MB"),
    "progress bar": ("\r 1/9 ━━━━ 1s\r 9/9 ━━━━ 3s", "\r 2/9 ━━━━ 1s\r 9/9 ━━━━ 4s"),
    "backspaces": ("x\b\b9/9 loss 0.5", "yyyy\b\b\b9/9 loss 0.5"),
    "log of TensorFlow": (
        "2026-11-25 12:00:01.000001: I tensorflow/core: one",
        "2026-11-25 12:07:44.000001: I tensorflow/core: another",
    ),
    "order of threads": ("one\ntwo", "two\none"),
    "the run's own folder": ("see out/run-1/model.keras", "see out/run-2/model.keras"),
}  # fmt: skip
ALARMS = {
    "a result": ("loss 0.5\nscore 0.931", "loss 0.5\nscore 0.928", True),
    "a result beside a time": ("12.5 s: score 0.931", "13.1 s: score 0.928", True),
    "an exponent": ("norm 1.5e-07", "norm 1.6e-07", True),
    "a count": ("kept 812 rows", "kept 813 rows", True),
    "a line more": ("begin", "begin\nstopped early", False),
    "another word": ("best: convolution", "best: dense", False),
}


def compared(tmp_path, expected, actual):
    paths = tmp_path / "expected.txt", tmp_path / "actual.txt"
    for path, text in zip(paths, (expected, actual), strict=True):
        path.write_bytes(text.encode())
    return compare_output(*paths, ("out/run-1", "out/run-2"))


@pytest.mark.parametrize("case", SAYS_NOTHING)
def test_what_differs_in_every_run_is_no_alarm(tmp_path, case):
    assert compared(tmp_path, *SAYS_NOTHING[case]) is None


@pytest.mark.parametrize("case", ALARMS)
def test_another_result_or_another_line_is_an_alarm(tmp_path, case):
    expected, actual, in_numbers = ALARMS[case]
    found = compared(tmp_path, expected, actual)
    assert found is not None
    assert found.in_numbers is in_numbers


def test_the_first_line_that_differs_is_quoted_with_its_number(tmp_path):
    found = compared(tmp_path, "begin\nscore 0.931\nend 1", "begin\nscore 0.928\nend 2")
    assert found.text == "line 2: 'score 0.931' → 'score 0.928'"


def test_a_line_that_one_run_alone_prints_stands_against_nothing(tmp_path):
    assert compared(tmp_path, "begin", "begin\nstopped").text == "line 2: nothing → 'stopped'"


def test_a_log_that_is_not_there_says_nothing(tmp_path):
    assert compare_output(tmp_path / "a", tmp_path / "b", ("a", "b")) is None


def test_a_long_line_is_quoted_short_and_no_quote_has_a_line_end(tmp_path):
    text = compared(tmp_path, "x" * 500 + "\x1b[31m1", "y\x07\n").text
    assert len(text) < 300
    assert text.endswith("'y\x07'")
