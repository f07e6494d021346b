"""What a run writes is no change of its work tree; what anybody else has changed there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

WATCHED = """
import json, os, sys
from repro_audit.capture.code import capture_code, find_source
from repro_audit.recording.backends.patching import Patches
from repro_audit.recording.process.files import Files
from repro_audit.recording.process.reads import Reads

reads = Reads(since_start=True)
Files(reverse=None, reads=reads).install(Patches(lambda *_: None))
try:
    exec(sys.argv[1])
except FileExistsError:
    pass
print(json.dumps(capture_code(find_source(), sys.argv, [], reads.written(), print).git))
"""
COMMITTED = ("settings.yaml", "prepare.sh", "library.py", "log.csv", "data/ü é.bin")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a repository in which all is committed."""
    for name in COMMITTED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("committed", encoding="utf-8")
    (tmp_path / "link").symlink_to("library.py")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "x"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def git(project: Path) -> Callable[[str], tuple[bool, str | None]]:
    """Return what runs code that is watched, and what git tells of the work tree behind it."""

    def run(code: str) -> tuple[bool, str | None]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", WATCHED, code]
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=True
        )
        _, dirty, difference = json.loads(done.stdout)
        return dirty, difference

    return run


@pytest.mark.parametrize(
    "code",
    [
        "",
        "open('log.csv', 'a').write('a row')",
        "open('data/ü é.bin', 'w').write('other')",
        "os.makedirs('new/states'); open('new/states/last.bin', 'w').write('state')",
        "open('part', 'w').write('state'); os.replace('part', 'log.csv')",
    ],
)
def test_what_the_run_has_written_is_no_change(git, code):
    assert git(code) == (False, None)


@pytest.mark.parametrize(
    ("edited", "code"),
    [
        ("settings.yaml", "open('settings.yaml', 'x')"),
        ("prepare.sh", "os.symlink('x', 'prepare.sh')"),
        ("log.csv", "open('log.csv').read()"),
        ("new/stray.txt", "os.makedirs('new/states'); open('new/states/last.bin', 'w').write('x')"),
        (None, "open('link', 'w').write('code')"),
        (None, "open('library.py', 'w').write('code')"),
    ],
)
def test_what_was_changed_before_the_run_is_one_and_so_is_code(project, git, edited, code):
    if edited is not None:
        (project / edited).parent.mkdir(exist_ok=True)
        (project / edited).write_text("edited", encoding="utf-8")
        os.utime(project / edited, (1_700_000_000, 1_700_000_000))
    dirty, difference = git(code)
    assert dirty
    assert difference is not None
