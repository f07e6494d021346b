"""Logs with damage in them are read or refused, whatever the damage: no other error, no hang."""

import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from event_files import DOUBLE, event, event_file, field, record, simple, tensor

from repro_audit import audit
from repro_audit.errors import ManifestError
from repro_audit.logs.records import records
from repro_audit.manifest import parse
from repro_audit.report.text import render_text

CASES = Path(__file__).parents[4] / "tests/cases/logs"
MOST_BYTES = 200 * 2**20
SECONDS = 5.0
EVENTS = [
    event(step, simple("epoch_loss", 1 / (step + 1)), tensor("epoch_acc", 0.5, DOUBLE))
    for step in range(6)
]
TABLE = b"epoch,accuracy,loss,val_loss\r\n" + b"".join(
    b"%d,0.5,%.17g,NA\r\n" % (step, 1 / (step + 3)) for step in range(6)
)
TOKENS = (
    b"", b"\0", b"\n", b"\r", b",", b'"', b";", b"nan", b"-inf", b"1e999", b"0x1", b"{", b"[", b"]",
    b"}", b"epoch", b"NaN", b"\xff\xfe", b"\xef\xbb\xbf", b"\x80", b"9" * 500, b"\x1b[31m",
    b"\xe2\x80\xae", b"'", b"null", b"\x89PNG", b'"schema":"repro-audit/manifest-2"', b"#0",
)  # fmt: skip


def changed(content: bytes, drawn: random.Random) -> bytes:
    """Return bytes of which one to four places are other ones."""
    found = bytearray(content)
    for _ in range(drawn.choice((1, 1, 2, 4))):
        at = drawn.randrange(len(found) + 1)
        size = drawn.choice((0, 0, 1, 1, 3, 20))
        new = drawn.choice((drawn.randbytes(size), drawn.choice(TOKENS), bytes(found[:size])))
        found[at : at + size] = new
        if drawn.random() < 0.1:
            del found[drawn.randrange(len(found) + 1) :]
    return bytes(found)


def mutants(count: int, seed: int):
    """Yield damaged logs, each with its name: also events whose checksums hold."""
    drawn = random.Random(seed)
    whole = event_file(EVENTS)
    texts = [(file.name, file.read_bytes()) for file in sorted(CASES.iterdir())]
    for _ in range(count):
        kind = drawn.choice(("events", "records", "table", "text"))
        if kind == "events":
            yield "events.tfevents", changed(whole, drawn)
        elif kind == "records":
            data = [bytes(item) for item in records(whole) if item is not None]
            at = drawn.randrange(len(data))
            data[at] = changed(data[at], drawn)
            yield "events.tfevents", b"".join(map(record, data))
        elif kind == "table":
            yield "training.log", changed(TABLE, drawn)
        else:
            name, content = drawn.choice(texts)
            yield name, changed(content, drawn)


def outcome(content: bytes, name: str) -> tuple[str, str]:
    """Return the report on a log, or why it is refused: one of the two is empty."""
    try:
        manifest = parse(content, name)
    except ManifestError as error:
        return "", str(error)
    return render_text(audit(manifest), [manifest]), ""


def test_damaged_logs_are_read_or_refused_in_one_line(pytestconfig):
    count = 10_000 if pytestconfig.getoption("--many-logs") else 400
    read = {"events.tfevents": 0, "training.log": 0}
    for number, (name, content) in enumerate(mutants(count, seed=812)):
        before = time.process_time()
        report, message = outcome(content, name)
        assert report.replace("\n", "").isprintable(), number
        assert message.isprintable(), number
        assert len(message) < 1000, number
        if report and name in read:
            read[name] += 1
        assert time.process_time() - before < SECONDS, number
    # Or nothing but the first check would have been tried.
    assert min(read.values()) > count // 50


HUGE = {
    "events of one value each": lambda: event_file(
        event(at, simple("loss", 0.5)) for at in range(50_000)
    ),
    "events of new names": lambda: b"".join(
        record(event(at, simple(f"{at}" * 9, 0.5))) for at in range(11_000)
    ),
    "one event of 16 MiB": lambda: event_file([field(4, bytes(16 * 2**20))]),
    "a length of 2^63": lambda: record(b"")[:0] + struct.pack("<Q", 2**63) + bytes(2**20),
    "a table of 64 MiB": lambda: b"accuracy,loss\n" + b"1,2\n" * (2**24 - 4),
    "a line of 64 MiB": lambda: b"loss,a" + b"\xf0\x9f\x98\x80" * (2**24 - 9),
    "objects in JSON": lambda: b"[" + b'{"a":1},' * 166_000 + b'{"a":1}]',
    "arrays in JSON": lambda: b"[" + b"[]," * 2**22 + b"[]]",
    "lines of JSON": lambda: b'{"a":1,"b":2,"c":3}\n' * 2**21,
    "keys in lines of JSON": lambda: b"".join(b'{"k%d":1}\n' % at for at in range(20_000)),
}  # fmt: skip
READ = """
import sys
from repro_audit.errors import ManifestError
from repro_audit.manifest import load
try:
    load(sys.argv[1])
except ManifestError as error:
    print(error)
# Of this program alone: what getrusage says begins with that of the process that started it.
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(1024 * int(peak.split()[1]))
"""


@pytest.mark.parametrize("name", HUGE)
def test_what_is_huge_takes_less_than_200_mb(name, tmp_path):
    (tmp_path / "log").write_bytes(HUGE[name]())
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(done.stdout.splitlines()[-1]) < MOST_BYTES, done.stdout
