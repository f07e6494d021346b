"""What a script finds on the disk, and leaves there: folders listed, files read and written.

Runs that share a file are independent only as long as none reads what another has left. So
every file below the start folder that is opened for reading is noted if it is older than the
process, and every file elsewhere that has changed since the runs began: by Python, which tells
of each, by h5py and by TensorFlow's readers. Files elsewhere that are written are noted too: how
they are read cannot always be seen.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from repro_audit.files import changed_at
from repro_audit.notebook.kernels import CONNECTION
from repro_audit.recording.backends.patching import Call, Patches, Watch

if TYPE_CHECKING:
    from repro_audit.recording.process.reads import Reads

__all__ = ["Files"]

_FILES = "$.conditions.environment.file_order"
_MAX_FILES = 100_000
_MAX_LISTED = 1000
_OWN = ("repro_audit", "importlib", "pkg_resources", "platform")
"""Packages that look around on their own account: the recorder's, and some of Python's."""


class _Opener(NamedTuple):
    """Something that opens files without Python's knowing.

    Attributes:
        mode: How it opens them; None where an argument behind the name says so.
        suffixes: What it adds to the name it is given.
    """

    mode: str | None = None
    suffixes: tuple[str, ...] = ("",)


# Private places: in h5py, and in TensorFlow as they stand in the sources of 2.18.0 and of 2.21.0.
# When a module moves, the files that it opens are not seen: name the new one beside it.
_OPENERS = {
    ("h5py._hl.files", "File.__init__"): _Opener(),
    ("tensorflow.python.lib.io.file_io", "FileIO.__init__"): _Opener(),
    ("tensorflow.python.lib.io.tf_record", "TFRecordWriter.__init__"): _Opener("w"),
    ("tensorflow.python.training.py_checkpoint_reader", "NewCheckpointReader"): _Opener(
        "r", (".index",)
    ),
    ("tensorflow.python.checkpoint.checkpoint", "TrackableSaver.save"): _Opener(
        "w", (".index", ".data-00000-of-00001")
    ),
}

_PATCHING = "repro_audit.recording.backends.patching"
_NO_FILES = ("/proc/", "/sys/", "/dev/")
_SHARED_MEMORY = "/dev/shm/"  # noqa: S108 - files of others are looked at, none is made
_CACHES_OF_TOOLS = ("keras.json", "fontlist-")
"""Names of files that Keras and Matplotlib leave once, and that decide no bit."""

_FOLDERS_OF_TOOLS = frozenset({".cache", ".config", ".keras", "__pycache__", "matplotlib"})
"""Names of the folders that they make for those; what else lies there counts by itself."""


class Files:
    """Notes what one process lists, reads and writes."""

    def __init__(
        self,
        *,
        reverse: bool | None,
        since: float | None = None,
        reads: Reads | None = None,
        below: str = "",
    ) -> None:
        """Prepare.

        Args:
            reverse: Whether folders are listed in the reverse order; None leaves listing alone.
            since: When the first of several runs began, in seconds of the clock; files that are
                not below the start folder count from then on, and not at all without it.
            reads: Is told of every file that is opened.
            below: Where this process starts below the start folder of the runs.
        """
        self._reverse = reverse
        self._since = since
        self._reads = reads
        here = os.getcwd() + os.sep  # noqa: PTH109 - compared as text, at every open
        self._start = here.removesuffix(below + os.sep) if below else here
        self._began = time.time()
        self._read: set[str] = set()
        self._made: set[str] = set()
        self._appended: set[str] = set()
        self._written: set[str] = set()
        self._programs = 0
        self.listed = False

    @property
    def order(self) -> str | None:
        """In which order folders were listed: ``system`` or ``reversed``; None if none was."""
        if not self.listed:
            return None
        return "reversed" if self._reverse else "system"

    @property
    def read(self) -> tuple[str, ...]:
        """Files that this process read and had not made; below the start folder, from there on."""
        return self._relative(self._read)

    @property
    def written(self) -> tuple[str, ...]:
        """Files and folders that this process made or changed, not below the start folder."""
        return self._relative(self._written)

    def report(self, path: Path) -> None:
        """Write what was read and written, for whoever started this process.

        Raises:
            OSError: It cannot be written.
        """
        said = {"read": self.read, "written": self.written, "programs": self._programs}
        text = json.dumps(said)
        path.write_text(text, encoding="utf-8")

    def install(self, patches: Patches) -> None:
        """Begin to look."""
        _tell(self, patches)
        for (module, name), opener in _OPENERS.items():
            place = 1 if "." in name else 0  # a method has itself first
            opened = functools.partial(self._opened, place=place, opener=opener)
            patches.watch(module, name, opened, lost=_FILES)
        if self._reverse is not None:
            for name in ("listdir", "scandir"):
                patches.watch("os", name, self._listed, lost=_FILES)
        if self._reverse:
            patches.replace("os", "listdir", _reversed_names, lost=_FILES)
            patches.replace("os", "scandir", _reversed_entries, lost=_FILES)

    def _open(self, path: Any, mode: str | None, flags: int) -> None:
        if mode is None:
            access = flags & os.O_ACCMODE
            mode = "r" if access == os.O_RDONLY else "w" if access == os.O_WRONLY else "r+"
        self._in_mode(path, mode)

    def _connect(self, path: Any, *_: Any) -> None:
        self._in_mode(path, "r+")

    def _arrive(self, _: Any, path: Any, *__: Any) -> None:
        self._in_mode(path, "w")

    def _make(self, path: Any, *_: Any) -> None:
        self._in_mode(path, "w")

    def _fork(self, *_: Any) -> None:
        if self._reads is not None and not _is_own_account():
            self._reads.forked()

    def _start_program(self, *_: Any) -> None:
        if not _is_own_account():
            self._programs += 1

    def _opened(self, call: Call, *, place: int, opener: _Opener) -> Watch:
        """See what something opens that Python does not tell of."""
        args = call.args
        if len(args) > place:
            mode = opener.mode
            if mode is None:
                given = args[place + 1] if len(args) > place + 1 else call.kwargs.get("mode")
                mode = str(given or "r")
            for suffix in opener.suffixes:
                path = args[place]
                self._in_mode(path + suffix if suffix and isinstance(path, str) else path, mode)
        yield None

    def _in_mode(self, path: Any, mode: str) -> None:
        """Note a file that is about to be opened in a mode, as `open` has them."""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        try:
            whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - compared as text
        except (OSError, ValueError):
            return
        if self._reads is not None:
            self._reads.opened(whole, mode)
        here = whole.startswith(self._start)
        if not here and (self._since is None or _is_no_evidence(whole)):
            return
        if not here and any(letter in mode for letter in "wax+"):
            self._write(whole)
        if "a" in mode:
            self._note(whole, self._appended, here=here)
        elif "w" in mode or "x" in mode:
            self._made.add(whole)
        else:
            self._note(whole, self._read, here=here)

    def _write(self, whole: str) -> None:
        """Note a file that is about to be made or changed, or a folder that is about to be made.

        A folder that is there already is opened to make a file without a name in it, or asked
        for once more: it is nobody's in particular.
        """
        if len(self._written) < _MAX_FILES and not os.path.isdir(whole):  # noqa: PTH112 - as text
            self._written.add(whole)

    def _note(self, whole: str, noted: set[str], *, here: bool) -> None:
        """Note a file that is about to be opened, unless this process has made it."""
        if whole in self._made or len(noted) >= _MAX_FILES:
            return
        try:
            changed = changed_at(whole, since=self._since or self._began)
        except (OSError, ValueError):
            return
        counts = here or changed >= (self._since or 0.0)
        if (counts and changed < self._began) or whole in self._appended:
            noted.add(whole)

    def _relative(self, paths: set[str]) -> tuple[str, ...]:
        return tuple(sorted(path.removeprefix(self._start) for path in paths)[:_MAX_LISTED])

    def _listed(self, call: Call) -> Watch:
        self._list(call.args, call.kwargs)
        yield None

    def _list(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of a folder that the script lists, if it is none of Python's own."""
        if self.listed or _is_own_account():
            return
        path = args[0] if args else kwargs.get("path", ".")
        if isinstance(path, int) or path is None:
            self.listed = True
            return
        from repro_audit.capture.code import is_installed

        whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - as above
        elsewhere = is_installed(whole + os.sep) or whole.startswith((sys.prefix, sys.base_prefix))
        if not elsewhere and not whole.startswith(("/proc", "/sys")):
            self.listed = True


