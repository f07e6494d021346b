"""Stand for a trainer that depends on some conditions: leave the manifest one would leave.

Arguments: a valid manifest, then the factors that change the outcome, parted by commas.
``jit:op-determinism`` is XLA, which is refused unless op determinism is off; ``fails:cwd`` ends
with exit code 1 where the folder is another; ``pins`` sets the thread count itself, and ``nails``
where no request changes it; ``sleeps`` never ends where anything is varied; ``late`` differs by
itself from the fourth run on; ``appends`` writes to a file of the user's.
"""

import hashlib
import json
import os
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

from repro_audit.manifest import load
from repro_audit.manifest.records import Flip
from repro_audit.manifest.run_id import new_run_id
from repro_audit.manifest.writing import write

example, factors = sys.argv[1], sys.argv[2].split(",")
request = json.loads(os.environ["REPRO_AUDIT_RUN"])
variables = os.environ


def digest_of(text):
    """Return a number that stands for a text, in hexadecimal."""
    return "0x" + hashlib.sha256(text.encode()).hexdigest()[:16]


def threads():
    """Return how many threads there are, by whoever has the last word."""
    if "nails" in factors:
        return 2
    if "pins" in factors:
        return request["threads"] or 2
    return int(variables.get("TF_NUM_INTRAOP_THREADS", "2"))


op_determinism = request["op_determinism"] is not False
state = {
    "threads": threads(),
    "onednn": variables.get("TF_ENABLE_ONEDNN_OPTS") != "0",
    "isa": variables.get("ONEDNN_MAX_CPU_ISA", "Intel AVX-512"),
    "op-determinism": op_determinism,
    "jit": bool(request["jit"]) and not op_determinism,
    # As hash("a set of strings") is, which one process cannot change.
    "hash-seed": "0x"
    + hashlib.sha256(variables.get("PYTHONHASHSEED", "").encode()).hexdigest()[:16],
    "file-order": {None: None, False: "system", True: "reversed"}[request["reverse_folders"]],
    "timezone": variables.get("TZ", "UTC"),
    "locale": variables.get("LC_ALL", "C.UTF-8"),
    "cwd": Path.cwd().name == "elsewhere",
}
if "fails:cwd" in factors and state["cwd"]:
    sys.exit("data/digits.npz: no such file")
if "sleeps" in factors and Path(request["manifest"]).parent.name.startswith("vary-"):
    Path(request["manifest"]).with_name("asleep").touch()
    time.sleep(600)
if "ONEDNN_VERBOSE" in variables:
    print(f"onednn_verbose,v1,info,cpu,isa:{state['isa']}")

manifest = load(example)
began = datetime.fromisoformat(manifest.information.started)
manifest = manifest._replace(run_id=new_run_id(began), digest="", trace=None)
# No two runs take equally long; two at a time may end in the same millisecond.
took = manifest.information._replace(duration_s=round(time.monotonic() + 1e5 * os.getpid(), 3))
manifest = manifest._replace(information=took)
conditions = manifest.conditions
determinism = conditions.determinism
backend = determinism.backend
pool = backend.threads.intra_op._replace(
    in_force=state["threads"], source="api" if {"pins", "nails"} & set(factors) else "cores"
)
manifest = manifest._replace(
    conditions=conditions._replace(
        seeds=conditions.seeds._replace(
            hash_seed=conditions.seeds.hash_seed._replace(probe=state["hash-seed"])
        ),
        environment=conditions.environment._replace(
            timezone=state["timezone"], locale=state["locale"], file_order=state["file-order"]
        ),
        determinism=determinism._replace(
            backend=backend._replace(
                threads=backend.threads._replace(intra_op=pool),
                onednn=backend.onednn._replace(in_force=state["onednn"]),
                op_determinism="before_first_op" if state["op-determinism"] else "off",
            ),
            execution=(determinism.execution[0]._replace(jit=state["jit"]),),
        ),
    )
)
acting = {
    name: state[name]
    for name in sorted({item.partition(":")[0] for item in factors} & state.keys())
}
name = Path(request["manifest"]).parent.name
chance = uuid.uuid4().hex if "late" in factors and name.startswith("vary-") else ""
if "appends" in factors:
    with Path("data/log.txt").open("a", encoding="utf-8") as log:
        log.write(name + "\n")
text = json.dumps([acting, request["flip"], chance])
digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
outcomes = manifest.outcomes
first = outcomes.fits[0]._replace(
    epochs=(digest,), trace=(None,), history={"loss": (1.0,)}, dtypes={"loss": "float32"}
)
digests = outcomes.digests._replace(epochs=(digest,), trace=None, history=None)
outcomes = outcomes._replace(fits=(first,), digests=digests, trace=None)
manifest = manifest._replace(outcomes=outcomes)
if request["flip"]:
    manifest = manifest._replace(
        positive_control=Flip(step=1, model=0, position=0, element=0, bit=11)
    )
write(manifest, request["manifest"])
