import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from repro_audit.errors import ManifestError, OutputError
from repro_audit.files import PathLock, read_bounded, replace_file

# Reading


def test_a_file_is_read_whole(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    assert read_bounded(file) == b"content"


def test_the_limit_is_the_largest_size_that_is_read(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"12345678")
    assert read_bounded(file, limit=8) == b"12345678"
    with pytest.raises(ManifestError, match="at most"):
        read_bounded(file, limit=7)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="received a folder"):
        read_bounded(tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        read_bounded(tmp_path / "missing")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(ManifestError, match="is empty"):
        read_bounded(tmp_path / "empty")


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")

    def waited(number, frame):
        pytest.fail("waited for the pipe")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(5)
    try:
        with pytest.raises(ManifestError, match="received a pipe"):
            read_bounded(tmp_path / "fifo")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/null"])
def test_a_device_is_refused(device):
    with pytest.raises(ManifestError, match=r"received a device|cannot be opened"):
        read_bounded(device)


def test_a_sparse_file_of_3_gb_is_refused_without_being_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(ManifestError, match="received 3,072 MiB"):
        read_bounded(tmp_path / "sparse")


def test_a_file_that_fails_while_it_is_read_is_refused():
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_bounded("/proc/self/mem")


def test_a_message_about_a_file_shows_no_control_character(tmp_path):
    with pytest.raises(ManifestError) as caught:
        read_bounded(tmp_path / "\x1b]8;;http:x\x07\u202e")
    assert str(caught.value).isprintable()


# Writing


def test_a_file_is_replaced(tmp_path):
    file = tmp_path / "file"
    replace_file(file, b"old")
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_many_that_write_one_file_at_once_all_succeed(tmp_path):
    script = (
        "import sys, threading; from repro_audit.files import replace_file\n"
        "def write(letter):\n"
        "    for _ in range(30): replace_file(sys.argv[1], letter * 4000)\n"
        "threads = [threading.Thread(target=write, args=(x,)) for x in (b'a', b'b', b'c')]\n"
        "threading.excepthook = lambda said: (sys.__excepthook__(*said[:3]), sys.stderr.flush(),"
        " __import__('os')._exit(1))\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]"
    )
    target = str(tmp_path / "file")
    several = [subprocess.Popen([sys.executable, "-c", script, target]) for _ in range(4)]
    assert [process.wait(60) for process in several] == [0, 0, 0, 0]
    assert len(content := set((tmp_path / "file").read_bytes())) == 1
    assert content < set(b"abc")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


LOCKS = """
import pathlib, sys
from repro_audit.files import PathLock
lock = PathLock(pathlib.Path(sys.argv[1]))
print(lock.acquire(), lock.holder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locker(tmp_path):
    """Return what starts a process that locks a path, and says whether and who has it."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", LOCKS, str(tmp_path / "manifest.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().split(maxsplit=1)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def test_of_two_processes_one_has_a_path_and_the_other_is_told_which(locker):
    first, (had, _) = locker()
    _, (has, holder) = locker()
    assert (had, has, holder.strip()) == ("True", "False", f"process {first.pid}")


@pytest.mark.parametrize("end", ["kill", "close"])
def test_a_path_is_free_again_however_its_process_ends(locker, end):
    first, _ = locker()
    if end == "kill":
        first.kill()
    else:
        first.stdin.close()
    first.wait(30)
    assert locker()[1][0] == "True"


def test_a_child_that_outlives_a_killed_process_keeps_no_path(tmp_path):
    path = tmp_path / "manifest.json"
    script = (
        "import os, pathlib, signal, sys, time; from repro_audit.files import PathLock\n"
        "lock = PathLock(pathlib.Path(sys.argv[1])); lock.acquire()\n"
        "if os.fork() == 0:\n"
        "    lock.forget(); print(os.getpid(), flush=True); time.sleep(600)\n"
        "os.wait()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        assert not PathLock(path).acquire()
        process.kill()
        process.wait()
        lock = PathLock(path)
        assert lock.acquire()
        lock.release()
        os.kill(child, signal.SIGKILL)


def test_a_path_that_is_given_free_leaves_nothing(tmp_path):
    lock = PathLock(tmp_path / "manifest.json")
    assert lock.acquire()
    assert len(list(tmp_path.iterdir())) == 1
    lock.release()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_had_half_written_goes_when_the_next_takes_the_path(tmp_path):
    (tmp_path / ".manifest.json.4411-3.tmp").write_bytes(b"half")
    (tmp_path / ".other.json.4411-3.tmp").write_bytes(b"another's")
    lock = PathLock(tmp_path / "manifest.json")
    assert lock.acquire()
    lock.release()
    assert [path.name for path in tmp_path.iterdir()] == [".other.json.4411-3.tmp"]


def test_a_folder_as_target_is_refused_and_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        replace_file(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        replace_file(tmp_path / "missing" / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        replace_file(f"{tmp_path}/a\0b", b"new")


def test_a_pipe_as_target_is_refused_and_stays_a_pipe(tmp_path):
    # As root, `-o /dev/null` would otherwise turn the device into a file.
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OutputError, match=r"cannot be written|expected"):
        replace_file(tmp_path / "fifo", b"new")
    assert (tmp_path / "fifo").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


def test_a_link_as_target_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    code = (
        "import resource, sys; from repro_audit.files import replace_file; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "replace_file(sys.argv[1], b'n' * 2000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, check=False
    )
    assert "OutputError" in done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# A process that forks once for each call that writing makes, and kills the child before or after
# that call. Each write takes 400 bytes at most, as a slow disk may.
KILLER = """
import json, os, pathlib, signal, sys
from repro_audit.files import replace_file

file = pathlib.Path(sys.argv[1])
CALLS = ("write", "fsync", "replace")
seen = []

def child(nth, before):
    count = 0
    def killing(name, call):
        def wrapped(*arguments):
            nonlocal count
            count += 1
            if name == "write":
                arguments = (arguments[0], arguments[1][:400])
            if count == nth and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments)
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return wrapped
    for name in CALLS:
        setattr(os, name, killing(name, getattr(os, name)))
    replace_file(file, b"n" * 1000)
    os._exit(0)

for nth in range(1, 100):
    codes = []
    for before in (True, False):
        file.write_bytes(b"old")
        pid = os.fork()
        if not pid:
            child(nth, before)
        status = os.waitpid(pid, 0)[1]
        codes.append(os.waitstatus_to_exitcode(status))
        content = file.read_bytes()
        whole = {b"old": "old", b"n" * 1000: "new"}.get(content, "torn")
        seen.append([codes[-1], whole])
    if codes == [0, 0]:
        break
print(json.dumps(seen))
"""


def test_a_process_killed_at_any_moment_leaves_the_old_or_the_new_file_whole(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLER, tmp_path / "file"],
        capture_output=True,
        text=True,
        check=True,
    )
    *killed, last = json.loads(done.stdout)
    assert last == [0, "new"]
    states = [state for _, state in killed[:-1]]
    # Three writes, two flushes, one rename; each killed before and after.
    assert [code for code, _ in killed[:-1]] == [-signal.SIGKILL] * 12
    assert set(states) == {"old", "new"}
    assert states == sorted(states, reverse=True), "once new, it stays new"


def test_writing_in_place_would_be_caught_by_the_test_above(tmp_path):
    in_place = KILLER.replace(
        "from repro_audit.files import replace_file",
        "def replace_file(path, content):\n"
        "    d = os.open(path, os.O_WRONLY | os.O_TRUNC)\n"
        "    while content: content = content[os.write(d, content):]",
    )
    done = subprocess.run(
        [sys.executable, "-c", in_place, tmp_path / "file"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torn" in {state for _, state in json.loads(done.stdout)}
