"""action.yml: what GitHub would run, run by the same shell with the same variables."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ensembles import apart, drawn_ensemble
from forking import Server
from manifests import document
from processes import our_command
from ruamel.yaml import YAML

from repro_audit.noise.ensemble import serialize

pytestmark = pytest.mark.minutes(2)

ACTION = Path(__file__).parents[2] / "action.yml"
# As GitHub's runner starts a step whose shell is bash.
BASH = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
OWN_FOLDER = "${{ github.action_path }}"
PINNED = re.compile(r"uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
ATTACKS = [
    "$(touch pwned)",
    "; touch pwned",
    "`touch pwned`",
    "x' ; touch pwned ; '",
    "\ntouch pwned",
]
NOTES_ITS_ARGUMENTS = """
import json, pathlib, sys
pathlib.Path(sys.argv[0]).with_name("seen.json").write_text(json.dumps(sys.argv[1:]))
"""


Run = Callable[..., "Step"]


@dataclasses.dataclass(frozen=True)
class Step:
    """What a step came to: its exit code, its log, the summary and the outputs it wrote."""

    exit_code: int
    log: str
    summary: str
    outputs: dict[str, str]


def read(path: Path = ACTION) -> Any:
    """Return the action as GitHub reads it."""
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def step_named(name: str) -> Any:
    """Return one step of the action."""
    (step,) = (step for step in read()["runs"]["steps"] if step["name"] == name)
    return step


def run_step(
    name: str, folder: Path, given: Mapping[str, str], path: str, action: Path = ACTION.parent
) -> Step:
    """Run the block of a step in a folder, with the inputs that are given and the others' defaults.

    Args:
        name: The step.
        folder: Where it starts.
        given: Inputs.
        path: Folders whose programs come first.
        action: The checkout of the action.
    """
    step = step_named(name)
    inputs = {key: value["default"] for key, value in read()["inputs"].items()} | given
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("TF_", "KERAS_", "GITHUB_", "REPRO_AUDIT_", "PYTHONHASHSEED"))
    }
    environment["PATH"] = os.pathsep.join([path, os.environ["PATH"]])
    for key, value in step["env"].items():
        own = value.replace(OWN_FOLDER, str(action))
        environment[key] = INPUT.sub(lambda found: inputs[found[1]], own)
    beside = folder.with_name(f"{folder.name}-github")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    written = {name: beside / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in written.values():
        file.touch()
    script = beside / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    done = subprocess.run(
        [*BASH, str(script)],
        cwd=folder,
        env=environment | {key: str(file) for key, file in written.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    outputs = written["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
    return Step(
        exit_code=done.returncode,
        log=done.stdout,
        summary=written["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8"),
        outputs=dict(line.split("=", 1) for line in outputs),
    )


def path_with(folder: Path, python: str, by: str = sys.executable) -> str:
    """Return folders of programs, of which Python starts our command with another one for scripts.

    Args:
        folder: Takes it.
        python: What it starts scripts with.
        by: What it is started with.
    """
    program = folder / "python"
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1 $2 $3" = "-I -m repro_audit" ]; then\n'
        f'  shift 3\n  exec {shlex.join(our_command(python, by))} "$@"\n'
        "fi\n"
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    program.chmod(0o700)
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent)])


@pytest.fixture(scope="module")
def run(quick: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return what runs a step where no script needs Keras."""
    path = path_with(tmp_path_factory.mktemp("bin"), quick, quick)
    return functools.partial(run_step, path=path)


