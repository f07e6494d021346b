"""What several folders of tests need: other packages, and tables printed when all have run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from consistent import checking
from forking import KINDS, Server, started
from processes import plain_environment

import repro_audit
from repro_audit.audit import judging
from repro_audit.trace import find_trace

Row = tuple[str, ...]
Table = Callable[..., list[Row]]

SERVERS = pytest.StashKey[dict[str, Server]]()
STARTED = pytest.StashKey[ExitStack]()
TABLES = pytest.StashKey[dict[str, list[Row]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `tests/golden`, `tests/faults`, `tests/notebook` and others can be asked for."""
    parser.addoption("--update-goldens", action="store_true", help="renew tests/golden")
    parser.addoption("--whole-matrix", action="store_true", help="train all 71 cases")
    parser.addoption("--whole-corpus", action="store_true", help="run all 44 pairs of trainings")
    parser.addoption("--all-remedies", action="store_true", help="follow every remedy")
    parser.addoption("--all-resumes", action="store_true", help="resume every kind in every way")
    parser.addoption("--all-notebooks", action="store_true", help="repeat all 19 notebooks")
    parser.addoption("--many-kills", action="store_true", help="kill 100 fits, not 3")
    parser.addoption("--many-logs", action="store_true", help="read 10,000 damaged logs")
    parser.addoption("--many-documents", action="store_true", help="let validators judge 100,000")


def pytest_configure(config: pytest.Config) -> None:
    """Start what all workers have their processes started by: it imports once what they need."""
    if not hasattr(config, "workerinput"):
        environment = plain_environment() | {"PYTHONHASHSEED": "0"}
        starting = config.stash[STARTED] = ExitStack()
        config.stash[SERVERS] = {
            kind: starting.enter_context(started(environment, kind)) for kind in KINDS
        }


def pytest_unconfigure(config: pytest.Config) -> None:
    """End it."""
    if STARTED in config.stash:
        config.stash[STARTED].close()


@pytest.fixture(autouse=True)
def _every_diagnosis_is_consistent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check what every audit that a test makes says: no cause is certain or ruled out wrongly."""
    monkeypatch.setattr(judging, "compare", checking(judging.compare))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where it is."""
    folders = {kind: str(server.folder) for kind, server in node.config.stash[SERVERS].items()}
    node.workerinput["servers"] = folders


def reached(config: pytest.Config, kind: str) -> Server:
    """Return a server of the session that workers belong to."""
    if SERVERS in config.stash:
        return config.stash[SERVERS][kind]
    return Server(Path(config.workerinput["servers"][kind]))


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Server:
    """Return the process that imports Keras, and starts scripts in children of its own."""
    return reached(pytestconfig, "keras")


@pytest.fixture(scope="session")
def quick(pytestconfig: pytest.Config) -> str:
    """Return what stands for Python where a process needs our commands alone."""
    return reached(pytestconfig, "commands").python


@pytest.fixture(scope="session")
def python(server: Server) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs Python in a process of its own, in which Keras is imported."""

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [server.python, *arguments],
            cwd=cwd,
            env=plain_environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Return what begins a table, by its title and its head, and returns its rows to add to."""

    def begin(title: str, *head: str) -> list[Row]:
        return pytestconfig.stash.setdefault(TABLES, {}).setdefault(title, [head])

    return begin


@pytest.fixture(scope="session")
def install(tmp_path_factory: Any) -> Callable[[str], Path]:
    """Return what installs one requirement, and nothing that it needs, into a folder of its own."""
    installed: dict[str, Path] = {}

    def install(requirement: str) -> Path:
        if requirement not in installed:
            folder = tmp_path_factory.mktemp("packages")
            uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
            done = subprocess.run(
                [*uv, f"--python={sys.executable}", f"--target={folder}", requirement],
                capture_output=True,
                text=True,
                check=False,
            )
            # Not skipped: without the other release nothing would say that its fault is found.
            assert done.returncode == 0, done.stderr
            installed[requirement] = folder
        return installed[requirement]

    return install


@pytest.fixture(scope="session")
def contradicted(table: Table) -> Callable[[str, Iterable[Path]], list[str]]:
    """Return what audits each run alone with its trace, counts them, and tells contradictions."""
    rows = table("contradictions found in runs as they were recorded", "runs of", "runs", "found")

    def audited(kind: str, paths: Iterable[Path]) -> list[str]:
        found, number = [], 0
        for path in paths:
            manifest = repro_audit.load(path)
            result = repro_audit.audit(manifest, traces=[find_trace(path, manifest)])
            contradiction = result.manifests[0].contradiction
            number += 1
            found += [f"{path}: {contradiction}"] if contradiction else []
        assert number, "no run was audited"
        rows.append((kind, str(number), str(len(found))))
        return found

    return audited


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with one."""

    def minutes(item: pytest.Item) -> int:
        mark = item.get_closest_marker("minutes")
        return 0 if mark is None else int(mark.args[0])

    items.sort(key=minutes, reverse=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the tables of a worker on to the process that prints."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tables"] = session.config.stash.get(TABLES, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the tables of a worker that has ended."""
    for title, rows in getattr(node, "workeroutput", {}).get("tables", {}).items():
        known = node.config.stash.setdefault(TABLES, {}).setdefault(title, [tuple(rows[0])])
        known += map(tuple, rows[1:])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the tables."""
    for title, rows in config.stash.get(TABLES, {}).items():
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        terminalreporter.section(title)
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            terminalreporter.write_line("  ".join(cells).rstrip())
