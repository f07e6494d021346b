"""Stand for a trainer whose outcome is chance, unless it finds what an earlier run has left.

Arguments: a valid manifest, the way in which the cache is written and read, and where it lies.
"""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

import numpy as np

from repro_audit.manifest import load
from repro_audit.manifest.records import Flip
from repro_audit.manifest.run_id import new_run_id
from repro_audit.manifest.writing import write

example, way, place = sys.argv[1], sys.argv[2], Path(sys.argv[3])
request = json.loads(os.environ["REPRO_AUDIT_RUN"])
drawn = uuid.uuid4().hex


def by_a_program(code: str) -> str:
    """Do something in another process, which nobody sees into."""
    command = [sys.executable, "-I", "-S", "-c", code, str(place), drawn]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def leave() -> None:
    """Write what is found later, unless an earlier run has."""
    if not place.exists():
        place.write_text(drawn, encoding="utf-8")


def memory_map() -> str:
    if not place.exists():
        np.save(place, np.frombuffer(drawn.encode(), "u1"))
    return bytes(np.load(place, mmap_mode="r")).decode()


def descriptor() -> str:
    leave()
    return os.read(os.open(place, os.O_RDONLY), 100).decode()


def database() -> str:
    with sqlite3.connect(place) as base:
        base.execute("create table if not exists drawn (text)")
        if base.execute("select * from drawn").fetchone() is None:
            base.execute("insert into drawn values (?)", (drawn,))
        return str(base.execute("select * from drawn").fetchone()[0])


def folder_moved_into_place() -> str:
    if not place.exists():
        made = place.with_name(f"{place.name}.{drawn}")
        made.mkdir()
        (made / "drawn").write_text(drawn, encoding="utf-8")
        made.rename(place)
    return (place / "drawn").read_text(encoding="utf-8")


def read_by_a_program() -> str:
    leave()
    return by_a_program("import sys; print(open(sys.argv[1]).read())").strip()


def written_by_a_program() -> str:
    if not place.exists():
        by_a_program("import sys; open(sys.argv[1], 'w').write(sys.argv[2])")
    return place.read_text(encoding="utf-8")


def results() -> str:
    place.write_text(drawn, encoding="utf-8")  # anew each time, and never read
    return "the same"


def one_of_its_own() -> str:
    own = place.with_name(f"{place.name}.{drawn}")  # nobody else finds it
    own.write_text("the same", encoding="utf-8")
    return own.read_text(encoding="utf-8")


cached = globals()[way.replace(" ", "_")]
manifest = load(example)
began = datetime.fromisoformat(manifest.information.started)
manifest = manifest._replace(run_id=new_run_id(began), digest="", trace=None)
# No two runs take equally long.
took = manifest.information._replace(duration_s=round(time.monotonic() + 1e5 * os.getpid(), 3))
digest = "sha256:" + hashlib.sha256(f"{cached()} {request['flip']}".encode()).hexdigest()
outcomes = manifest.outcomes
first = outcomes.fits[0]._replace(
    epochs=(digest,), trace=(None,), history={"loss": (1.0,)}, dtypes={"loss": "float32"}
)
digests = outcomes.digests._replace(epochs=(digest,), trace=None, history=None)
outcomes = outcomes._replace(fits=(first,), digests=digests, trace=None)
manifest = manifest._replace(outcomes=outcomes, information=took)
if request["flip"]:
    manifest = manifest._replace(
        positive_control=Flip(step=1, model=0, position=0, element=0, bit=11)
    )
write(manifest, request["manifest"])
