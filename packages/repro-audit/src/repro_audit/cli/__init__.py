"""The command line: one file per command, each of which parses, calls, renders and exits."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0, 1 or 2 as the verdict is, 130 when interrupted."""
    from repro_audit.cli.entry import run

    raise SystemExit(run())
