"""Start trainers in processes of their own, and print at the end how well each fault was named."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from forking import Server

from repro_audit.recording.request import Request
from repro_audit.repeat.environment import clean_environment

TRAINERS = Path(__file__).parent / "trainers"
SECONDS = 300
STANDARD = {"PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
CHANGING = ("DNNL_", "KERAS_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "TF_", "XLA_")
"""Variables that would plant more than a fault says."""

Train = Callable[..., Future[Path]]


@pytest.fixture(scope="session")
def train(server: Server, install: Callable[[str], Path], tmp_path_factory: Any) -> Iterator[Train]:
    """Return what starts trainers, and gives the manifest that they leave.

    Trainers are started by what a shell would take: ``PYTHONHASHSEED=1 train.py ARGUMENT``.
    Besides variables a requirement, ``keras==3.12.0``, may stand before the script: it is
    installed in front of what is there. Behind a ``;`` the next one begins in the same folder.
    The same words give the same run, unless another `copy` is asked for, or another `Request`.
    """
    # A copy outside the repository, whose state they would else record.
    trainers = tmp_path_factory.mktemp("trainers")
    shutil.copytree(TRAINERS, trainers, dirs_exist_ok=True)
    started: dict[Any, Future[Path]] = {}
    with ThreadPoolExecutor(2) as workers:

        def start(words: str, copy: int = 0, **request: int) -> Future[Path]:
            key = words, copy, *request.items()
            if key not in started:
                folder = tmp_path_factory.mktemp("run")
                commands = [_parsed(part, install) for part in words.split(";")]
                run = functools.partial(_run, server, commands, trainers, folder, request)
                started[key] = workers.submit(run)
            return started[key]

        yield start


def _parsed(
    words: str, install: Callable[[str], Path]
) -> tuple[list[str], dict[str, str], list[Path]]:
    """Return script and arguments, variables, and folders of packages."""
    variables, packages = {}, []
    command = shlex.split(words)
    while "=" in command[0]:
        name, equals, value = command.pop(0).partition("=")
        if value.startswith("="):
            packages.append(install(f"{name}{equals}{value}"))
        else:
            variables[name] = value
    return command, variables, packages


def _run(
    server: Server,
    commands: list[tuple[list[str], dict[str, str], list[Path]]],
    trainers: Path,
    folder: Path,
    request: dict[str, int],
) -> Path:
    """Run trainers one after the other in one folder, and return the last one's manifest.

    What a variable or another package decides is decided as Python or Keras starts; all else
    starts where Keras has been imported.
    """
    manifest = folder / "manifest.json"
    asked = Request(manifest=str(manifest), **request)  # type: ignore[arg-type]
    for (script, *arguments), variables, packages in commands:
        environment = {
            name: value
            for name, value in clean_environment(asked).items()
            if not name.startswith(CHANGING)
        }
        environment |= STANDARD | variables
        path = [*map(str, packages), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
        manifest.unlink(missing_ok=True)
        if not variables and not packages:
            own = trainers / script
            ended = server.run(own, *arguments, cwd=folder, environment=environment)
            assert ended.code == 0, ended.errors[-4000:]
            continue
        done = subprocess.run(
            [sys.executable, trainers / script, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
    return manifest
