"""Runs that share a file are no evidence of each other, wherever it lies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

SEEN = ("memory map", "descriptor", "database", "folder moved into place", "written by a program")
UNSEEN = ("read by a program",)
HARMLESS = ("results", "one of its own")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a place that is not below the folder that runs start in."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "cache.npy"


@pytest.fixture
def caching(repeat: Any, example: str, tmp_path: Path, cache: Path) -> Any:
    """Return a function that repeats the script whose runs share a file in some way."""
    script = str(Path(__file__).parent / "scripts/caching.py")
    folder = tmp_path / "start"
    folder.mkdir()

    def run(way: str, place: Path = cache) -> tuple[Any, Any]:
        done = repeat("-q", "-d", "out", script, example, way, str(place), cwd=folder)
        return done, json.loads((folder / "out/audit.json").read_text(encoding="utf-8"))

    return run


@pytest.mark.parametrize("way", SEEN)
def test_what_is_read_elsewhere_and_has_changed_since_the_first_run_is_no_evidence(
    caching: Any, cache: Path, way: str
) -> None:
    """All outcomes agree, and the verdict says why that means nothing."""
    done, said = caching(way)
    assert done.returncode == 2, done.stdout
    assert said["comparisons"][0]["verdict"] == "identical"
    assert said["verdict"] == "inconclusive"
    how = "changed after the first run began" if way == "written by a program" else "run-1 left"
    # Where it lies is for nobody to read who is sent the audit.
    assert re.match(r"run-2 read <path:[0-9a-f]{4}>/cache\.npy", said["reason"])
    assert how in said["reason"]


@pytest.mark.parametrize("way", UNSEEN)
def test_what_nobody_sees_read_is_put_to_the_test_elsewhere_too(
    caching: Any, cache: Path, way: str
) -> None:
    """One more run finds the file absent, and differs; afterwards it is there as it was."""
    done, said = caching(way)
    assert done.returncode == 2, done.stdout
    assert said["runs"][-1]["name"] == "apart"
    assert said["reason"] == (
        "a run without the files that the others left is divergent: the runs are not independent"
    )
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


def test_what_was_moved_aside_is_put_back_with_its_content(caching: Any, cache: Path) -> None:
    """Not what the run without it has made in its place."""
    caching("read by a program")
    content = cache.read_text(encoding="utf-8")
    assert len(content) == 32
    caching("read by a program")
    assert cache.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("way", HARMLESS)
def test_what_no_other_run_reads_is_harmless(caching: Any, way: str) -> None:
    """It is named, and a run without it agrees."""
    done, said = caching(way)
    assert done.returncode == 0, done.stdout
    assert said["verdict"] == "identical"
    assert said["runs"][-1]["name"] == "apart"


def test_a_cache_that_was_there_before_the_first_run_is_data_like_any_other(
    caching: Any, cache: Path
) -> None:
    """The negative: what no run has made is shared by all, and stays as it is."""
    cache.write_text("data", encoding="utf-8")
    done, said = caching("descriptor")
    assert (done.returncode, said["shared_files"]) == (0, [])


@pytest.mark.parametrize("way", ["descriptor", "read by a program"])
def test_a_file_below_the_start_folder_is_found_as_before(
    caching: Any, tmp_path: Path, way: str
) -> None:
    """Seen, or put to the test in a copy of the folder."""
    done, said = caching(way, tmp_path / "start" / "cache.npy")
    assert (done.returncode, said["verdict"]) == (2, "inconclusive")


def test_the_verdict_says_which_places_were_watched(caching: Any) -> None:
    """And that nothing is known of what other programs did."""
    done, said = caching("read by a program")
    assert said["watched"].startswith("all below the start folder; elsewhere what Python")
    assert said["watched"].endswith("not what 1 other program did")
    assert "files watched" in done.stdout