@pytest.fixture
def folder(tmp_path: Path, stand_in: Path, example: Path) -> Path:
    """Return a checkout with a script that stands for a trainer, and one that trains nothing."""
    made = tmp_path / "checkout"
    made.mkdir()
    shutil.copy(stand_in, made / "train.py")
    shutil.copy(example, made / "example.json")
    (made / "note.py").write_text(NOTES_ITS_ARGUMENTS, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def audited(
    run: Run, stand_in: Path, example: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a checkout in which a repeat has ended well."""
    made = tmp_path_factory.mktemp("audited") / "checkout"
    made.mkdir()
    shutil.copy(stand_in, made / "train.py")
    shutil.copy(example, made / "example.json")
    step = run("Repeat", made, {"script": "train.py", "args": "example.json"})
    assert step.outputs == {"verdict": "identical", "exit-code": "0"}, step.log
    return made


# What it says


def test_the_action_is_one_by_the_schema_of_github(tmp_path: Path) -> None:
    """And what is not one is refused."""
    broken = tmp_path / "action.yml"
    broken.write_text(
        ACTION.read_text(encoding="utf-8").replace("using: composite", "using: compost"),
        encoding="utf-8",
    )
    check = [str(Path(sys.executable).with_name("check-jsonschema"))]
    check.append("--builtin-schema=vendor.github-actions")
    codes = [subprocess.run([*check, path], check=False).returncode for path in (ACTION, broken)]
    assert codes == [0, 1]


def test_no_expression_stands_in_a_script() -> None:
    """Each variable is one input, whole; and an expression in a script would be found."""
    steps = [step for step in read()["runs"]["steps"] if "run" in step]
    assert [step["name"] for step in steps] == ["Install", "Repeat"]
    for step in steps:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
        assert all(INPUT.fullmatch(value) or value == OWN_FOLDER for value in step["env"].values())
    assert "${{" in str(steps[0]["env"])


def test_every_input_is_used_and_every_input_that_is_used_exists() -> None:
    """An input that is misspelt would be empty without a word."""
    action = read()
    used = set(re.findall(r"inputs\.([a-z-]+)", str(action["runs"])))
    assert used == set(action["inputs"])
    assert {"verdict", "exit-code"} == set(action["outputs"])


def test_the_evidence_is_kept_however_the_repeat_ends() -> None:
    """The folder that `repeat` writes; installing depends on its input."""
    step = step_named("Keep the evidence")
    assert step["if"] == "always()"
    assert step["uses"].startswith("actions/upload-artifact@")
    assert step["with"]["path"] == "${{ inputs.working-directory }}/${{ inputs.directory }}"
    assert step_named("Install")["if"] == "inputs.install != ''"


def unpinned(text: str) -> list[str]:
    """Return the lines that use an action and do not name its commit."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if "uses:" in line and not PINNED.fullmatch(line)]


def test_what_it_uses_is_pinned_by_commit_with_the_version_beside_it() -> None:
    """A tag can be moved to other code; one would be seen."""
    text = ACTION.read_text(encoding="utf-8")
    assert text.count("uses:") == 1
    assert unpinned(text) == []
    assert unpinned(re.sub(r"@[0-9a-f]{40}", "@v4", text)) != []
    assert unpinned(re.sub(r" # v[\d.]+", "", text)) != []


# What it does


@pytest.mark.keras
def test_training_that_repeats_passes_and_training_that_is_not_seeded_fails(
    server: Server, tmp_path: Path, trained: Path
) -> None:
    """Exit codes 0 and 1, and the same verdict in the summary, the outputs and the evidence."""
    (tmp_path / "bin").mkdir()
    path = path_with(tmp_path / "bin", server.python)

    def one(how: str) -> Step:
        made = tmp_path / how
        made.mkdir()
        shutil.copy(trained, made / "train.py")
        given = {"script": "train.py", "args": how}
        return run_step("Repeat", made, given, path)

    with ThreadPoolExecutor(2) as workers:
        seeded, unseeded = workers.map(one, ("seeded", "unseeded"))
    for step, verdict, code in ((seeded, "identical", 0), (unseeded, "divergent", 1)):
        assert step.exit_code == code, step.log
        assert step.outputs == {"verdict": verdict, "exit-code": str(code)}
        assert step.summary.startswith(f"## repro-audit: {verdict}\n")
    assert "Positive control: caught" in seeded.summary
    assert "**Where:** initial weights" in unseeded.summary
    assert "set_random_seed" in unseeded.summary
    assert (tmp_path / "unseeded/repro-audit/run-2/manifest.json").exists()


def test_a_run_that_fails_is_inconclusive(run: Run, folder: Path) -> None:
    """Exit 2, the reason in the summary and the end of its log in the step's."""
    step = run("Repeat", folder, {"script": "train.py", "args": "example.json exit3"})
    assert step.exit_code == 2
    assert step.outputs == {"verdict": "inconclusive", "exit-code": "2"}
    assert "run-1 ended with exit code 3" in step.summary
    assert "| stand-in begins as run-1" in step.log


def test_runs_options_directory_and_module_are_handed_on(run: Run, folder: Path) -> None:
    """Three runs of a module, each in an empty folder; a script has neither."""
    given = {"args": "example.json", "options": "--require history", "directory": "a b/evidence"}
    step = run("Repeat", folder, {**given, "module": "train", "runs": "3"})
    assert (step.exit_code, step.outputs["verdict"]) == (0, "identical")
    assert (folder / "a b/evidence/run-3/manifest.json").exists()
    step = run("Repeat", folder, {**given, "script": "train.py", "options": "--nonsense"})
    assert step.exit_code == 2
    assert "nonsense" in step.log


@pytest.mark.parametrize(("accept", "code"), [("bits", 1), ("rounding", 0)])
def test_runs_are_held_against_a_baseline(run: Run, folder: Path, accept: str, code: int) -> None:
    """One that ends in other bits, and no farther apart than rounding takes it."""
    ensemble = drawn_ensemble(apart(document(), 0.0), rounding=1e-5)
    (folder / "a baseline.json").write_bytes(serialize(ensemble))
    given = {"against": "a baseline.json", "accept": accept}
    step = run("Repeat", folder, {"script": "train.py", "args": "example.json", **given})
    assert step.outputs == {"verdict": "rounding", "exit-code": str(code)}, step.log


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"script": "train.py", "module": "train"},
        {"script": "train.py", "args": "'never closed"},
        {"script": "train.py", "options": "--trace 'never closed"},
        {"script": "absent.py"},
        {"script": "train.py", "args": "example.json", "runs": "1"},
        {"script": "train.py", "args": "example.json", "options": "--help"},
        {"script": "--help"},
    ],
    ids=str,
)
def test_what_cannot_be_repeated_is_inconclusive(
    run: Run, audited: Path, tmp_path: Path, inputs: dict[str, str]
) -> None:
    """Never a pass, though an earlier repeat has left a good audit where this one's would be."""
    folder = shutil.copytree(audited, tmp_path / "checkout")
    step = run("Repeat", folder, inputs)
    before = json.loads((folder / "repro-audit/audit.json").read_text(encoding="utf-8"))
    assert before["verdict"] == "identical"
    assert step.exit_code == 2
    assert step.outputs == {"verdict": "inconclusive", "exit-code": "2"}
    assert step.summary.startswith("## repro-audit: inconclusive\n")


