"""Which environment variables and files are seen to be read, and which are none of the run's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wrapt", reason="recording is an extra")

WATCH = """
import json, os, sys
from pathlib import Path
from repro_audit.manifest import unstructure
from repro_audit.recording.backends.patching import Patches
from repro_audit.recording.process.files import Files
from repro_audit.recording.process.reads import Reads

patches, missing = Patches(print), {}
reads = Reads(since_start=True)
Files(reverse=None, reads=reads).install(patches)
reads.install(patches)
sys.path.insert(0, ".")
"""
SAY = """
found = reads.capture(Path.cwd(), missing.__setitem__)
print(json.dumps([unstructure(found), missing]))
"""
OLD = time.time() - 100
SET = {"PATH": os.environ["PATH"], "LR": "0.1", "API_TOKEN": "hf_secret", "HOME": "/home/someone"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with some data, beside which there is more."""
    for folder in ("project/data", "elsewhere", "home/.keras/datasets", "temporary"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (
        "project/data/train.csv",
        "project/config.py",
        "elsewhere/vocab.txt",
        "home/.keras/datasets/mnist.npz",
        "home/.keras/keras.json",
        "home/.netrc",
        "temporary/old",
    ):
        (tmp_path / name).write_text(f"'{name}'", encoding="utf-8")
        os.utime(tmp_path / name, (OLD, OLD))
    return tmp_path / "project"


def run(code: str, project: Path, before: str = "", **variables: str) -> tuple[Any, Any]:
    """Run code that is watched; return what it has read, and what is missing."""
    script = project / "train.py"
    script.write_text(before + WATCH + code + SAY, encoding="utf-8")
    home = str(project.parent / "home")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script.name],
        cwd=project,
        env=SET | {"HOME": home, "PYTHONPATH": os.pathsep.join(sys.path)} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read, missing = json.loads(done.stdout.splitlines()[-1])
    return read, missing


ASKING = {
    "get": "os.environ.get('LR')",
    "get with a default": "os.environ.get('LR', '0.5')",
    "getenv": "os.getenv('LR')",
    "an item": "os.environ['LR']",
    "in": "'LR' in os.environ",
    "bytes": "os.environb[b'LR']",
    "getenvb": "os.getenvb(b'LR')",
    "pop": "os.environ.pop('LR')",
    "setdefault": "os.environ.setdefault('LR', '1')",
    "a method": "list(map(os.environ.__getitem__, ['LR']))",
    "formatted": "'{LR}'.format_map(os.environ)",
    "after a copy": "dict(os.environ); os.environ['LR']",
    "a function": "(lambda: os.environ['LR'])()",
}
COPYING = {
    "dict": "dict(os.environ)",
    "dict with more": "dict(os.environ, MORE='1')",
    "unpacking": "{**os.environ}",
    "copy": "os.environ.copy()",
    "union": "os.environ | {'MORE': '1'}",
    "items": "{name: value for name, value in os.environ.items()}",
    "values": "list(os.environ.values())",
    "names": "list(os.environ)",
    "bytes": "dict(os.environb)",
    "a program": "import subprocess; subprocess.run(['true'], env=os.environ)",
    "a mock": "from unittest import mock\nwith mock.patch.dict(os.environ, MORE='1'): pass",
    "a package": "import locale, tempfile, shutil; tempfile.gettempdir(); shutil.which('true')",
    "set": "os.environ['LR'] = '2'",
    "each by its name": "{name: os.environ[name] for name in os.environ}",
    "some by their names": "{n: os.environ.get(n) for n in os.environ if n.startswith('L')}",
    "a loop": "for name in os.environ: os.environ[name]",
    "a loop of calls": "def ask(name): os.environ[name]\nfor name in os.environ: ask(name)",
}


@pytest.mark.parametrize("way", ASKING)
def test_a_variable_that_the_project_asks_for_by_name_is_read(project: Path, way: str) -> None:
    assert list(run(ASKING[way], project)[0]["variables"]) == ["LR"]


def test_a_variable_is_read_where_all_are_gone_through_and_one_is_asked_for(project: Path) -> None:
    code = "{name: os.environ[name] for name in os.environ}; os.environ['LR']"
    assert list(run(code, project)[0]["variables"]) == ["LR"]


@pytest.mark.parametrize("way", COPYING)
def test_what_copies_all_variables_or_sets_one_reads_none(project: Path, way: str) -> None:
    assert run(COPYING[way], project)[0]["variables"] == {}


def test_a_module_of_the_project_reads_for_it_and_a_package_does_not(project: Path) -> None:
    """The one lies in the project, the other where packages are installed."""
    (project / "own.py").write_text("import os; os.environ.get('OWN')", encoding="utf-8")
    package = project / "site-packages"
    package.mkdir()
    (package / "installed.py").write_text("import os; os.environ.get('ITS')", encoding="utf-8")
    code = "sys.path.append('site-packages'); import own, installed"
    assert list(run(code, project)[0]["variables"]) == ["OWN"]


