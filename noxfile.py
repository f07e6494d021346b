"""What can be run: `nox --list` names it, `nox -s NAME` does it."""

import json
import os
import platform
import shutil
from collections.abc import Iterator
from itertools import chain
from os.path import relpath
from pathlib import Path
from typing import Any

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = "constraints.txt"
SCHEMAS = "schemas/src/repro_audit_schemas"
PUBLISHED = ("repro-audit-schemas", "repro-audit")
APPS = ("mnist-cnn", "rnn-dropout")
EPOCHS = "2"
NOTEBOOKS = "tests/notebook/test_repeating.py", "tests/notebook/test_recipe.py"
REPRODUCED = Path("build/reproduce")
SITE = "build/docs"

# What recording is measured against. MLflow's callback needs TensorBoard and does not ask for it.
PEERS = ("mlflow==3.17.2", "tensorboard==2.21.0", "wandb==0.31.0")

# What is recorded, of `benchmarks/recording.py`; and what makes each benchmark quick.
RECORDED = ("cnn", "lstm", "transformer", "mlp", "small", "untraced", "fits", "epochs")
QUICK = {
    "startup.py": ("5",),
    "traces.py": ("--rounds=1", "--steps=100000"),
    "report.py": ("--rounds=1",),
    "repeat.py": ("--rounds=1", "--epochs=1"),
    "recording.py": ("--rounds=1", "--quick"),
    "growth.py": ("--rounds=1", "--of", "rows", "manifests"),
}

# Measured on x86-64 Linux with Python 3.11: the 44 wheels that `reproduce` downloads, and its
# environment on the disk with all bytecode. TensorFlow alone is 570 MB and 1.9 GB.
DOWNLOAD, UNPACKED = "650 MB", "2.3 GB"


# Sessions


@nox.session
def reproduce(session: nox.Session) -> None:
    """Train each app twice and once more as a control, in clean processes, and compare the runs."""
    size = f"about {DOWNLOAD} to download the first time, {UNPACKED} unpacked"
    print(f"Installing TensorFlow and what it needs: {size}.", flush=True)
    install(session, *APPS, "repro-audit[paper]")
    failed = []
    for app in APPS:
        module = app.replace("-", "_")
        directory = REPRODUCED / module
        shutil.rmtree(directory, ignore_errors=True)  # an old verdict must not pass for a new one
        try:
            command = "repro-audit", "repeat", f"--directory={directory}", "-m", module
            session.run(*command, "--epochs", EPOCHS)
        except CommandFailed as failure:
            failed.append(f"{module} (exit {failure.return_code})")
    print("", *summary_lines(), sep="\n")
    print("", "Look closer:", f"  {next_command(session)}", "", sep="\n", flush=True)
    if failed:
        session.error(f"did not repeat: {', '.join(failed)}")


@nox.session
def tests(session: nox.Session) -> None:
    """Check all that must pass: style, types, schemas, tests (`-- ARGS` hands ARGS to pytest)."""
    install(
        session, *APPS, "repro-audit[paper]", groups=("lint", "types", "build", "tests", "docs")
    )
    check_style(session)
    check_types(session)
    check_schemas(session)
    # The module of that folder is for Python to import as it starts, and for nobody else.
    doctests = "--doctest-modules", "--ignore-glob=/*/recording/process/startup/*"
    session.run("pytest", "--quiet", *doctests, "--pyargs", "repro_audit", "digits")
    # Each file on one worker: what its tests share is trained once. One worker more than cores:
    # much of a test is waiting.
    workers = str(min((os.cpu_count() or 1) + 1, 8))
    shared = "--numprocesses", workers, "--dist=loadfile", "--no-loadscope-reorder"
    # One that waits for ever is named. The longest takes three minutes.
    waits = "--timeout=900"
    # Thousands of processes would compile what they import again and again.
    compiled = {"PYTHONDONTWRITEBYTECODE": None}
    session.run("pytest", *shared, waits, *session.posargs, env=compiled)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and which module may import which."""
    install(session, groups=("lint",))
    check_style(session)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of everything under a src folder."""
    install(session, "repro-audit[paper]", groups=("types",))
    check_types(session)


@nox.session
def schemas(session: nox.Session) -> None:
    """Check our JSON Schemas against the schema of schemas, and the action against GitHub's."""
    install(session, groups=("lint",))
    check_schemas(session)


@nox.session
def build(session: nox.Session) -> None:
    """Build what is published into build/dist: each sdist, and the wheel from that sdist."""
    install(session, groups=("build",))
    how = "--out-dir=build/dist", "--quiet", f"--build-constraints={CONSTRAINTS}"
    for name in PUBLISHED:
        session.run("uv", "build", *how, str(MEMBERS[name][0]))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into build/docs, without warnings."""
    install(session, "repro-audit[paper]", groups=("docs",))
    shutil.rmtree(SITE, ignore_errors=True)  # a page that is no more must not stay
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", SITE)
    print(f"The site: {SITE}/index.html", flush=True)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Repeat all notebooks of the tests, and compare what is said with what was answered."""
    install(session, *APPS, groups=("tests",))
    session.run("pytest", "--all-notebooks", *NOTEBOOKS, *session.posargs)


