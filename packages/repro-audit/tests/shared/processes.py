"""What tests start processes with."""

from __future__ import annotations

import os
import sys

_CHANGES_A_RUN = ("TF_", "KERAS_", "REPRO_AUDIT_", "PYTHONHASHSEED")


def plain_environment() -> dict[str, str]:
    """Return the tests' environment without what would change a run."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_CHANGES_A_RUN)
    }
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "3"}


def our_command(python: str = sys.executable, by: str = sys.executable) -> list[str]:
    """Return the words that start ``repro-audit``.

    Args:
        python: What it starts scripts with.
        by: What it is started with.
    """
    if python == by == sys.executable:
        return [sys.executable, "-m", "repro_audit"]
    code = f"import sys; sys.executable = {python!r}; from repro_audit.cli import main; main()"
    return [by, "-c", code]