_EVENTS: dict[str, Callable[..., None]] = {
    "open": Files._open,
    "os.fork": Files._fork,
    "os.link": Files._arrive,
    "os.mkdir": Files._make,
    "os.rename": Files._arrive,
    "os.posix_spawn": Files._start_program,
    "os.symlink": Files._arrive,
    "os.system": Files._start_program,
    "sqlite3.connect": Files._connect,
    "subprocess.Popen": Files._start_program,
}
"""By what Python tells of: what is made of it."""

_LOOKING: list[tuple[Files, Patches]] = []
"""Who is told of it; whoever is among patches that are out no longer looks."""


def _tell(files: Files, patches: Patches) -> None:
    """Tell what Python tells of from now on."""
    _LOOKING[:] = [item for item in _LOOKING if not item[1].out]
    _LOOKING.append((files, patches))
    _add_hook()


@functools.cache
def _add_hook() -> None:
    """Have Python tell, once: it cannot be taken out again."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        look = _EVENTS.get(event)
        if look is None:
            return
        for files, patches in _LOOKING:
            if not patches.out:
                patches.safely(_FILES, functools.partial(look, files, *arguments))

    sys.addaudithook(hook)


def _is_no_evidence(path: str) -> bool:
    """Whether a file elsewhere is the system's, or one that a tool leaves for its next start."""
    name = path.rpartition(os.sep)[2]
    system = path.startswith(_NO_FILES) and not path.startswith(_SHARED_MEMORY)
    cache = name.startswith(_CACHES_OF_TOOLS) or name in _FOLDERS_OF_TOOLS
    return system or cache or name.endswith(".pyc") or path.endswith(f"/{CONNECTION}")


def _reversed_names(listdir: Callable[..., Any]) -> Callable[..., Any]:
    """Return a listdir that lists from the end."""

    @functools.wraps(listdir)
    def reversed_listdir(*args: Any, **kwargs: Any) -> Any:
        return listdir(*args, **kwargs)[::-1]

    return reversed_listdir


def _reversed_entries(scandir: Callable[..., Any]) -> Callable[..., Any]:
    """Return a scandir that lists from the end."""

    @functools.wraps(scandir)
    def reversed_scandir(*args: Any, **kwargs: Any) -> Any:
        return _Reversed(scandir(*args, **kwargs))

    return reversed_scandir


def _is_own_account() -> bool:
    """Whether it is the recorder or Python itself that lists a folder or starts a program."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        # What stands around a function is there for whoever calls that.
        if module.partition(".")[0] in _OWN and module not in {__name__, _PATCHING}:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


class _Reversed:
    """What `os.scandir` returns, from its end."""

    def __init__(self, entries: Any) -> None:
        with entries:
            self._entries = iter(list(entries)[::-1])

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Yield nothing more."""
        self._entries = iter(())
