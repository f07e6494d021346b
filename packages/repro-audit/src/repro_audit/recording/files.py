"""What a script finds on the disk: the folders it lists, and the files that it reads.

Runs that share a folder are independent only as long as none reads what another has left. So
every file below the start folder that is opened for reading is noted, if it is older than the
process: by Python, which tells of each, by h5py and by TensorFlow's readers.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from repro_audit.recording.calls import see_calls

__all__ = ["Files"]

_MOST = 100_000
_MOST_TOLD = 1000
_SEARCHERS = ("repro_audit.capture", "importlib.metadata", "pkg_resources")
_READERS = {
    ("h5py._hl.files", "File.__init__"): "",
    ("tensorflow.python.lib.io.file_io", "FileIO.__init__"): "",
    ("tensorflow.python.training.py_checkpoint_reader", "NewCheckpointReader"): ".index",
}
"""What opens files without Python's knowing, and what it adds to the name it is given."""


class Files:
    """Notes what one process lists and reads."""

    def __init__(self, *, reverse: bool | None) -> None:
        """Prepare.

        Args:
            reverse: Whether folders are listed in the reverse order; None leaves listing alone.
        """
        self._reverse = reverse
        self._start = os.getcwd() + os.sep  # noqa: PTH109 - compared as text, at every open
        self._began = time.time()
        self._read: set[str] = set()
        self._made: set[str] = set()
        self._appended: set[str] = set()
        self.listed = False

    @property
    def order(self) -> str | None:
        """In which order folders were listed: ``system`` or ``reversed``; None if none was."""
        if not self.listed:
            return None
        return "reversed" if self._reverse else "system"

    @property
    def read(self) -> tuple[str, ...]:
        """Files that were read and are older than the process, below the start folder."""
        return tuple(sorted(self._read)[:_MOST_TOLD])

    def install(self) -> None:
        """Begin to look."""
        sys.addaudithook(self._audited)
        for (module, name), suffix in _READERS.items():
            see_calls(module, name, self._reading(name, suffix))
        if self._reverse is not None:
            see_calls("os", "listdir", self._listdir)
            see_calls("os", "scandir", self._scandir)

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect":
            self._note(arguments[0], self._read)
        if event != "open":
            return
        path, mode, flags = arguments
        if mode and "a" in mode:
            self._note(path, self._appended)
        elif mode and "r" not in mode:
            self._note(path, self._made)
        elif mode or flags & os.O_ACCMODE != os.O_WRONLY:
            self._note(path, self._read)

    def _reading(self, name: str, suffix: str) -> Callable[..., Any]:
        """Return what stands around something that reads files; a method has itself first."""
        place = 1 if "." in name else 0

        def around(
            function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            mode = str(args[place + 1] if len(args) > place + 1 else kwargs.get("mode", "r"))
            if len(args) > place and "w" not in mode:
                path = args[place]
                whole = path + suffix if suffix and isinstance(path, str) else path
                self._note(whole, self._read)
            return function(*args, **kwargs)

        return around

    def _note(self, path: Any, noted: set[str]) -> None:
        """Note a file that is about to be opened, unless this process has made it."""
        if not isinstance(path, str | bytes | os.PathLike) or len(noted) >= _MOST:
            return
        try:
            whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - as above
            if not whole.startswith(self._start):
                return
            name = whole[len(self._start) :]
            if noted is self._made:
                noted.add(name)
            elif name not in self._made:
                # A copy keeps the time of its source, but not that of its own change.
                status = os.stat(whole)  # noqa: PTH116
                older = max(status.st_mtime, status.st_ctime) < self._began
                if older or name in self._appended:
                    noted.add(name)
        except (OSError, ValueError):
            return

    def _listdir(
        self, listdir: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._list(args, kwargs)
        names = listdir(*args, **kwargs)
        return names[::-1] if self._reverse else names

    def _scandir(
        self, scandir: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._list(args, kwargs)
        entries = scandir(*args, **kwargs)
        return _Reversed(entries) if self._reverse else entries

    def _list(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of a folder that the script lists, if it is none of Python's own."""
        if self.listed or _is_looking_for_packages():
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


def _is_looking_for_packages() -> bool:
    """Whether it is the recorder or Python itself that looks for what is installed."""
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_SEARCHERS):
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
