"""What a program reads from outside while it runs: environment variables, and files.

Of variables only those count that code of the project asks for by name: what packages ask for they
ask for on any run. `os.environ` stays what it is; the method of its class by which one value is
taken is watched. Of files all count but those that Python, its imports and the recorder open.
"""

from __future__ import annotations

import math
import os
import stat
import sys
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from repro_audit.capture.code import is_installed
from repro_audit.capture.read import (
    FILES,
    VARIABLES,
    Opened,
    capture_files,
    digest_as_opened,
    is_no_input,
    printable_name,
    variable_digests,
)
from repro_audit.manifest.inputs import Read
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.process.pipeline_files import PipelineFiles
from repro_audit.recording.request import VARIABLE

if TYPE_CHECKING:
    from repro_audit.capture.backend import Missed

__all__ = ["Reads"]

_BEFORE = "recording began within the script: what was read before that is not seen"
_UNNAMED = "TensorFlow read files whose names are known only while a pipeline runs"
_FORKED = "what processes that were forked from this one read is not seen"
_TOO_MANY = "more than {:,} files were read, and not all were kept count of"

_MAX_FILES = 100_000
_MAX_WRITTEN = 10_000
_TICK_S = 0.01
_MAX_VARIABLES = 1000
_MAX_BYTES_AT_ONCE = 16 * 2**20
"""Size of a file that is digested while the run goes on, since it is about to be written over."""

_PATCHING = "repro_audit.recording.backends.patching"
_SEEING = frozenset(
    {
        __name__,
        _PATCHING,
        "repro_audit.recording.process.files",
        "repro_audit.recording.process.pipeline_files",
    }
)
"""What stands around a function is there for whoever calls that."""

_RECORDER = frozenset({"repro_audit", "repro_audit_schemas"})
_IMPORTING = frozenset(
    {"importlib._bootstrap", "importlib._bootstrap_external", "zipimport", "runpy"}
)
_READING_SOURCE = frozenset({"linecache", "tokenize", "inspect"})
_CODE = (".py", ".pyc", ".pyi", ".pth", ".zip")

_ASKING: frozenset[CodeType] = frozenset(
    function.__code__
    for function in (
        os.getenv,
        os.getenvb,
        type(os.environ).setdefault,
        Mapping.get,
        Mapping.__contains__,
        MutableMapping.pop,
    )
)
"""Functions of Python's that ask `os.environ` for one value, for whoever calls them."""


