"""Stand for a trainer: leave a manifest as one would, in a blink, and behave as asked.

Arguments: a valid manifest, then any of ``nothing``, ``untrained``, ``exit3``, ``raise``,
``sleep``, ``child``, ``leave``, ``environment``, ``other``.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

from repro_audit.manifest import load
from repro_audit.manifest.records import Flip, Outcomes
from repro_audit.manifest.run_id import new_run_id
from repro_audit.manifest.writing import write

example, *wishes = sys.argv[1:]
request = json.loads(os.environ["REPRO_AUDIT_RUN"])
number = Path(request["manifest"]).parent.name
print("stand-in begins as", number)
manifest = load(example)
began = datetime.fromisoformat(manifest.information.started)
manifest = manifest._replace(run_id=new_run_id(began), digest="")
# No two runs take equally long.
took = manifest.information._replace(duration_s=round(time.monotonic() + 1e5 * os.getpid(), 3))
manifest = manifest._replace(information=took)
if request["flip"] or "other" in wishes:
    first = manifest.outcomes.fits[0]
    flipped = "sha256:" + uuid.uuid4().hex * 2
    outcomes = manifest.outcomes._replace(
        fits=(first._replace(epochs=(flipped, *first.epochs[1:])), *manifest.outcomes.fits[1:]),
        digests=manifest.outcomes.digests._replace(
            epochs=(flipped, *manifest.outcomes.digests.epochs[1:])
        ),
    )
    manifest = manifest._replace(outcomes=outcomes)
if request["flip"]:
    manifest = manifest._replace(
        positive_control=Flip(step=1, model=0, position=0, element=0, bit=11)
    )
if "untrained" in wishes:
    manifest = manifest._replace(outcomes=Outcomes())
if "leave" in wishes:
    Path("left-behind.txt").write_text(number, encoding="utf-8")
if "environment" in wishes:
    here = sorted(path.name for path in Path.cwd().iterdir())
    said = {"variables": dict(os.environ), "here": here}
    Path(request["manifest"]).with_name("said.json").write_text(json.dumps(said), encoding="utf-8")
if "child" in wishes and number == "run-2":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(request["manifest"]).with_name("child").write_text(str(child.pid), encoding="utf-8")
    time.sleep(600)
if "sleep" in wishes:
    time.sleep(600)
if "raise" in wishes:
    message = "the learning rate is \x1b[31mtoo high"
    raise ValueError(message)
if "nothing" not in wishes:
    write(manifest, request["manifest"])
if "exit3" in wishes:
    sys.exit(3)
