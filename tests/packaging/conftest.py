from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from manifests import ROOT

PUBLISHED = {"repro_audit": "packages/repro-audit", "repro_audit_schemas": "schemas"}


@pytest.fixture(scope="session")
def uv() -> Callable[..., None]:
    """Return what runs the uv that is installed beside pytest."""

    def uv(*arguments: str, cwd: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "uv", *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return uv


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory, uv: Callable[..., None]) -> Path:
    """Build each sdist and, from it alone, its wheel; return the folder of the wheels."""
    folder = tmp_path_factory.mktemp("dist")
    pins = f"--build-constraints={ROOT / 'constraints.txt'}"
    for name, member in PUBLISHED.items():
        how = "--quiet", pins, f"--out-dir={folder}"
        uv("build", "--sdist", *how, str(ROOT / member), cwd=folder)
        (sdist,) = folder.glob(f"{name}-*.tar.gz")
        uv("build", "--wheel", *how, str(sdist), cwd=folder)
    return folder


@pytest.fixture
def installed(wheels: Path, uv: Callable[..., None]) -> Callable[..., Path]:
    """Return what installs the wheels into an environment of their own, and gives its bin."""

    def installed(folder: Path, extra: str | None = None) -> Path:
        environment = folder / "venv"
        uv("venv", "--quiet", f"--python={sys.executable}", str(environment), cwd=folder)
        python = f"--python={environment / 'bin' / 'python'}"
        pins = f"--constraint={ROOT / 'constraints.txt'}"
        uv("pip", "install", "--quiet", python, pins, *dependencies(wheels, extra), cwd=folder)
        built = map(str, wheels.glob("*.whl"))
        uv("pip", "install", "--quiet", python, "--no-index", "--no-deps", *built, cwd=folder)
        return environment / "bin"

    return installed


def dependencies(wheels: Path, extra: str | None) -> list[str]:
    """Return what the wheels need beside each other, by their own metadata."""
    from packaging.requirements import Requirement

    names = []
    for wheel in wheels.glob("*.whl"):
        with ZipFile(wheel) as archive:
            (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
            fields = Parser().parsestr(archive.read(metadata).decode())
        for text in fields.get_all("Requires-Dist", []):
            need = Requirement(text)
            wanted = need.marker is None or need.marker.evaluate({"extra": extra or ""})
            if wanted and not need.name.startswith("repro-audit"):
                names.append(f"{need.name}{need.specifier}")
    return names
