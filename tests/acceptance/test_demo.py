"""`repro-audit demo`: what a newcomer sees first, on runs that come with the package."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from manifests import EXAMPLES

from repro_audit.demo import RUNS, damaged, put_runs
from repro_audit.errors import ManifestError, OutputError
from repro_audit.manifest import load

WATCHED = """
import os, sys
sys.dont_write_bytecode = True
sys.modules["matplotlib"] = None
sys.argv = ["repro-audit", "demo"]
done = []
def look(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__":
        done.append(event)
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        done.append(os.path.relpath(arguments[0]).split(os.sep)[0])
sys.addaudithook(look)
from repro_audit.cli.entry import run
code = run()
print(sorted({*done, *{"tensorflow", "keras"} & set(sys.modules)}), file=sys.stderr)
raise SystemExit(code)
"""


@pytest.fixture
def demo(tmp_path):
    """Return what runs the command in a folder of its own, and the folder."""
    here = tmp_path / "here"
    here.mkdir()

    def demo(*words):
        command = [sys.executable, "-m", "repro_audit", "demo", *words]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)

    return demo, here


def test_losses_are_equal_weights_are_not_and_one_line_mends_it(demo):
    command, _ = demo
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    assert "divergent  first difference at step 1 of epoch 1" in said
    assert "history      match" in said
    assert "final state  differ" in said
    assert "Why, likely: thread count: 2 → 1\n    repro_audit.control(seed=812, threads=2)" in said


def test_the_command_it_names_says_the_same(demo):
    command, here = demo
    (line,) = [line for line in command().stdout.splitlines() if line.startswith("$ ")]
    folder, words = line.removeprefix("$ cd ").split(" && repro-audit ")
    done = subprocess.run(
        [sys.executable, "-m", "repro_audit", *words.split()],
        cwd=here / folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("divergent  first difference at step 1 of epoch 1")


def test_a_flipped_bit_is_caught_and_a_changed_byte_refused(demo):
    command, here = demo
    said = command().stdout
    assert "Caught: bit " in said
    assert "Refused: damaged.json" in said
    with pytest.raises(ManifestError, match="changed or damaged"):
        load(here / "repro-audit-demo/damaged.json")


def test_it_writes_into_its_folder_alone_and_takes_another_one_next_time(demo):
    command, here = demo
    command()
    command()
    assert sorted(path.name for path in here.iterdir()) == [
        "repro-audit-demo",
        "repro-audit-demo-2",
    ]
    command("-d", "mine")
    assert (here / "mine" / RUNS[0]).is_file()


def test_a_folder_that_holds_something_is_left_alone(demo):
    command, here = demo
    (here / "mine").mkdir()
    (here / "mine/notes.txt").write_text("keep", encoding="utf-8")
    done = command("-d", "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert "received one with 'notes.txt' in it" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in (here / "mine").iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        put_runs(tmp_path / "file/below")


def test_it_needs_no_framework_no_network_and_three_seconds(tmp_path):
    """And opens no file elsewhere to write; its time is CPU time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr == "['repro-audit-demo']\n"
    assert "report.html" not in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


def test_the_examples_are_those_runs():
    for name in RUNS[:2]:
        assert (EXAMPLES / name).resolve().parent.name == "runs"
        assert load(EXAMPLES / name).status == "complete"


def test_damaged_changes_one_byte_and_leaves_json():
    content = (EXAMPLES / "threads-2.json").read_bytes()
    other = damaged(content)
    assert sum(one != two for one, two in zip(content, other, strict=True)) == 1
    assert json.loads(other) != json.loads(content)
    assert len(Path(EXAMPLES / "threads-2.json").read_bytes()) == len(other)
