"""The environment of processes that tests start."""

from __future__ import annotations

import os

_CHANGES_A_RUN = ("TF_", "KERAS_", "REPRO_AUDIT_", "PYTHONHASHSEED")


def plain_environment() -> dict[str, str]:
    """Return the tests' environment without what would change a run."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_CHANGES_A_RUN)
    }
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "3"}