@nox.session
def ladder(session: nox.Session) -> None:
    """Change one thing in each app and trainer, and see on which rung of the ladder it lands."""
    install(session, *APPS, "repro-audit[noise]", groups=("tests",))
    ladders = "tests/noise/ladder_of_apps.py", "tests/faults/ladder_of_faults.py"
    session.run("pytest", *ladders, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what benchmarks/README.md reports (`-- --quick`: roughly, in five minutes)."""
    quick = "--quick" in session.posargs
    further = [word for word in session.posargs if word != "--quick"]
    if not quick:
        # First, and without our settings: what they need is their own.
        uv_install(session, "--no-config", *PEERS)
    install(session, *APPS, "repro-audit[paper]")
    cases = [("recording.py", f"--case={case}", *further) for case in RECORDED]
    for script, *words in (
        ("startup.py", "examples/threads-2.json"),
        ("traces.py",),
        ("report.py",),
        ("repeat.py",),
        *cases,
        ("growth.py",),
    ):
        session.run("python", f"benchmarks/{script}", *words, *(QUICK[script] if quick else ()))


@nox.session
def pairs(session: nox.Session) -> None:
    """Train 40 pairs of equal runs of many kinds, which must not differ (`-- --pairs 10`)."""
    install(session, *APPS)
    session.run("python", "tests/pairs/run.py", *session.posargs)


@nox.session
def injections(session: nox.Session) -> None:
    """Flip one bit in each of 5,000 runs: step and tensor must be named (`-- --count 100`)."""
    install(session, *APPS)
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    session.run("python", "tests/injections/run.py", *session.posargs, env=quiet)


@nox.session
def matrix(session: nox.Session) -> None:
    """Train 71 models and ways bare and recorded, which must end in the same bits."""
    install(session, *APPS, groups=("tests",))
    session.run("pytest", "--whole-matrix", "tests/recording/test_matrix.py", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Run all trainers with a planted fault, and print how well the causes name it."""
    install(session, *APPS, groups=("tests",))
    session.run("pytest", "--whole-corpus", "tests/faults", *session.posargs)


@nox.session
def remedies(session: nox.Session) -> None:
    """Follow every remedy in the script that brought it out: what it is to mend must be gone."""
    install(session, *APPS, groups=("tests",))
    session.run("pytest", "--all-remedies", "tests/remedies", *session.posargs)


@nox.session
def resume(session: nox.Session) -> None:
    """Interrupt a dozen kinds of training, resume each in every usual way: what is lost?"""
    install(session, *APPS, groups=("tests",))
    session.run("pytest", "--all-resumes", "tests/resume", *session.posargs)


@nox.session
def kills(session: nox.Session) -> None:
    """Kill 100 fits of 300 epochs at random moments: what they leave holds, and is a second old."""
    install(session, *APPS, groups=("tests",))
    session.run("pytest", "--many-kills", "tests/recording/test_killing.py", *session.posargs)


@nox.session
def validators(session: nox.Session) -> None:
    """Let both validators judge 100,000 documents with something wrong: they must agree."""
    install(session, groups=("tests",))
    path = "packages/repro-audit/tests/manifest/test_validation.py"
    session.run("pytest", "--many-documents", path, *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the code that decides, one small thing at a time: tests must notice nine in ten."""
    install(session, "repro-audit[paper]", groups=("tests",))
    # Sets come in one order, so that every run is the same.
    session.run("python", "tests/mutants/run.py", *session.posargs, env={"PYTHONHASHSEED": "0"})


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the core's tests without TensorFlow on the oldest dependencies it allows."""
    install(session, groups=("tests",))
    # No hashes: the oldest versions are whatever the bounds allow, so nothing pins them.
    folders = [f"./{MEMBERS[name][0]}" for name in PUBLISHED]
    folders = [f"{folder}[paper]" if "/packages/" in folder else folder for folder in folders]
    uv_install(session, "--resolution=lowest-direct", "--reinstall", *folders)
    session.run("pytest", "-m", "not keras", "packages/repro-audit/tests", *session.posargs)


@nox.session
def pins(session: nox.Session) -> None:
    """Bring constraints.txt in line with every pyproject.toml (`-- --upgrade` renews the pins)."""
    install(session, groups=("build",))
    session.run(
        *("uv", "pip", "compile", f"--output-file={CONSTRAINTS}", "--quiet"),
        *("--universal", "--python-version=3.11", "--all-extras", "--group=dev"),
        *("--generate-hashes", "--no-emit-index-url", "--no-annotate"),
        *(f"--no-emit-package={name}" for name in MEMBERS),
        "--custom-compile-command=nox -s pins",
        *session.posargs,
        *(f"{folder}/pyproject.toml" for folder, _ in MEMBERS.values()),
    )


# Checks that two sessions share


def check_style(session: nox.Session) -> None:
    """Run every check that reads the text of the source."""
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    # From the source, so that an installed copy is never what gets checked.
    session.run("lint-imports", "--no-logo", env={"PYTHONPATH": "packages/repro-audit/src"})


def check_types(session: nox.Session) -> None:
    """Check each member's source folder."""
    session.run("mypy", *(f"{folder}/src" for folder, _ in MEMBERS.values()))


def check_schemas(session: nox.Session) -> None:
    """Check every schema we ship, and the action against GitHub's own."""
    paths = sorted(map(str, Path(SCHEMAS).rglob("*.schema.json")))
    session.run("check-jsonschema", "--check-metaschema", *paths)
    session.run("check-jsonschema", "--builtin-schema=vendor.github-actions", "action.yml")


# What `reproduce` prints last


def summary_lines() -> Iterator[str]:
    """Yield one line an app: verdict, work done, whether the control was caught, evidence."""
    for path in sorted(REPRODUCED.glob("*/audit.json")):
        audit = json.loads(path.read_text(encoding="utf-8"))
        runs = [run for run in audit["runs"] if run["name"] != "control"]
        control = audit["control"] and audit["control"]["caught"]
        yield (
            f"{path.parent.name:<12}  {audit['verdict']:<12}  "
            f"{len(runs)} runs, {runs[0]['steps']} steps  "
            f"positive control: {'caught' if control else 'NOT CAUGHT'}  "
            f"evidence: {audit['evidence']}"
        )


def next_command(session: nox.Session) -> str:
    """Return the command that shows what one of the runs was."""
    manifest = REPRODUCED / APPS[0].replace("-", "_") / "run-1" / "manifest.json"
    return f"{relpath(session.bin)}/repro-audit {manifest}"


# Installing


def load_members() -> dict[str, tuple[Path, dict[str, Any]]]:
    """Return each workspace member's folder and project table, by name."""
    members = {}
    for pattern in PYPROJECT["tool"]["uv"]["workspace"]["members"]:
        for path in sorted(Path().glob(f"{pattern}/pyproject.toml")):
            project = nox.project.load_toml(path)["project"]
            members[project["name"]] = path.parent, project
    return members


MEMBERS = load_members()


def install(session: nox.Session, *members: str, groups: tuple[str, ...] = ()) -> None:
    """Install members and dependency groups: third parties by pin and hash, then the members.

    pip would take minutes over TensorFlow, so it fetches only the pinned uv, which does the rest.
    """
    needed = nox.project.dependency_groups(PYPROJECT, *groups)
    folders, third_parties = resolve(session, *members, *needed)
    by_hash = "--require-hashes", f"--constraint={CONSTRAINTS}"
    session.install(*by_hash, *pinned(session, Requirement("uv")))
    uv_install(session, *by_hash, *pinned(session, *third_parties))
    if folders:
        # `--reinstall`: uv does not notice that a member's source has changed.
        how = "--no-deps", "--reinstall", f"--build-constraints={CONSTRAINTS}"
        uv_install(session, *how, *folders)


def uv_install(session: nox.Session, *args: str) -> None:
    """Install with uv, whose output is shown only if it fails.

    By itself uv leaves compiling to the first import, and the first training run would be slower.
    """
    session.run_install("uv", "pip", "install", "--compile-bytecode", *args, silent=True)


def resolve(session: nox.Session, *wanted: str) -> tuple[list[str], list[Requirement]]:
    """Follow members to their folders and, through their dependencies, to the third parties."""
    folders, third_parties = set(), set()
    queue = [Requirement(text) for text in wanted]
    for requirement in queue:
        if requirement.name not in MEMBERS:
            third_parties.add(requirement)
            continue
        folder, project = MEMBERS[requirement.name]
        folders.add(f"./{folder}")
        needed, received = project["requires-python"], platform.python_version()
        if not SpecifierSet(needed).contains(received, prereleases=True):
            session.error(f"{requirement.name} needs Python {needed}, nox runs on {received}")
        extras = (project["optional-dependencies"][extra] for extra in requirement.extras)
        queue += map(Requirement, chain(project["dependencies"], *extras))
    return sorted(folders), list(third_parties)


def pinned(session: nox.Session, *requirements: Requirement) -> list[str]:
    """Return each requirement as constraints.txt pins it: by hash uv takes no looser one."""
    lines = Path(CONSTRAINTS).read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.removesuffix("\\")) for line in lines if line[:1].isalnum()]
    pins = [pin for pin in pins if not pin.marker or pin.marker.evaluate()]
    versions = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}
    for wanted in requirements:
        version = versions.get(wanted.name)
        if version is None or version not in wanted.specifier:
            session.error(f"{wanted} is wanted, {version} is pinned: run `nox -s pins`")
    return sorted({f"{wanted.name}=={versions[wanted.name]}" for wanted in requirements})
