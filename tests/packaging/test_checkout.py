"""What the pages say installs a checkout, with pip alone and nothing of ours from an index."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from manifests import ROOT

from repro_audit.installing import NAMES, install_command

pytestmark = pytest.mark.minutes(1)

LEFT = shutil.ignore_patterns("tests", "build", "__pycache__")


def origins(environment: Path) -> dict[str, str | None]:
    """Return where each distribution was installed from; None for an index."""
    found = {}
    for folder in environment.glob("lib/python*/site-packages/*.dist-info"):
        name = folder.name.partition("-")[0].replace("_", "-")
        origin = folder / "direct_url.json"
        found[name] = json.loads(origin.read_text())["url"] if origin.exists() else None
    return found


def test_a_checkout_installs_by_the_line_on_the_pages(
    uv: Callable[..., None], tmp_path: Path
) -> None:
    """Both packages come from its folders, what they need from an index, and HTML is written."""
    checkout, environment = tmp_path / "checkout", tmp_path / "venv"
    for folder in ("schemas", "packages/repro-audit", "examples"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=LEFT)
    uv("venv", "--quiet", "--seed", f"--python={sys.executable}", str(environment), cwd=tmp_path)
    # Pip takes no folder where hashes are asked for.
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = re.sub(r"\s*\\\n\s+--hash=\S+", "", pins)
    (tmp_path / "pins.txt").write_text(pinned, encoding="utf-8")
    path = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])
    variables = os.environ | {"PATH": path, "PIP_CONSTRAINT": str(tmp_path / "pins.txt")}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", "-c", line]
        return subprocess.run(
            words, cwd=checkout, env=variables, capture_output=True, text=True, check=False
        )

    done = run(install_command("paper", released=False))
    assert done.returncode == 0, done.stderr
    found = origins(environment)
    ours = {name: url for name, url in found.items() if name.startswith("repro-audit")}
    assert set(ours) == set(NAMES)
    assert all(url and url.startswith(checkout.as_uri()) for url in ours.values())
    assert found["click"] is None
    done = run("repro-audit examples/threads-2.json --format html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<!DOCTYPE html>")
