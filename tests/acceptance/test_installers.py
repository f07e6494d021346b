"""Environments that pip and uv made of the same releases have the same digests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from manifests import ROOT

import repro_audit

PACKAGES = ("keras", "numpy")
CAPTURE = """
import json, pathlib, sys
from importlib import metadata
sys.path.append(sys.argv[1])
from repro_audit.capture.packages import record_digest
names = sys.argv[2:]
print(json.dumps({
    name: [record_digest(metadata.distribution(name).read_text("RECORD")),
           metadata.distribution(name).read_text("RECORD")]
    for name in names
}))
"""


def pinned(name):
    """Return a package as constraints.txt pins it for this Python."""
    from packaging.requirements import Requirement

    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = re.findall(rf"^{name}==.*?(?= \\$)", text, re.MULTILINE)
    (wanted,) = [
        requirement
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate()
    ]
    return f"{name}{wanted.specifier}"


def digests(python):
    """Return the digest and the RECORD of each package, as an environment has it."""
    source = Path(repro_audit.__file__).parents[1]
    done = subprocess.run(
        [python, "-c", CAPTURE, source, *PACKAGES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_pip_and_uv_lead_to_the_same_digests(tmp_path):
    wanted = [pinned(name) for name in PACKAGES]
    by_pip, by_uv = tmp_path / "pip", tmp_path / "uv"
    uv, how = [sys.executable, "-m", "uv"], ["install", "--quiet", "--no-deps", *wanted]
    for folder, seed in ((by_pip, ["--seed"]), (by_uv, [])):  # the seed is pip
        made = [*uv, "venv", "--quiet", *seed, f"--python={sys.executable}", folder]
        subprocess.run(made, check=True)
    subprocess.run([by_pip / "bin" / "python", "-m", "pip", *how], check=True)
    subprocess.run([*uv, "pip", *how, f"--python={by_uv / 'bin' / 'python'}"], check=True)
    first, second = digests(by_pip / "bin" / "python"), digests(by_uv / "bin" / "python")
    for name in PACKAGES:
        assert first[name][0] == second[name][0] is not None
    # Their records do differ, so that equal digests are no accident.
    assert any(first[name][1] != second[name][1] for name in PACKAGES)
    assert first["keras"][0] != first["numpy"][0]