def test_of_a_value_16_bits_of_a_digest_are_kept_and_secrets_are_no_exception(
    project: Path,
) -> None:
    """They differ where the values do; what is not set is null."""
    code = "[os.environ.get(name) for name in ('LR', 'API_TOKEN', 'ABSENT')]"
    first, _ = run(code, project)
    again, _ = run(code, project)
    other, _ = run(code, project, LR="0.2")
    assert first == again
    assert first["variables"]["ABSENT"] is None
    assert all(len(first["variables"][name]) == 4 for name in ("LR", "API_TOKEN"))
    assert first["variables"]["LR"] != other["variables"]["LR"]
    assert first["variables"]["API_TOKEN"] == other["variables"]["API_TOKEN"]
    assert "hf_secret" not in json.dumps(first)


def test_a_variable_counts_as_the_run_was_given_it(project: Path) -> None:
    """What the run has set itself is its own doing: here it would differ each time."""
    code = "import time; os.environ['LR'] = os.environ['NEW'] = str(time.time());"
    code += "os.environ['LR'], os.environ['NEW']"
    given, _ = run("os.environ['LR']", project)
    assert run(code, project)[0]["variables"] == given["variables"] | {"NEW": None}


def test_a_name_that_is_no_text_is_written_so_that_json_can_hold_it(project: Path) -> None:
    odd = os.fsdecode(b"na\xffme")
    (project / odd).write_text("x", encoding="utf-8")
    read, _ = run(f"os.environ.get({odd!r}); open({odd!r}).close()", project)
    assert list(read["variables"]) == list(read["files"]) == [r"na\udcffme"]


WAYS = """
import collections.abc, copy, json, multiprocessing, os, pickle, subprocess, sys
from unittest import mock

def said(act):
    try:
        return repr(act())
    except Exception as error:
        return type(error).__name__, str(error), type(error.__cause__).__name__

def child():
    sys.exit(int(os.environ["LR"] == "0.1"))

def spawned():
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
    return process.exitcode

def ways():
    with mock.patch.dict(os.environ, {"LR": "patched"}):
        yield said(lambda: os.environ["LR"])
    yield said(lambda: os.environ["ABSENT"])
    yield said(lambda: os.environ[1])
    yield said(lambda: os.environ.get(1))
    yield said(lambda: os.environb["text"])
    yield said(lambda: os.environ.get("ABSENT", 3))
    yield said(lambda: os.environ.pop("ABSENT", 4))
    yield said(lambda: pickle.dumps(os.environ))
    yield said(lambda: copy.copy(os.environ)["LR"])
    yield said(lambda: list(copy.deepcopy(os.environ)) == list(os.environ))
    yield said(lambda: isinstance(os.environ, collections.abc.MutableMapping))
    yield said(lambda: type(os.environ) is type(os.environb) is os._Environ)
    yield said(lambda: list(zip(sorted(os.environ), sorted(os.environ.items()))))
    yield said(lambda: (len(os.environ), "LR" in os.environ, os.environ == dict(os.environ)))
    yield said(lambda: next(iter(os.environ)))
    yield said(lambda: os._Environ.__getitem__.__name__)
    yield said(lambda: subprocess.check_output(["env"], env=os.environ))
    yield said(lambda: subprocess.check_output(["env"]))
    yield said(spawned)

if __name__ == "__main__":
    if sys.argv[1] == "recorded":
        exec(sys.argv[2])
    print(json.dumps(list(ways())))
"""


