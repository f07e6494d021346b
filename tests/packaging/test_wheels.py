"""What is published works on its own: sdist, wheel from that sdist, installed without an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = {"repro_audit": "packages/repro-audit", "repro_audit_schemas": "schemas"}


def uv(*arguments: str, cwd: Path) -> None:
    """Run the uv that is installed beside pytest."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build each sdist and, from it alone, its wheel; return the folder of the wheels."""
    folder = tmp_path_factory.mktemp("dist")
    pins = f"--build-constraints={ROOT / 'constraints.txt'}"
    for name, member in PUBLISHED.items():
        how = "--quiet", pins, f"--out-dir={folder}"
        uv("build", "--sdist", *how, str(ROOT / member), cwd=folder)
        (sdist,) = folder.glob(f"{name}-*.tar.gz")
        uv("build", "--wheel", *how, str(sdist), cwd=folder)
    return folder


def test_wheels_from_sdists_audit_a_manifest_outside_the_tree(wheels: Path, tmp_path: Path) -> None:
    """Installed with --no-index over pinned dependencies, the command reads a copied manifest."""
    environment = tmp_path / "venv"
    uv("venv", "--quiet", f"--python={sys.executable}", str(environment), cwd=tmp_path)
    python = f"--python={environment / 'bin' / 'python'}"
    dependencies = _dependencies(wheels)
    pins = f"--constraint={ROOT / 'constraints.txt'}"
    uv("pip", "install", "--quiet", python, pins, *dependencies, cwd=tmp_path)
    built = map(str, wheels.glob("*.whl"))
    uv("pip", "install", "--quiet", python, "--no-index", *built, cwd=tmp_path)
    manifest = Path(shutil.copy(ROOT / "examples" / "threads-2.json", tmp_path))
    command = [str(environment / "bin" / "repro-audit"), manifest.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("controlled")
    broken = tmp_path / "broken.json"
    broken.write_bytes(manifest.read_bytes().replace(b'"complete"', b'"over"', 1))
    command[1] = broken.name
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 2


def test_the_wheel_brings_the_fixture_to_pytest(wheels: Path, tmp_path: Path) -> None:
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


def _dependencies(wheels: Path) -> list[str]:
    """Return what the wheels need beside each other, by their own metadata."""
    from email.parser import Parser
    from zipfile import ZipFile

    names = []
    for wheel in wheels.glob("*.whl"):
        with ZipFile(wheel) as archive:
            (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
            fields = Parser().parsestr(archive.read(metadata).decode())
        names += [
            need
            for need in fields.get_all("Requires-Dist", [])
            if "extra ==" not in need and not need.startswith("repro-audit")
        ]
    return names
