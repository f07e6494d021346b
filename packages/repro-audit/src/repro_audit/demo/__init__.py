"""Real runs that come with the package: what `repro-audit demo` shows, and what examples link to.

One script on two cores (``threads-2``), on one (``threads-1``), and the first one's positive
control, each a manifest and a trace: ``PYTHONHASHSEED=0 TF_ENABLE_ONEDNN_OPTS=0 repro-audit repeat
-m mnist_cnn --epochs 1``, then the same with ``taskset -c 0 repro-audit record``.
"""

from __future__ import annotations

from pathlib import Path

from repro_audit.errors import OutputError, printable
from repro_audit.files import replace_file
from repro_audit.trace import trace_path

__all__ = ["ACTUAL", "CONTROL", "EXPECTED", "RUNS", "damaged", "put_runs"]

EXPECTED, ACTUAL, CONTROL = "threads-2.json", "threads-1.json", "positive-control.json"
RUNS = EXPECTED, ACTUAL, CONTROL
"""Names of the manifests."""


def put_runs(folder: Path) -> None:
    """Put the manifests and traces into a folder.

    Args:
        folder: Made where it is not there.

    Raises:
        OutputError: It holds something, or cannot be made or written.
    """
    from importlib.resources import files  # every command imports this module, and few need it

    name = printable(str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first = next(folder.iterdir(), None)
    except OSError as error:
        message = f"{name}: cannot be written: {error.strerror}."
        raise OutputError(message) from error
    if first is not None:
        message = f"{name}: expected a new folder or an empty one, received one with {first.name!r}"
        message = f"{printable(message)} in it. Name another with --directory."
        raise OutputError(message)
    shipped = files("repro_audit.demo") / "runs"
    for run in RUNS:
        for file in (run, trace_path(Path(run)).name):
            replace_file(folder / file, (shipped / file).read_bytes())


def damaged(manifest: bytes) -> bytes:
    """Return a manifest with one byte changed: another digit of the seed."""
    mark = b'"seed": '
    place = manifest.index(mark) + len(mark)
    digit = b"9" if manifest[place : place + 1] != b"9" else b"1"
    return manifest[:place] + digit + manifest[place + 1 :]
