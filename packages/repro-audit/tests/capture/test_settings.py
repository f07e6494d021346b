"""Settings are plain values, and name no person, no place and no secret."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from clocks import reading

from repro_audit.canonical import dumps
from repro_audit.capture.settings import callback_settings, settings_of

np = pytest.importorskip("numpy")


class Stop:
    """A callback of the project's own."""

    def __init__(self, **held: Any) -> None:
        vars(self).update(held)

    def on_epoch_end(self, epoch: int) -> bool:
        return epoch > 3


def settings(**held: Any) -> dict[str, Any]:
    return settings_of(Stop(**held), ["out/best.keras"])


def test_plain_values_are_kept_in_the_order_of_their_names() -> None:
    found = settings(patience=3, mode="min", baseline=None, on=True, rates=[0.1, 0.2])
    assert list(found.items()) == [
        ("baseline", None),
        ("mode", "min"),
        ("on", True),
        ("patience", 3),
        ("rates", [0.1, 0.2]),
    ]


def test_numbers_that_json_lacks_and_numbers_of_numpy_are_written_as_everywhere() -> None:
    found = settings(best=float("inf"), rate=np.float32(0.5), classes={0: 1.0})
    assert found == {"best": "Infinity", "classes": {"0": 1.0}, "rate": 0.5}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param([object()], id="a list of objects"),
        pytest.param(np.zeros(3), id="an array"),
        pytest.param(list(range(101)), id="a long list"),
        pytest.param([0.0123456789012], id="times that were measured"),
        pytest.param(reading(time.time), id="a clock"),
    ],
)
def test_what_is_no_plain_value_is_left_out(value: Any) -> None:
    assert settings(held=value, patience=3) == {"patience": 3}


def test_private_attributes_are_left_out() -> None:
    assert settings(_wait=1, patience=3) == {"patience": 3}


def test_a_function_is_its_name_and_its_digest() -> None:
    def halve(epoch: int, rate: float) -> float:
        return rate / 2

    found = settings(schedule=halve)["schedule"]
    assert found["name"].endswith("halve")
    assert found["digest"].startswith("sha256:")
    other = settings(schedule=lambda _, rate: rate / 3)["schedule"]
    assert found["digest"] != other["digest"]


def test_no_folder_no_output_and_no_secret_is_in_a_setting() -> None:
    home = str(Path.home() / "secret-project" / "log.csv")
    found = settings(
        filename=home,
        filepath="out/best.keras",
        api_token="abc",  # noqa: S106 - a planted marker
        where="s3://user:pass@host/bucket",
        headers={"Authorization": "Bearer abc"},
        name="\udcff",
    )
    text = dumps(found).decode()
    assert found["filename"] == "log.csv"
    assert found["filepath"] == "<output>"
    assert not [word for word in ("secret-project", "abc", "pass", "user") if word in text]


def test_the_class_of_a_callback_counts_where_it_is_the_projects_own() -> None:
    found = callback_settings(Stop(patience=3, verbose=1, model=object(), params={}), [])
    assert found["patience"] == 3
    assert found["class"]["name"] == "Stop"
    assert set(found) == {"patience", "class"}


def test_what_merely_reports_has_no_settings() -> None:
    board = type("TensorBoard", (), {"__module__": "keras.src.callbacks.tensorboard"})()
    board.log_dir = "logs/fit/20260101-120000"
    assert callback_settings(board, []) == {}
    own = type("TensorBoard", (), {"__module__": __name__})()
    own.every = 3
    assert callback_settings(own, []) == {"every": 3}


def test_keys_that_show_an_address_are_no_plain_values() -> None:
    assert settings(table={Stop: 1}, classes={0: 1.0, "b": 2}) == {"classes": {"0": 1.0, "b": 2}}


def test_python_is_not_asked_for_its_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be settled for the whole program, which may set another one later."""
    monkeypatch.setattr("tempfile.tempdir", None)
    assert settings(monitor="val_loss", path="/tmp/x")["path"] == "<temporary>"  # noqa: S108
    assert tempfile.tempdir is None
