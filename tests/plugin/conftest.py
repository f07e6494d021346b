"""The scripts that are repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def stand_in() -> Path:
    """Return the script that stands for a trainer and needs no TensorFlow."""
    return ROOT / "tests/repeat/scripts/stand_in.py"


@pytest.fixture(scope="session")
def example() -> Path:
    """Return a valid manifest of a complete run, for the stand-in."""
    return min((ROOT / "examples").glob("*.json"))


@pytest.fixture(scope="session")
def trained() -> Path:
    """Return the script that trains a tiny model, ``seeded`` or ``unseeded``."""
    return ROOT / "tests/repeat/scripts/trained.py"