def test_the_environment_behaves_as_bare(tmp_path: Path) -> None:
    """It is the same object of the same class, and gives the same to whoever asks in any way."""
    script = tmp_path / "ways.py"
    script.write_text(WAYS, encoding="utf-8")
    bare, recorded = (
        subprocess.run(
            [sys.executable, "-W", "ignore", script, how, WATCH],
            env=SET | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        for how in ("bare", "recorded")
    )
    assert json.loads(recorded.stdout) == json.loads(bare.stdout)
    assert json.loads(bare.stdout)[-1] == "1", "the spawned child has found the variable"


def test_a_watcher_that_fails_costs_the_script_nothing(project: Path) -> None:
    """The value comes all the same, and what is missing says so."""
    code = (
        "failed = []; patches._failed = lambda path, error: failed.append(path)\n"
        "reads._is_of_project = None; value = os.environ['LR']; del reads._is_of_project\n"
        "assert value == '0.1' and failed == ['$.conditions.read.variables'], (value, failed)\n"
    )
    read, _ = run(code, project)
    assert read["variables"] == {}


THREAD = """
from concurrent.futures import ThreadPoolExecutor as Pool
with Pool(1) as pool:
    list(pool.map(Path.read_text, [Path('../elsewhere/vocab.txt')]))
"""
READING = {
    "open": ("open('data/train.csv').read()", ["data/train.csv"]),
    "a descriptor": ("os.close(os.open('data/train.csv', os.O_RDONLY))", ["data/train.csv"]),
    "a whole path": ("open(os.path.abspath('data/train.csv')).close()", ["data/train.csv"]),
    "update": ("open('data/train.csv', 'r+').close()", ["data/train.csv"]),
    "copy": ("import shutil; shutil.copy('data/train.csv', 'new')", ["data/train.csv"]),
    "source as data": ("exec(open('config.py').read())", ["config.py"]),
    "imported source": ("open('own.py', 'w').close(); import own", []),
    "elsewhere": ("open('../elsewhere/vocab.txt').close()", ["<>/elsewhere/vocab.txt"]),
    "home": (
        "open(os.path.expanduser('~/.keras/datasets/mnist.npz')).close()",
        ["~/.keras/datasets/mnist.npz"],
    ),
    "a tool's": ("open(os.path.expanduser('~/.keras/keras.json')).close()", []),
    "the system's": ("open('/proc/cpuinfo').close(); open('/etc/passwd').close()", []),
    "Python's": ("open(os.__file__).close(); open(sys.executable, 'rb').close()", []),
    "a folder": ("os.close(os.open('data', os.O_RDONLY))", []),
    "absent": ("os.path.exists('no'), [open(name) for name in ['no'] if os.path.exists(name)]", []),
    "made, then read": ("open('new', 'w').write('x'); open('new').close()", []),
    "made in a folder": ("os.mkdir('f'); os.system('touch f/x'); open('f/x').close()", []),
    "moved into place": ("open('part', 'w'); os.rename('part', 'new'); open('new').close()", []),
    "a folder that is there": ("os.makedirs('data', exist_ok=True); open('data/train.csv')",
                               ["data/train.csv"]),
    "written over": ("open('data/train.csv', 'w').close(); open('data/train.csv').close()", []),
    "appended": ("open('data/train.csv', 'a').write('x')", []),
    "git's": ("os.mkdir('.git'); open('data/train.csv').close()", ["data/train.csv"]),
    "a database": ("import sqlite3; sqlite3.connect('data/train.csv')", ["data/train.csv"]),
    "a thread's": (THREAD, ["<>/elsewhere/vocab.txt"]),
}  # fmt: skip


def named(files: Any) -> list[str]:
    """Return the names of files, without what depends on where the test runs."""
    return ["<>" + name[name.index(">") + 1 :] if name[0] == "<" else name for name in files]


@pytest.mark.parametrize("way", READING)
def test_a_file_that_the_run_was_given_is_read(project: Path, way: str) -> None:
    """What belongs to Python, to a tool or to the run itself is none."""
    code, expected = READING[way]
    # The project of a test lies in a temporary folder, and so does what is beside it.
    read, missing = run(code, project)
    assert named(read["files"]) == expected
    assert missing == {}


def test_a_file_has_its_digest_and_its_size(project: Path) -> None:
    read, _ = run("open('data/train.csv').close()", project)
    assert read["files"]["data/train.csv"] == {
        "digest": "sha256:0f3bf726ad49e8ce681a51ceba34771c1e6c0167ee3eba5d60e962233869882f",
        "bytes": 24,
    }


def test_a_file_is_digested_as_it_was_when_it_was_read(project: Path) -> None:
    """Of one that the run writes over the digest is taken before; else its change is missing."""
    given, _ = run("open('data/train.csv').close()", project)
    code = "open('data/train.csv').close(); open('data/train.csv', 'w').write('mine')"
    assert run(code, project)[0]["files"] == given["files"]
    code = "open('config.py').close(); os.system('echo more >> config.py')"
    read, missing = run(code, project)
    assert read["files"]["config.py"] == {"digest": None, "bytes": len("'project/config.py'")}
    assert missing == {
        "$.conditions.read.files['config.py'].digest": "it was changed after it was read"
    }
    code = "open('config.py').close(); os.remove('config.py')"
    (reason,) = run(code, project)[1].values()
    assert reason == "it was gone when the run ended"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (".env", True),
        ("prod.env", True),
        ("kaggle.json", True),
        ("aws_credentials", True),
        ("hf_token", True),
        ("server.pem", True),
        ("tokenizer.json", False),
        ("tokens.txt", False),
        ("environment.yml", False),
        ("keys.csv", False),
        ("secretary.txt", False),
    ],
)
def test_a_file_that_holds_a_secret_by_its_name_has_no_digest(
    project: Path, name: str, secret: bool
) -> None:
    """Short as it is, a digest would let one guess it."""
    (project / name).write_text("KEY=abc", encoding="utf-8")
    read, missing = run(f"open({name!r}).close()", project)
    assert (read["files"][name]["digest"] is None) is secret
    assert any("secret" in reason for reason in missing.values()) is secret