class Reads:
    """What one process reads from outside, from when it is first asked to look.

    Attributes:
        since_start: Whether that was before the script's first line.
    """

    def __init__(self, *, since_start: bool) -> None:
        """Take note of the variables as they are now."""
        self.since_start = since_start
        self._opened_to_write: set[str] = set()
        self._began = time.time()
        # No value is kept: a digest of 16 bits each.
        self._inherited = variable_digests(os.environb)
        folders = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
        self._temporary = tuple(folder for folder in folders if folder)
        self._variables: dict[bytes, str | None] = {}
        self._files: dict[str, Opened] = {}
        self._made: set[str] = set()
        self._pipelines = PipelineFiles(self.opened)
        self._unseen: dict[str, None] = {}
        self._copied: tuple[int, CodeType, int] | None = None
        self._is_own: dict[str, bool] = {}

    def install(self, patches: Patches) -> None:
        """Begin to look at variables, and at what TensorFlow's own operations read."""
        kind = type(os.environ).__name__
        patches.watch("os", f"{kind}.__getitem__", self._variable, lost=VARIABLES)
        patches.watch("os", f"{kind}.__iter__", self._iterated, lost=VARIABLES)
        self._pipelines.install(patches)

    def written(self) -> list[str]:
        """Return the whole paths of files that were opened to write, and have changed since."""
        # Another thread may open more. A file is as new as the last tick of a coarse clock.
        opened = list(self._opened_to_write)
        return [path for path in opened if _modified(path) >= self._began - _TICK_S]

    def capture(self, project: Path | None, missed: Missed) -> Read:
        """Return what was read so far, and digest the files.

        Args:
            project: The project's folder; None where it could not be found.
            missed: Takes what could not be seen or read.
        """
        if not self.since_start:
            missed(VARIABLES, _BEFORE)
            missed(FILES, _BEFORE)
        asked = dict(self._variables)  # another thread may ask for more
        variables = {printable_name(os.fsdecode(name)): digest for name, digest in asked.items()}
        # Why files are lacking altogether says more than that some were left out.
        reasons: list[str] = [] if self.since_start else [_BEFORE]

        def files_missed(path: str, reason: str) -> None:
            if path == FILES:
                reasons.append(reason)
            else:
                missed(path, reason)

        opened = dict(self._files)
        files = capture_files(opened, project, self._began, self._temporary, files_missed)
        reasons += [*self._unseen, *([_UNNAMED] if self._pipelines.unnamed else [])]
        if reasons:
            missed(FILES, "; ".join(reasons))
        return Read(variables=dict(sorted(variables.items())), files=files)

    # Variables.

    def _variable(self, call: Call) -> Watch:
        """See which variable is asked for, and by whom."""
        frame, asked_by_function = _beyond(sys._getframe(1), _ASKING)
        if frame is None or not self._is_of_project(frame):
            return
        name = call.args[1]
        if not asked_by_function and self._copied == _place(frame):
            return  # all of them are copied
        if self._goes_through_all(frame) and name not in frame.f_code.co_consts:
            return  # whichever is the next, and not one by its name
        name = os.fsencode(name) if isinstance(name, str) else name
        known = not isinstance(name, bytes) or name in self._variables
        if not known and name != VARIABLE.encode() and len(self._variables) < _MAX_VARIABLES:
            # As the process was given it: what the run has set since is its own doing.
            self._variables[name] = self._inherited.get(name)
        yield None

    def _iterated(self, call: Call) -> Watch:
        """See where all variables are gone through: what takes each from there asks for none."""
        frame, _ = _beyond(sys._getframe(1), frozenset())
        while frame is not None and frame.f_globals.get("__name__") == Mapping.__module__:
            frame = frame.f_back
        self._copied = None if frame is None else _place(frame)
        yield None

    def _goes_through_all(self, frame: FrameType) -> bool:
        """Whether a function, or the one that called it, has asked for all variables."""
        places = {_place(item)[:2] for item in (frame, frame.f_back) if item is not None}
        return self._copied is not None and self._copied[:2] in places

    # Files.

    def opened(self, whole: str, mode: str) -> None:
        """Take note of a file that is about to be opened.

        Args:
            whole: Its whole path.
            mode: How, as `open` has it.
        """
        if any(letter in mode for letter in "wax") and len(self._opened_to_write) < _MAX_WRITTEN:
            self._opened_to_write.add(whole)
        if "w" in mode or "x" in mode:
            self._make(whole)
            return
        known = whole in self._files or whole in self._made
        if known or "a" in mode or is_no_input(whole):
            return
        try:
            status = os.stat(whole)  # noqa: PTH116 - asked at every open
        except (OSError, ValueError):
            return
        if not stat.S_ISREG(status.st_mode) or self._is_in_what_was_made(whole):
            return
        by_program, on_import = self._who(whole)
        if not by_program:
            return
        if len(self._files) >= _MAX_FILES:
            self._unseen[_TOO_MANY.format(_MAX_FILES)] = None
            return
        self._files[whole] = Opened.of(status, on_import=on_import)

    def forked(self) -> None:
        """Take note that the program has forked: nobody looks at what the child reads."""
        self._unseen[_FORKED] = None

    def _make(self, whole: str) -> None:
        """Note a file or a folder that the run makes; keep what it was if it had been read."""
        file = self._files.get(whole)
        if file is not None and file.digest is None and file.size <= _MAX_BYTES_AT_ONCE:
            try:
                self._files[whole] = file._replace(digest=digest_as_opened(whole, file))
            except OSError:
                return  # the end says that it has changed, or is gone
        # A folder that is there already is opened to make a file without a name in it, or asked
        # for once more.
        if len(self._made) < _MAX_FILES and not os.path.isdir(whole):  # noqa: PTH112 - as text
            self._made.add(whole)

    def _is_in_what_was_made(self, whole: str) -> bool:
        """Whether a file lies in a folder that the run has made."""
        folder = whole.rpartition(os.sep)[0]
        while folder:
            if folder in self._made:
                return True
            folder = folder.rpartition(os.sep)[0]
        return False

    def _who(self, whole: str) -> tuple[bool, bool]:
        """Return whether the program opens a file, and whether a package does on being imported.

        Neither Python, which reads sources to import or to show them, nor the recorder is meant.
        """
        frame: FrameType | None = sys._getframe(1)
        innermost = True
        is_code = whole.endswith(_CODE)
        while frame is not None:
            module = str(frame.f_globals.get("__name__"))
            if module not in _SEEING:
                if module.partition(".")[0] in _RECORDER:
                    return False, False
                if is_code and (module in _IMPORTING or module in _READING_SOURCE):
                    return False, False
                if self._is_of_project(frame):
                    return True, False
                # The import system also reads files for whoever asks for them.
                if module in _IMPORTING and not innermost:
                    return True, True
                innermost = False
            frame = frame.f_back
        return True, False

    def _is_of_project(self, frame: FrameType) -> bool:
        """Whether a frame is one of the project's own code."""
        module = str(frame.f_globals.get("__name__"))
        if module == "__main__":
            return True
        file = frame.f_code.co_filename
        known = self._is_own.get(file)
        if known is None:
            own = module.partition(".")[0] not in _RECORDER and not is_installed(file)
            known = self._is_own[file] = own and file.endswith(".py")
        return known


def _modified(path: str) -> float:
    """Return when a file was modified last; before all time if it is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of very many
    except OSError:
        return -math.inf
    return status.st_mtime if stat.S_ISREG(status.st_mode) else -math.inf


def _beyond(
    frame: FrameType | None, functions: frozenset[CodeType]
) -> tuple[FrameType | None, bool]:
    """Return the frame that called what is watched, and whether it did so by one of `functions`."""
    passed = False
    while frame is not None:
        if frame.f_code in functions:
            passed = True
        elif frame.f_globals.get("__name__") not in _SEEING:
            break
        frame = frame.f_back
    return frame, passed


def _place(frame: FrameType) -> tuple[int, CodeType, int]:
    """Return which instruction of which call a frame stands at."""
    return id(frame), frame.f_code, frame.f_lasti
