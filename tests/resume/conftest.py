"""Train whole, stopped and resumed runs of each kind and way, once each."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import Server

from repro_audit.recording.request import Request
from repro_audit.repeat.environment import clean_environment

TRAINER = Path(__file__).parent / "scripts/trainer.py"
STANDARD = {"PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}

Resumed = Callable[[str, str], tuple[Path, Path]]


@pytest.fixture(scope="session")
def resumed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """Return what trains a kind in a way, and gives the manifests of the whole and resumed run.

    The second is what a run leaves that was stopped after its second epoch and started again.
    """
    # A copy outside the repository, whose state they would else record.
    script = tmp_path_factory.mktemp("trainer") / TRAINER.name
    shutil.copyfile(TRAINER, script)

    def trained(folder: Path, name: str, kind: str, way: str, **request: int) -> Path:
        manifest = folder / f"{name}.json"
        asked = Request(manifest=str(manifest), **request)  # type: ignore[arg-type]
        ended = server.run(
            script, kind, way, cwd=folder, environment=clean_environment(asked) | STANDARD
        )
        assert ended.code == 0, ended.errors[-4000:]
        return manifest

    @functools.cache
    def runs(kind: str, way: str) -> tuple[Path, Path]:
        whole, parts = (tmp_path_factory.mktemp(f"{kind}-{way}") for _ in range(2))
        trained(parts, "stopped", kind, way, stop_after_epoch=2)
        return trained(whole, "whole", kind, way), trained(parts, "resumed", kind, way)

    return runs
