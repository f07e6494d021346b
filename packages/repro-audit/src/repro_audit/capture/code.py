"""The condition `code`: what was run, and the state of the repository it came from."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from repro_audit.canonical import digest_bytes, digest_file
from repro_audit.capture.kernel import kernel_shell, running_notebook
from repro_audit.capture.privacy import mask_arguments, scrub
from repro_audit.errors import ReproAuditError
from repro_audit.manifest.conditions import Code, Git
from repro_audit.notebook.cells import digest_cells
from repro_audit.notebook.kernels import executed_path
from repro_audit.trace import trace_path

if TYPE_CHECKING:
    from repro_audit.capture.backend import Missed

__all__ = ["Source", "capture_code", "find_source", "is_installed", "own_modules"]

_RECORDER = {"repro_audit", "repro_audit_schemas"}

_ELSEWHERE: dict[str, ModuleType] = {}
"""Modules that were seen to be no code of a run; there are thousands of them."""

_GIT_TIMEOUT_S = 30
_SOURCES = (".py", ".ipynb")
_UNTRACKED_LIMIT_BYTES = 16 * 2**20
_PACKAGE_FOLDERS = {"site-packages", "dist-packages"}
_GENERATED = "__autograph_generated_file"
"""How the modules begin that AutoGraph makes of the run's code, under another name each time."""


class Source(NamedTuple):
    """Where a run's own code lies."""

    folder: Path
    """The script's folder; where there is none, the current one."""

    project: Path
    """The repository around it, else the same folder."""

    git: str | None
    """Why git tells nothing of it; None where git does."""


def find_source() -> Source:
    """Return where the run's own code lies. The script may change its folder later."""
    folder = _source_folder()
    top, refused = _git(folder, "rev-parse", "--show-toplevel")
    if top is not None:
        return Source(folder, Path(top.strip()), None)
    around = (parent for parent in (folder, *folder.parents) if (parent / ".git").exists())
    repository = next(around, None)
    if repository is None:
        return Source(folder, folder, "the code is in no repository")
    if "dubious ownership" in refused:
        refused = "it belongs to another user (dubious ownership), see safe.directory of git"
    said = refused or "there is no git, or it did not answer"
    return Source(folder, repository, f"git cannot read the repository: {said}")


def _source_folder() -> Path:
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is not None:
        folder = Path(script).resolve().parent
        if not is_installed(folder):
            return folder
    return Path.cwd()


def capture_code(
    source: Source,
    arguments: Sequence[str],
    outputs: Sequence[str],
    written: Collection[str],
    missed: Missed,
) -> Code:
    """Read the command line, the repository and the run's own files imported so far.

    Args:
        source: Where the code lies.
        arguments: ``sys.argv`` as it was when recording began.
        outputs: Paths the run was told to write.
        written: Whole paths of what it was seen to write; those of code are code nevertheless.
        missed: Takes what cannot be read.
    """
    project = source.project
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    notebook = running_notebook()
    if kernel_shell() is not None:
        # Those of a kernel name a file of its connection, another each time.
        arguments = [] if notebook is None else [_name(notebook.resolve(), project)]
    elif script is not None and arguments:
        # Where a module is run, its path says where it is installed; its name is enough.
        arguments = [_name(Path(script).resolve(), project), *arguments[1:]]
    return Code(
        argv=mask_arguments(arguments, outputs, project),
        entry_point=_entry_point(project) if notebook is None else arguments[0],
        git=_repository(source, outputs, written, missed),
        files=_imported_files(project) | _cells_of(notebook, project, missed),
    )


def is_installed(path: Path | str) -> bool:
    """Whether a path is one of Python's own or of an installed package: no code of the run."""
    # Packages are also installed for a user, and for the Python that an environment was made of.
    in_packages = not _PACKAGE_FOLDERS.isdisjoint(Path(path).parts)
    return in_packages or str(path).startswith(_installed_folders())


@functools.cache
def _installed_folders() -> tuple[str, ...]:
    names = "stdlib", "platstdlib", "purelib", "platlib"
    return tuple({sysconfig.get_path(name) + os.sep for name in names})


def _entry_point(project: Path) -> str | None:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return f"-m {spec.name.removesuffix('.__main__')}"
    script = getattr(main, "__file__", None)
    return None if script is None else _name(Path(script).resolve(), project)


def _name(path: Path, project: Path) -> str:
    """Return a path as a manifest may hold it: below the project, or without the home folder."""
    if path.is_relative_to(project) and not is_installed(path):
        return path.relative_to(project).as_posix()
    around = [folder for folder in map(Path, sys.path) if path.is_relative_to(folder)]
    # The innermost: the environment may be in the folder that Python was started in.
    folder = max(around, key=lambda item: len(item.parts), default=path.parent)
    return scrub(path.relative_to(folder).as_posix())


