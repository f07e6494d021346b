"""Run scripts in the versions of somebody who has changed a few of their lines."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from forking import Server

from repro_audit import audit, load
from repro_audit.audit import Audit
from repro_audit.recording.request import Request
from repro_audit.repeat.environment import clean_environment
from repro_audit.trace import find_trace

_TESTS = Path(__file__).parents[4] / "tests"
FOLDERS = _TESTS / "faults/trainers", _TESTS / "remedies/scripts"
STANDARD = {"PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
CHANGING = ("DNNL_", "KERAS_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "TF_", "XLA_")
"""Variables that would change more than a case says."""

Edit = tuple[str, str]
"""A text, and what takes its place."""


class Version(NamedTuple):
    """What is run: words as a shell takes them, ``A=1 train.py``, and edits of the script."""

    words: str
    edits: tuple[Edit, ...] = ()


class Ran(NamedTuple):
    """A run that has ended."""

    manifest: Path
    source: str
    code: Path


def run_version(server: Server, version: Version, folder: Path, after: Ran | None = None) -> Ran:
    """Run a version of a script, and bring along the arrays that an earlier run has saved.

    Args:
        server: What starts it.
        version: What is run. Behind a ``;`` the next command begins in the same folder.
        folder: An empty folder.
        after: The earlier run.
    """
    code, manifest = folder / "code", folder / "cwd" / "manifest.json"
    for place in FOLDERS:  # outside the repository, whose state they would else record
        shutil.copytree(place, code, dirs_exist_ok=True)
    manifest.parent.mkdir()
    for saved in [] if after is None else after.manifest.parent.glob("*.npz"):
        shutil.copy(saved, manifest.parent)
    commands = [shlex.split(command) for command in version.words.split(";")]
    script = next(word for word in commands[0] if word.endswith(".py"))
    source = edit(code / script, version.edits)
    for words in commands:
        variables = STANDARD | dict(word.split("=", 1) for word in words if "=" in word)
        script, *arguments = (word for word in words if "=" not in word)
        manifest.unlink(missing_ok=True)
        kept = {
            name: value
            for name, value in clean_environment(Request(manifest=str(manifest))).items()
            if not name.startswith(CHANGING)
        }
        ended = server.run(
            code / script, *arguments, cwd=manifest.parent, environment=kept | variables
        )
        assert ended.code == 0, ended.errors[-4000:]
    return Ran(manifest, source, code)


def edit(script: Path, edits: Sequence[Edit]) -> str:
    """Replace what stands once in a script or in the module beside it; return the text of both."""
    paths = [script]
    if "digit_network" in script.read_text(encoding="utf-8"):
        paths.append(script.parent / "digit_network.py")
    for old, new in edits:
        texts = [path.read_text(encoding="utf-8") for path in paths]
        assert sum(text.count(old) for text in texts) == 1, old
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text.replace(old, new), encoding="utf-8")
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def audited(*runs: Ran) -> Audit:
    """Return what an audit says of runs, as anybody gets it who has their manifests."""
    manifests = [load(run.manifest) for run in runs]
    traces = [find_trace(run.manifest, item) for run, item in zip(runs, manifests, strict=True)]
    return audit(*manifests, traces=traces)
