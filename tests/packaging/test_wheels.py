"""What is published works on its own: sdist, wheel from that sdist, installed without an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from manifests import ROOT

from repro_audit.errors import how_to_install


def test_wheels_from_sdists_audit_a_manifest_outside_the_tree(
    installed: Callable[..., Path], tmp_path: Path
) -> None:
    """Installed with --no-index over pinned dependencies, the command reads a copied manifest."""
    command = str(installed(tmp_path) / "repro-audit")
    manifest = Path(shutil.copy(ROOT / "examples" / "threads-2.json", tmp_path))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        words = command, *words
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run(manifest.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("controlled")
    shown = run("demo")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Two real runs of one script")
    broken = tmp_path / "broken.json"
    broken.write_bytes(manifest.read_bytes().replace(b'"complete"', b'"over"', 1))
    assert run(broken.name).returncode == 2
    # Without the extra, what needs it says the line that installs it.
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n")
    for words in ((manifest.name, "--format", "html"), ("paper.pdf",)):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(f"{how_to_install('paper')}\n")
        assert done.stderr.count("\n") == 1


def test_the_wheel_brings_the_fixture_to_pytest(
    wheels: Path, uv: Callable[..., None], tmp_path: Path
) -> None:
    """Unpacked where Python looks, it is found by its entry point; blocked, it is not there."""
    site = tmp_path / "site"
    site.mkdir()
    built = map(str, wheels.glob("*.whl"))
    uv("pip", "install", "--quiet", "--no-deps", "--no-index", f"--target={site}", *built, cwd=site)
    pytest_ = [sys.executable, "-m", "pytest", "--fixtures", "-p", "no:cacheprovider"]
    for options, found in (([], True), (["-p", "no:repro_audit"], False)):
        done = subprocess.run(
            [*pytest_, *options],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "tmp_path -- " in done.stdout
        assert ("assert_repeats -- site/repro_audit/pytest_plugin.py" in done.stdout) is found