def test_options_cannot_lead_the_result_away(run: Run, folder: Path) -> None:
    """The summary is Markdown and the evidence where the artifact is taken from."""
    options = "--format json --output elsewhere.json --directory elsewhere"
    given = {"script": "train.py", "args": "example.json", "options": options}
    step = run("Repeat", folder, given)
    assert step.exit_code == 0, step.log
    assert step.summary.startswith("## repro-audit: identical\n")
    assert not list(folder.glob("elsewhere*"))


# What reaches the script, and what does not reach the shell


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("", "[]"),
        ("--epochs 2", '["--epochs", "2"]'),
        ("a 'b c' \"d 'e'\" f\\ g", '["a", "b c", "d \'e\'", "f g"]'),
        ("--epochs 2\n--data digits.npz\n", '["--epochs", "2", "--data", "digits.npz"]'),
        ("''", '[""]'),
        ("* $HOME ~ {a,b}", '["*", "$HOME", "~", "{a,b}"]'),
        ("--runs 5 -- -m", '["--runs", "5", "--", "-m"]'),
        ("$(touch pwned)", '["$(touch", "pwned)"]'),
        ("; touch pwned", '[";", "touch", "pwned"]'),
    ],
)
def test_args_are_split_as_a_shell_does_and_nothing_in_them_is_expanded(
    run: Run, folder: Path, args: str, words: str
) -> None:
    """The script finds them word for word."""
    run("Repeat", folder, {"script": "note.py", "args": args})
    assert (folder / "seen.json").read_text(encoding="utf-8") == words
    assert not list(folder.rglob("pwned"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_input_is_executed(run: Run, folder: Path, attack: str) -> None:
    """A command in any input of either script makes no file."""
    inputs = {INPUT.sub(r"\1", value) for value in step_named("Repeat")["env"].values()}
    handed_on = {"script", "module", "args", "runs", "options", "directory", "against", "accept"}
    assert inputs == handed_on
    for name in sorted(inputs):
        given = {"script": "" if name == "module" else "note.py", name: attack}
        assert run("Repeat", folder, given).exit_code == 2
    assert run("Install", folder, {"install": f"--no-index {attack}"}).exit_code != 0
    assert not list(folder.parent.rglob("pwned"))


def test_a_shell_that_executed_an_input_would_be_seen(tmp_path: Path) -> None:
    """The negative of the tests above: each of those attacks makes the file where it can."""
    for attack in ATTACKS:
        subprocess.run([*BASH, "-c", f"echo 'x'{attack}"], cwd=tmp_path, check=False)
        if "'" in attack:
            subprocess.run([*BASH, "-c", f"echo '{attack}'"], cwd=tmp_path, check=False)
        (found,) = tmp_path.rglob("pwned")
        found.unlink()


# What is installed


def test_what_is_to_be_installed_is_split_and_installed(run: Run, folder: Path) -> None:
    """Two wheels, one of them in a folder with a space; one that is missing fails the step."""
    environment = folder.parent / "venv"
    made = ["venv", "--quiet", "--seed", f"--python={sys.executable}", str(environment)]
    subprocess.run([sys.executable, "-m", "uv", *made], check=True)  # the seed is pip
    (folder / "two words").mkdir()
    for name, place in (("one", folder), ("two", folder / "two words")):
        with zipfile.ZipFile(place / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            about = f"{name}-1.0.dist-info"
            wheel.writestr(f"{name}.py", "")
            wheel.writestr(
                f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{about}/RECORD", "")
    wanted = (
        "--no-index {here}/one-1.0-py3-none-any.whl\n'{here}/two words/two-1.0-py3-none-any.whl'"
    )
    step = run("Install", folder, {"install": wanted}, path=str(environment / "bin"))
    assert step.exit_code == 0, step.log
    python = str(environment / "bin/python")
    subprocess.run([python, "-c", "import one, two"], check=True)
    step = run("Install", folder, {"install": "--no-index three"}, path=str(environment / "bin"))
    assert step.exit_code != 0


def test_what_the_action_runs_imports_nothing_of_the_project(folder: Path, tmp_path: Path) -> None:
    """Neither splitting, nor pip, nor our command; Python that is not isolated would."""
    for name in ("pip", "repro_audit", "shlex", "click"):
        spoils = f"open({str(tmp_path / 'pwned')!r}, 'w').close()"
        (folder / f"{name}.py").write_text(spoils, encoding="utf-8")
    bin_ = str(Path(sys.executable).parent)
    install = {"install": "--no-index absent"}
    assert run_step("Install", folder, install, bin_).exit_code != 0
    assert run_step("Repeat", folder, {"script": "absent.py"}, bin_).exit_code == 2
    assert not (tmp_path / "pwned").exists()
    subprocess.run([sys.executable, "-m", "pip", "--version"], cwd=folder, check=False)
    assert (tmp_path / "pwned").exists()


def test_by_default_the_checkout_of_the_action_is_installed_and_pip_starts_elsewhere(
    folder: Path, tmp_path: Path
) -> None:
    """Its two packages by their folders, whatever is called so below the project."""
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$2" = -c ]; then exec ' + shlex.quote(sys.executable) + ' "$@"; fi\n'
        'pwd; for word in "$@"; do echo "word: $word"; done\n'
    )
    program.chmod(0o700)
    own = tmp_path / "the action"
    step = run_step("Install", folder, {}, str(program.parent), own)
    started, *words = step.log.splitlines()
    assert not Path(started).is_relative_to(folder)
    packages = [f"word: {own}/schemas", f"word: {own}/packages/repro-audit[keras,notebook,noise]"]
    assert words == ["word: -I", "word: -m", "word: pip", "word: install", *packages]
