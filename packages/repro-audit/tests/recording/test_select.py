"""Which backend is recorded: chosen in one place, by what Keras says."""

from __future__ import annotations

import random
import re
import sys
import types
from typing import Any

import pytest
from fake_backend import FakeBackend

from repro_audit.errors import CaptureError, how_to_install
from repro_audit.recording.backends import select
from repro_audit.recording.backends.framework import Names

FAKE = types.SimpleNamespace(
    NAMES=Names(loaders=(("fake.saving", "load"),)), load=lambda _: FakeBackend()
)
"""A backend's package, as far as choosing it goes."""


@pytest.fixture
def keras_on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what puts a Keras in place that says which backend it runs on."""

    def put(name: str) -> None:
        keras: Any = types.ModuleType("keras")
        keras.backend = types.SimpleNamespace(backend=lambda: name)
        monkeypatch.setitem(sys.modules, "keras", keras)

    return put


@pytest.fixture
def with_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a backend, which touches nothing but the list of them."""
    monkeypatch.setattr(select, "FRAMEWORKS", {**select.FRAMEWORKS, "fake": FAKE})


@pytest.mark.usefixtures("with_fake")
def test_a_backend_that_is_named_is_chosen_where_keras_runs_on_it(keras_on: Any) -> None:
    keras_on("fake")
    assert isinstance(select.import_backend(lambda _: ()), FakeBackend)


@pytest.mark.usefixtures("with_fake")
def test_what_all_backends_name_is_watched() -> None:
    assert set(select.names("loaders")) == {
        ("fake.saving", "load"),
        *select.FRAMEWORKS["tensorflow"].NAMES.loaders,
    }


def test_a_backend_that_is_not_named_is_refused_with_what_to_do(keras_on: Any) -> None:
    keras_on("fake")
    with pytest.raises(CaptureError, match=r"Keras runs on fake here.*KERAS_BACKEND=tensorflow"):
        select.import_backend(lambda _: ())


def test_keras_that_is_absent_is_refused_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(CaptureError, match=re.escape(how_to_install("keras"))):
        select.import_backend(lambda _: ())


@pytest.mark.usefixtures("with_fake")
def test_a_backend_that_is_not_installed_is_refused_as_another_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether or not it could be recorded: it is not TensorFlow that is missing."""
    monkeypatch.setitem(sys.modules, "keras", None)
    for name, called in (("fake", "fake"), ("jax", "JAX"), ("torch", "PyTorch")):
        monkeypatch.setenv("KERAS_BACKEND", name)
        with pytest.raises(CaptureError, match=f"^Keras runs on {called} here, which is not rec"):
            select.import_backend(lambda _: ())


def test_whatever_choosing_draws_is_put_back(
    monkeypatch: pytest.MonkeyPatch, keras_on: Any
) -> None:
    def draw(_: Any) -> FakeBackend:
        random.random()
        return FakeBackend()

    package = types.SimpleNamespace(NAMES=Names(), load=draw)
    monkeypatch.setattr(select, "FRAMEWORKS", {"fake": package})
    keras_on("fake")
    before = random.getstate()
    select.import_backend(lambda _: ())
    assert random.getstate() == before