def own_modules() -> Iterator[tuple[str, ModuleType, Path]]:
    """Yield the entry point and every imported module that is not installed.

    An editable package is code of the run too, wherever it lies.

    Yields:
        The module's name, the module, and the absolute path of its source file.
    """
    for name, module in list(sys.modules.items()):
        if _ELSEWHERE.get(name) is module:
            continue
        # As it is stored: asking a module that loads itself lazily would load it.
        source = str(getattr(module, "__dict__", {}).get("__file__"))
        # The recorder is no code of the run; its version stands among the packages.
        no_code = name.partition(".")[0] in _RECORDER or name.startswith(_GENERATED)
        elsewhere = no_code or not source.endswith(".py")
        if elsewhere or (is_installed(source) and name != "__main__"):
            _ELSEWHERE[name] = module
            continue
        path = Path(source).resolve()
        if path.is_file():
            yield name, module, path


def _imported_files(project: Path) -> dict[str, str]:
    """Return the digest of the entry point and of every file of the run's own code."""
    files = {}
    for name, _, path in own_modules():
        inside = name == "__main__" or path.is_relative_to(project)
        title = _name(path, project) if inside else f"<outside>/{_name_outside(name, path)}"
        files[title] = digest_file(path)
    return dict(sorted(files.items()))


def _cells_of(notebook: Path | None, project: Path, missed: Missed) -> dict[str, str]:
    """Return the digest of a notebook's code cells: running them changes the rest of the file."""
    if notebook is None:
        return {}
    try:
        return {_name(notebook.resolve(), project): digest_cells(notebook)}
    except ReproAuditError as error:
        missed("$.conditions.code.files", str(error))
        return {}


def _name_outside(module: str, path: Path) -> str:
    """Return a file's path below the folder that its package is in, which is elsewhere tomorrow.

    >>> _name_outside("lab.models.cnn", Path("/home/me/lab/src/lab/models/cnn.py"))
    'lab/models/cnn.py'
    """
    parts = module.split(".")
    within = path.parts[-len(parts) - (path.name == "__init__.py") :]
    found = Path(*within)
    bare = found.parent if found.name == "__init__.py" else found.with_suffix("")
    return found.as_posix() if bare == Path(*parts) else path.name


def _repository(
    source: Source, outputs: Sequence[str], written: Collection[str], missed: Missed
) -> Git | None:
    """Read the state of the repository; what the run writes there is no change of its code."""
    if source.git is not None:
        missed("$.conditions.code.git", source.git)
        return None
    folder, root = source.folder, source.project
    status, _ = _git(folder, "status", "--porcelain", "-z", "--untracked-files=normal")
    commit, _ = _git(folder, "rev-parse", "--verify", "HEAD")
    if status is None:
        missed("$.conditions.code.git", "git status did not answer")
        return None
    changed = _changed(status)
    results = _outputs(outputs) | (_results(written) if changed else set())
    changes = {name: kind for name, kind in changed.items() if not _is_result(root / name, results)}
    difference = None
    if commit is not None and changes:
        shown = "--no-ext-diff", "--no-textconv", "--binary"
        without = (f":(top,exclude,literal){name}" for name in changed if name not in changes)
        difference, _ = _git(folder, "diff", "HEAD", *shown, "--", ":(top)", *without)
    content = (difference or "").encode(errors="surrogateescape")
    for name in (name for name, kind in changes.items() if kind == "??"):
        path = root / name
        content += name.encode(errors="surrogateescape")
        if path.is_file() and path.stat().st_size <= _UNTRACKED_LIMIT_BYTES:
            content += digest_file(path).encode()
    return Git(
        commit=commit and commit.strip(),
        dirty=bool(changes),
        diff_digest=digest_bytes(content) if content else None,
    )


def _changed(status: str) -> dict[str, str]:
    """Return the names that git tells of, as they are, and how each has changed."""
    entries = iter(status.split("\0"))
    changed = {}
    for entry in entries:
        if entry:
            kind, name = entry[:2], entry[3:]
            changed[name] = kind
            if "R" in kind or "C" in kind:
                changed[next(entries, name)] = kind  # what it was called before
    return changed


def _outputs(outputs: Sequence[str]) -> set[str]:
    """Return the real paths that a run was told to write, and those of what lies beside them."""
    outs = [Path(output) for output in outputs]
    paths = [path for out in outs for path in (out, trace_path(out), executed_path(out))]
    return set(map(os.path.realpath, paths))


def _results(written: Collection[str]) -> set[str]:
    """Return the real paths of what a run has written, but for code."""
    real = map(os.path.realpath, written)
    return {path for path in real if not path.endswith(_SOURCES)}


def _is_result(path: Path, results: Collection[str]) -> bool:
    """Whether something that git tells of is a file the run wrote, or a folder of such files."""
    if str(path) in results:
        return not path.is_dir()
    if path.is_symlink() or (path / ".git").exists() or not path.is_dir():
        return False
    files = [item for item in path.rglob("*") if not item.is_dir()]
    return bool(files) and all(str(item) in results for item in files)


def _git(folder: Path, *arguments: str) -> tuple[str | None, str]:
    """Run git; return what it says, None where it fails, and what it complains of then."""
    # No optional locks: observing must not write to the repository's index.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        result = subprocess.run(
            command, capture_output=True, timeout=_GIT_TIMEOUT_S, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    if result.returncode != 0:
        complaint = result.stderr.decode(errors="replace").strip().partition("\n")[0]
        return None, scrub(complaint.removeprefix("fatal: "), folder)
    return result.stdout.decode(errors="surrogateescape"), ""
