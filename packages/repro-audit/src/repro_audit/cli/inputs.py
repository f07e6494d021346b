"""What the files given on the command line hold: manifests, and their traces."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from repro_audit.capture.privacy import distinct_names
from repro_audit.errors import printable
from repro_audit.manifest import Manifest, parse
from repro_audit.noise.ensemble import load_run
from repro_audit.publish.pdf import is_pdf

if TYPE_CHECKING:
    from repro_audit.noise.ensemble import Ensemble
    from repro_audit.trace import Trace

__all__ = ["Input", "opened"]


class Input(NamedTuple):
    """A manifest to audit.

    Attributes:
        name: What a report calls it.
        manifest: The manifest; of an ensemble that of its first run.
        trace: The trace that lies beside it.
        ensemble: The ensemble that the file holds.
    """

    name: str
    manifest: Manifest
    trace: Trace | None
    ensemble: Ensemble | None = None


@contextlib.contextmanager
def opened(files: Sequence[str]) -> Iterator[list[Input]]:
    """Read the manifests in files, of which some may be PDFs that hold several.

    Traces from a PDF are gone when the context ends.

    Yields:
        The manifests in the order of the files, those of a PDF in its order, each with the trace
        that lies beside it.

    Raises:
        ManifestError: A file cannot be read or is not valid.
        TraceError: What lies beside a manifest is no trace.
        PaperError: A PDF cannot be read, or holds no manifest.
        MissingExtraError: A PDF was given, and pikepdf is not installed.
    """
    with contextlib.ExitStack() as stack:
        inputs: list[Input] = []
        # A report is shown to others: it calls no file by where it lies.
        for file, name in zip(files, distinct_names(files), strict=True):
            if is_pdf(file):
                import tempfile

                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="repro-audit-"))
                inputs.extend(_in_pdf(file, name, Path(folder)))
            else:
                inputs.append(_in_file(file, name))
        yield inputs


def _in_file(file: str, name: str) -> Input:
    """Read a manifest, or an ensemble: its first run stands for it."""
    manifest, ensemble = load_run(file)
    return Input(name, manifest, _trace(file, manifest), ensemble)


def _in_pdf(file: str, called: str, folder: Path) -> Iterator[Input]:
    """Unpack a PDF and yield its manifests, which a report names behind what it calls the PDF."""
    from repro_audit.publish.attachments import unpack

    for name, path in unpack(file, folder):
        if path.suffix == ".json":
            title = f"{file}: {name}"
            manifest = parse(path.read_bytes(), printable(title))
            trace = _trace(path, manifest)
            if trace is not None:
                trace.name = printable(f"{title.removesuffix('.json')}.trace")
            yield Input(f"{called}: {name}", manifest, trace)


def _trace(path: str | Path, manifest: Manifest) -> Trace | None:
    """Return the trace beside a manifest; what reads traces is loaded only where there is one."""
    if manifest.trace is None:
        return None
    from repro_audit.trace.reading import find_trace

    return find_trace(path, manifest)
