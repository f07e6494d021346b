"""What `repeat` says of how far it has come: a line that moves on a terminal, and stays nowhere."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from processes import our_command

BETWEEN = ("comparing the runs", "writing report.html")


@pytest.fixture(scope="module")
def said(
    quick: str,
    environment: dict[str, str],
    stand_in: str,
    example: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Repeat once with a terminal on standard error and once without; return what each was told."""
    command = [*our_command(quick, quick), "repeat", "-d", "out", stand_in, example]

    def told(errors: Any, folder: Path) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors,
            text=True, check=True,
        )  # fmt: skip
        return done.stderr or ""

    plain = told(subprocess.PIPE, tmp_path_factory.mktemp("plain"))
    ours, theirs = pty.openpty()
    try:
        told(theirs, tmp_path_factory.mktemp("terminal"))
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
    finally:
        os.close(ours)
    return plain, shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how the end of a terminal shows
        return b""


def test_a_terminal_is_told_what_is_done_while_no_run_goes_on(said: Any) -> None:
    """Each in its turn, on a line that is cleared before anything else is written."""
    _, shown = said
    assert [what for what in BETWEEN if f"\r\x1b[2K{what}\r\x1b[2K" in shown] == [*BETWEEN]
    assert shown.index(BETWEEN[0]) < shown.index(BETWEEN[1])


def test_what_stays_on_a_terminal_is_what_a_file_is_told(said: Any) -> None:
    """A line a run, and where the report lies; nothing that moves."""
    plain, shown = said
    stays = [line.rpartition("\x1b[2K")[2] for line in shown.split("\n")]
    # A time may be another.
    assert [line.split()[:2] for line in stays] == [line.split()[:2] for line in plain.split("\n")]
    assert not any(what in plain for what in BETWEEN)
