"""Watch the script that this interpreter is about to run, as the launcher asks for it."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

from repro_audit.recording.process.automatic import AutomaticRecording, say
from repro_audit.recording.process.current import process
from repro_audit.recording.process.ending import at_end
from repro_audit.recording.process.files import Files
from repro_audit.recording.process.reads import Reads
from repro_audit.recording.process.unrecorded import Unrecorded
from repro_audit.recording.process.variations import Variations
from repro_audit.recording.request import Request

__all__ = ["install"]


def install() -> None:
    """Record what this process is about to run, if a launcher asks for it."""
    request = Request.from_environment()
    if request is None:
        return
    process.watch_forks()
    try:
        process.reads = None if request.unrecorded else Reads(since_start=True)
        process.files = Files(
            reverse=request.reverse_folders,
            since=request.since,
            reads=process.reads,
            below=request.below,
        )
    except OSError as error:
        say(f"not recorded: the folder that the script starts in cannot be read: {error.strerror}")
        return
    if request.files is not None:
        # Registered first, called last: what ends after the script's own end is seen as well.
        at_end(functools.partial(_report, process.files, Path(request.files)))
    process.files.install(process.patches)
    if process.reads is not None:
        process.reads.install(process.patches)
    Variations(request).install(process.patches)
    if request.unrecorded:
        process.unrecorded = Unrecorded(request)
        process.unrecorded.install()
    else:
        AutomaticRecording(request).install()


def _report(files: Files, path: Path) -> None:
    """Say which files were read and written; whoever asked takes an absent file for unknown."""
    if not process.is_child:
        with contextlib.suppress(OSError):
            files.report(path)