def test_of_temporary_files_only_one_that_was_there_before_and_stays_is_read(
    project: Path,
) -> None:
    """What comes and goes has another name each time."""
    code = """
import tempfile
with tempfile.NamedTemporaryFile("w") as file:
    open(file.name).close()
path = os.popen("mktemp").read().strip()
open(path).close()
os.remove(path)
path = os.popen("mktemp").read().strip()
open(path).close()
open(os.environ["TMPDIR"] + "/old").close()
"""
    temporary = str(project.parent / "temporary")
    first, again = (run(code, project, TMPDIR=temporary) for _ in range(2))
    assert first == again
    assert named(first[0]["files"]) == ["<>/temporary/old"]


def test_files_beyond_the_limits_are_named_as_left_out(project: Path) -> None:
    """The same ones in any order of reading: the first by name stay."""
    for number in range(8):
        (project / f"data/{number}").write_text("x" * number, encoding="utf-8")
    limits = (
        "from repro_audit.capture import read\n"
        "read.MAX_FILES, read.MAX_BYTES, read.MAX_TOTAL_BYTES = 6, 4, 7\n"
    )
    each = "[open(f'data/{number}').close() for number in %s];"
    forward, backward = (
        run(limits + each % numbers, project) for numbers in ("range(8)", "range(7, -1, -1)")
    )
    assert forward == backward
    files, missing = forward[0]["files"], forward[1]
    assert [name for name, file in files.items() if file["digest"]] == [
        *(f"data/{number}" for number in range(4))
    ]
    assert [file["bytes"] for file in files.values()] == list(range(6))
    assert missing == {
        "$.conditions.read.files": "2 files more, from 'data/6' on, left out: the first 6 stand",
        "$.conditions.read.files['data/4'].digest": "no more than 0 MiB are digested in all",
        "$.conditions.read.files['data/5'].digest": "it is larger than 0 MiB",
    }


def test_what_was_read_before_a_script_records_itself_is_said_to_be_missing(
    project: Path,
) -> None:
    """An empty list would look as if nothing had been read."""
    code = "reads.since_start = False; open('data/train.csv').close()"
    read, missing = run(code, project)
    assert list(read["files"]) == ["data/train.csv"]
    assert set(missing) == {"$.conditions.read.files", "$.conditions.read.variables"}
    assert all("within the script" in reason for reason in missing.values())


def test_that_a_forked_process_may_have_read_more_is_said(project: Path) -> None:
    code = "import multiprocessing; process = multiprocessing.get_context('fork').Process()\n"
    code += "process.start(); process.join()"
    assert "forked" in run(code, project)[1]["$.conditions.read.files"]


def test_a_file_of_code_that_is_imported_stands_among_the_code(project: Path) -> None:
    """And not among the files, by whatever way it was opened besides."""
    (project / "own.py").write_text("", encoding="utf-8")
    read, _ = run("import own; open('own.py').read(); open('train.py').read()", project)
    assert read["files"] == {}


def test_a_long_name_is_shortened_and_told_from_others(project: Path) -> None:
    names = [f"data/{'x' * 70}{middle}{'y' * 70}" for middle in "ab"]
    for name in names:
        (project / name).write_text("x", encoding="utf-8")
    files = run(f"[open(name).close() for name in {names}]", project)[0]["files"]
    assert len(files) == 2
    assert all(len(name) <= 100 for name in files)


LOCK = """
import fcntl, subprocess
file = open("data/train.csv", "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
reads.capture(Path.cwd(), {}.__setitem__)
tried = subprocess.run([sys.executable, "-c", (
    "import fcntl; fcntl.lockf(open('data/train.csv', 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
)], capture_output=True)
assert tried.returncode, "another process has the lock"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which files are locked")
def test_a_file_of_which_the_program_holds_a_lock_is_left_alone(project: Path) -> None:
    """Closing it once more would end the lock."""
    read, missing = run(LOCK, project)
    assert read["files"]["data/train.csv"]["digest"] is None
    assert "a lock of it is held" in missing["$.conditions.read.files['data/train.csv'].digest"]


@pytest.mark.parametrize(
    "name", ["passwords.txt", "api_key.txt", "openai_key", "stored_tokens", ".pypirc", ".htpasswd"]
)
def test_a_file_whose_name_is_that_of_a_secret_has_no_digest(project: Path, name: str) -> None:
    (project / name).write_text("hunter2", encoding="utf-8")
    os.utime(project / name, (OLD, OLD))
    read, _ = run(f"open({name!r}).read()", project)
    assert read["files"][name]["digest"] is None
