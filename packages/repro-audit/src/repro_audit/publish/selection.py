"""Choose what is attached: valid manifests, and traces that are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from repro_audit.capture.privacy import short_paths
from repro_audit.errors import PaperError, TraceError, printable
from repro_audit.files import LIMIT_BYTES, read_bounded
from repro_audit.manifest import Manifest
from repro_audit.manifest.reading import parse
from repro_audit.publish.names import attached_names, trace_name
from repro_audit.trace.reading import Trace, find_trace, trace_path

__all__ = ["MAX_MANIFEST_BYTES", "MAX_OURS", "MAX_TRACE_BYTES", "Attachment", "gather"]

MAX_OURS = 64
"""The most files that are attached to a PDF, or read from one."""

MAX_MANIFEST_BYTES = LIMIT_BYTES
"""The most bytes that the manifests in a PDF may have together."""

MAX_TRACE_BYTES = 2**30
"""The most bytes that the traces in a PDF may have together."""


class Attachment(NamedTuple):
    """A manifest or a trace, as it is attached.

    Attributes:
        name: Flat and distinct; a trace's is its manifest's, with ``.trace``.
    """

    name: str
    content: bytes


class _Given(NamedTuple):
    """A manifest that is to be attached."""

    path: str
    name: str
    manifest: Manifest
    content: bytes


def gather(files: Sequence[str], *, with_traces: bool = False) -> list[Attachment]:
    """Read and check what is to be attached.

    Args:
        files: Manifests, and traces, whose names end in ``.trace``.
        with_traces: Take the trace that lies beside a manifest too.

    Returns:
        The manifests in the order given, each with its trace behind it.

    Raises:
        ManifestError: A manifest cannot be read or is not valid.
        TraceError: A trace cannot be read or belongs to none of the manifests.
        PaperError: There is no manifest, or more than a PDF should hold.
    """
    manifests = _read([file for file in files if not file.endswith(".trace")])
    traces: dict[str, Path] = {}
    for file in files:
        if file.endswith(".trace"):
            traces[_owner(Path(file), manifests, traces).name] = Path(file)
    if with_traces:
        for given in manifests:
            if given.manifest.trace is not None and given.name not in traces:
                beside = trace_path(Path(given.path))
                _trace(beside, given.manifest).verify()
                traces[given.name] = beside
    _check_sizes(manifests, traces)
    gathered = []
    for given in manifests:
        gathered.append(Attachment(given.name, given.content))
        if given.name in traces:
            gathered.append(Attachment(trace_name(given.name), traces[given.name].read_bytes()))
    return gathered


def _read(paths: list[str]) -> list[_Given]:
    """Read the manifests."""
    if not paths:
        message = "expected a manifest to attach, received none."
        raise PaperError(message)
    manifests: list[_Given] = []
    for path, name in zip(paths, attached_names(short_paths(paths)), strict=True):
        shown = printable(path)
        if path == "-":
            message = "standard input: has no name to be attached under. Give a file."
            raise PaperError(message)
        content = read_bounded(path)
        manifest = parse(content, shown)
        if manifest.is_log:
            message = f"{shown}: expected a manifest, received a log ({manifest.recorder})."
            raise PaperError(message)
        for other in manifests:
            if other.manifest.digest == manifest.digest:
                message = f"{shown}: is the manifest that {printable(other.path)} is. Give it once."
                raise PaperError(message)
        manifests.append(_Given(path, name, manifest, content))
    return manifests


def _owner(path: Path, manifests: list[_Given], taken: dict[str, Path]) -> _Given:
    """Return the manifest that a trace belongs to: of several, the one it lies beside.

    Identical runs leave identical traces.
    """
    free = [given for given in manifests if given.name not in taken]
    free.sort(key=lambda given: trace_path(Path(given.path)).absolute() != path.absolute())
    problem = None
    for given in free:
        if given.manifest.trace is None:
            continue
        try:
            _trace(path, given.manifest).verify()
        except TraceError as error:
            problem = problem or error
        else:
            return given
    if problem is not None and len(manifests) == 1:
        raise problem
    message = (
        f"{printable(str(path))}: is the trace of none of the manifests given, or given twice."
    )
    raise TraceError(message)


def _trace(path: Path, manifest: Manifest) -> Trace:
    """Return a file as the trace of a manifest, whether it is or not."""
    trace = find_trace(path.with_suffix(".json"), manifest)
    if trace is None:
        message = f"{printable(str(path))}: there is no such file."
        raise TraceError(message)
    return trace


def _check_sizes(manifests: list[_Given], traces: dict[str, Path]) -> None:
    """Refuse what would be refused when it is read."""
    for what, actual, most in (
        ("manifests", sum(len(given.content) for given in manifests), MAX_MANIFEST_BYTES),
        ("traces", sum(path.stat().st_size for path in traces.values()), MAX_TRACE_BYTES),
    ):
        if actual > most:
            message = (
                f"expected {what} of at most {most // 2**20:,} MiB in all, "
                f"received {actual / 2**20:,.0f} MiB."
            )
            raise PaperError(message)
    count = len(manifests) + len(traces)
    if count > MAX_OURS:
        message = f"expected at most {MAX_OURS} files to attach, received {count:,}."
        raise PaperError(message)
