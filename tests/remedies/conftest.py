"""What follows remedies: runs of edited scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from forking import Server
from mending import Ran, Version, run_version


@pytest.fixture(scope="session")
def run(server: Server, tmp_path_factory: Any) -> Callable[..., Ran]:
    """Return what runs a version of a script in a folder of its own, each once."""
    done: dict[tuple[Version, int], Ran] = {}

    def run(version: Version, after: Ran | None = None, copy: int = 0) -> Ran:
        if after is not None:
            return run_version(server, version, tmp_path_factory.mktemp("run"), after)
        if (version, copy) not in done:
            done[version, copy] = run_version(server, version, tmp_path_factory.mktemp("run"))
        return done[version, copy]

    return run
