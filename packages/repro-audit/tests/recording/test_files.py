"""Which files a process is seen to read that it has not made."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro_audit.repeat.shared_files import read_used

pytest.importorskip("wrapt", reason="recording is an extra")

OLD = time.time() - 100
WAYS = {
    "read": ("open('old').read()", ["old"]),
    "bytes": ("open(b'old', 'rb').read()", ["old"]),
    "update": ("open('old', 'r+').write('x')", ["old"]),
    "descriptor": ("os.close(os.open('old', os.O_RDONLY))", ["old"]),
    "whole path": ("open(os.path.abspath('old')).read()", ["old"]),
    "below": ("open('sub/old').read()", ["sub/old"]),
    "sqlite": ("sqlite3.connect('base.db').execute('select 1')", ["base.db"]),
    "append and read": ("open('old', 'a').write('x'); open('old').read()", ["old"]),
    "write": ("open('old', 'w').write('x')", []),
    "write to be read": ("open('old', 'w+b').read()", []),
    "write, then read": ("open('old', 'w').write('x'); open('old').read()", []),
    "append": ("open('old', 'a').write('x')", []),
    "copy, then read": ("shutil.copy2('old', 'new'); open('new').read()", ["old"]),
    "elsewhere": ("open(sys.executable, 'rb').read(1)", []),
    "write a descriptor": ("os.close(os.open('old', os.O_WRONLY))", []),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_older_counts_once_it_is_read(tmp_path, way):
    code, expected = WAYS[way]
    (tmp_path / "sub").mkdir()
    sqlite3.connect(tmp_path / "base.db").execute("create table t (x)").connection.close()
    for name in ("old", "sub/old"):
        (tmp_path / name).write_text("content", encoding="utf-8")
    for name in ("old", "sub/old", "base.db"):
        os.utime(tmp_path / name, (OLD, OLD))
    script = (
        "import os, shutil, sqlite3, sys, time\n"
        "from repro_audit.recording.process.files import Files\n"
        "from repro_audit.recording.backends.patching import Patches\n"
        "time.sleep(0.05)\n"
        "files = Files(reverse=None)\n"
        f"files.install(Patches(print))\n{code}\nprint(list(files.read))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(expected)


ARRIVING = {
    "written": (["cp", "new", "place/file"], True),
    "copied with its time": (["cp", "-p", "old", "place/file"], True),
    "copied over with its time": (["cp", "-p", "old", "place/there"], True),
    "linked": (["ln", "old", "place/file"], True),
    "moved": (["mv", "old", "place/file"], True),
    "linked from elsewhere": (["ln", "place/there", "elsewhere"], False),
    "let go elsewhere": (["rm", "second"], False),
    "left alone": (["true"], False),
}
"""What another program does, and whether a file in the folder `place` has changed by that."""


@pytest.mark.parametrize("way", ARRIVING)
def test_a_link_that_is_made_elsewhere_changes_no_file(tmp_path, monkeypatch, way):
    """Package managers link one file into every environment; each link moves a time of the file."""
    command, changes = ARRIVING[way]
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "place"
    place.mkdir()
    for name in ("new", "old", "place/there", "place/linked"):
        Path(name).write_text("content", encoding="utf-8")
    for name in ("second", "third"):
        Path(name).hardlink_to("place/linked")
    for name in ("old", "place/there", "place/linked", "place"):
        os.utime(name, (OLD, OLD))
    time.sleep(0.05)
    since = time.time()
    time.sleep(0.05)
    subprocess.run(command, check=True)
    script = (
        "import pathlib, sys, time\n"
        "from repro_audit.recording.process.files import Files\n"
        "from repro_audit.recording.backends.patching import Patches\n"
        "time.sleep(0.05)\n"
        "files = Files(reverse=None, since=float(sys.argv[1]))\n"
        "files.install(Patches(print))\n"
        "for file in pathlib.Path(sys.argv[2]).iterdir():\n"
        "    file.read_text()\n"
        "print(len(files.read))"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, repr(since), str(place)],
        cwd=empty,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == changes


WRITING = {
    "write": ("open(place + '/new', 'w').write('x')", ["new"]),
    "change": ("open(place + '/old', 'a').write('x')", ["old"]),
    "make a folder": ("os.mkdir(place + '/made')", ["made"]),
    "make a folder that is there": ("os.makedirs(place + '/folder', exist_ok=True)", []),
    "rename": ("open(place + '/part', 'w'); os.rename(place + '/part', place + '/new')", ["new"]),
    "a file without a name": ("tempfile.TemporaryFile(dir=place).write(b'x')", []),
    "a folder that goes again": ("tempfile.TemporaryDirectory(dir=place).cleanup()", []),
    "a folder of tools": ("os.mkdir(place + '/.cache')", []),
    "what imports leave": (
        "open(place + '/once.py', 'w').close(); sys.path.insert(0, place); import once",
        ["once.py"],
    ),
    "a kernel's connection": (
        "os.makedirs(place + '/.jupyter'); open(place + '/.jupyter/kernel.json', 'w')",
        [".jupyter"],
    ),
    "a file in one": ("os.mkdir(place + '/.cache'); open(place + '/.cache/x', 'w')", [".cache/x"]),
    "read": ("open(place + '/old').read()", []),
    "list": ("os.listdir(place)", []),
}


@pytest.mark.parametrize("way", WRITING)
def test_of_what_is_written_elsewhere_only_what_the_run_made_or_changed_is_left(tmp_path, way):
    """Never a folder that was there before: it would be moved aside with all that is in it."""
    code, expected = WRITING[way]
    start, place, evidence = (tmp_path / name for name in ("start", "place", "evidence"))
    for folder in (start, place, place / "folder", evidence):
        folder.mkdir()
    (place / "old").write_text("content", encoding="utf-8")
    since = time.time()
    time.sleep(0.05)
    script = (
        "import os, pathlib, sys, tempfile, time\n"
        "from repro_audit.recording.process.files import Files\n"
        "from repro_audit.recording.backends.patching import Patches\n"
        "files = Files(reverse=None, since=float(sys.argv[2])); place = sys.argv[1]\n"
        f"files.install(Patches(print))\n{code}\nfiles.report(pathlib.Path(sys.argv[3]))"
    )
    report = tmp_path / "files.json"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(place), repr(since), str(report)],
        cwd=start,
        check=True,
    )
    used = read_used(report, (), evidence, since)
    assert used is not None
    assert sorted(used.left) == [str(place / name) for name in expected]
