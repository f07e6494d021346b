"""Start scripts that train, two at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pytest
from forking import Server
from processes import plain_environment

SCRIPTS = Path(__file__).parent / "scripts"
Done = subprocess.CompletedProcess[str]


class Start(Protocol):
    """Starts Python on arguments and returns its future end."""

    def __call__(
        self,
        *arguments: str,
        cwd: Path,
        variables: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
        fresh: bool = False,
    ) -> Future[Done]: ...


@pytest.fixture(scope="session")
def start(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes that share two workers; a script of ours is named by its file's name.

    Each begins with Keras imported, unless it is to be fresh: what is about imports has to be.

    Scripts run from a copy outside the repository, whose state they would else record.
    """
    scripts = tmp_path_factory.mktemp("scripts")
    shutil.copytree(SCRIPTS, scripts, dirs_exist_ok=True)
    with ThreadPoolExecutor(2) as workers:

        def begin(
            *arguments: str,
            cwd: Path,
            variables: dict[str, str] | None = None,
            before: Callable[[], None] | None = None,
            fresh: bool = False,
        ) -> Future[Done]:
            own = scripts / arguments[0]
            target = [str(own), *arguments[1:]] if own.is_file() else list(arguments)
            environment = plain_environment() | {"PYTHONHASHSEED": "0"}
            return workers.submit(
                subprocess.run,
                [sys.executable if fresh else server.python, *target],
                cwd=cwd,
                env=environment | (variables or {}),
                preexec_fn=before,
                capture_output=True,
                text=True,
                timeout=1200,
                check=False,
            )

        yield begin


@pytest.fixture(scope="session")
def said() -> Callable[[Future[Done]], Any]:
    """Return what a script said on the last line of its output, as JSON."""

    def read(future: Future[Done]) -> Any:
        done = future.result()
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    return read
