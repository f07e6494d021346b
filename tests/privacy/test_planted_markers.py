"""Nothing that must stay private is in any file that a run leaves, or that is made of one.

Every marker is planted in a real run, and looked for in all that comes of it. With the hiding taken
out the same run holds every one of them, so each is where it would be found.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from papers import drawn
from planted import ARGUMENTS, SETTINGS, TEXTS, filled
from processes import our_command, plain_environment

from repro_audit.cli.entry import run as command
from repro_audit.publish.attachments import extract

pytestmark = [pytest.mark.keras, pytest.mark.minutes(1)]

SCRIPT = Path(__file__).parent / "scripts" / "planted.py"
FORMATS = ("text", "json", "markdown", "latex", "html", "sarif", "plan")

USER, HOST, DOMAIN = "zq7ada", "zq7node17", "hpc.zq7uni.example"
PLACES = {
    "flags": "/scratch/zq7lab1/xla",
    "vocabulary": "/srv/zq7lab2/words",
    "setting": "zq7setting",
}
SAID = (
    f"at {HOST}.{DOMAIN}", f"ssh {HOST}", f"zq7other.{DOMAIN}",
    f"by {USER}", f"at {USER.upper()}_RUN",
    "write to zq7mail1@zq7org.example", "/home/zq7eve/private/x.npy", "/Users/Zq7bob",
    "'/data/Zq7 Lab/x.csv' is missing", "PATH=/opt/zq7lab3/bin:/usr/bin", "C:\\Users\\Zq7carl\\x",
    f"/scratch/{USER}_data/x", "file:///mnt/zq7lab4/sets/train.tfrecord", "/mnt/home/zq7dora",
)  # fmt: skip
WORDS = (
    "--data",
    "/scratch/zq7lab5/images/train",
    "--to",
    "zq7mail2@zq7org2.example",
    f"/x/{USER}_run/y",
)
NAMES = (
    *(USER, HOST, "zq7uni", "zq7other", "zq7mail1", "zq7org", "zq7mail2", "zq7org2", "zq7setting"),
    *("zq7eve", "zq7bob", "zq7carl", "zq7dora", "zq7 lab"),
    *(f"zq7lab{number}" for number in range(1, 6)),
)


def secret(number: int) -> str:
    return f"Zq7{number:03}xK9mWp4"


ARGUED = [secret(number) for number in range(len(ARGUMENTS))]
RAISED = [secret(100 + number) for number in range(len(TEXTS))]
MARKERS = [*ARGUED, *RAISED, *NAMES]


def arguments() -> list[str]:
    """Return a command line with a secret in each form, settings that look alike, and names."""
    secrets = [
        filled(word, value) for form, value in zip(ARGUMENTS, ARGUED, strict=True) for word in form
    ]
    return [*secrets, *WORDS, *(word for words in SETTINGS for word in words)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in the home of a user, with the script in it."""
    home = tmp_path_factory.mktemp("planted") / "home" / USER
    folder = home / "project"
    folder.mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    (folder / "secretly_named.py").write_text(f"import name_{USER}\n")
    (folder / f"name_{USER}.py").write_text("")
    return folder


@pytest.fixture(scope="module")
def environment(project: Path) -> dict[str, str]:
    """Return the environment of that user, on a machine that is called by its full name."""
    said = [filled(form, value) for form, value in zip(TEXTS, RAISED, strict=True)]
    # The longest last: a private key goes to its end.
    planted = {"user": USER, "said": [*SAID, *said], **PLACES}
    names = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), USER)
    return (
        plain_environment()
        | names
        | {
            "HOME": str(project.parent),
            "HOSTNAME": f"{HOST}.{DOMAIN}",
            "PLANTED": json.dumps(planted),
        }
    )


def found(paths: list[Path]) -> set[str]:
    """Return the markers in some files, whatever their case, also behind base64."""
    content = "\n".join(path.read_bytes().decode(errors="replace") for path in paths)
    coded = re.findall(r"[A-Za-z0-9+/]{60,}={0,2}", content.replace("\\n", ""))
    for text in coded:
        content += base64.b64decode(text[: len(text) // 4 * 4]).decode(errors="replace")
    content = content.lower()
    return {marker for marker in MARKERS if marker.lower() in content}


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in {".json", ".trace"}]


def trained(server, project, environment, *words, **variables) -> Path:
    """Train in a copy of the project, and return it."""
    folder = project.parent / "-".join(["copy", *words, *variables])
    shutil.copytree(project, folder)
    ended = server.run(
        folder / SCRIPT.name, *arguments(), *words, cwd=folder, environment=environment | variables
    )
    assert (folder / "manifest.json").exists(), ended.errors
    assert ("RuntimeError" in ended.errors) is ("fail" in words), ended.errors
    return folder


@pytest.fixture(scope="module")
def failed(server, project, environment) -> Path:
    """Return where a run failed, in the words of an exception that told everything."""
    return trained(server, project, environment, "fail")


def test_at_least_eighty_markers_are_planted():
    assert len(set(MARKERS)) == len(MARKERS) >= 80


def test_a_run_that_hides_nothing_holds_every_marker(server, project, environment):
    folder = trained(server, project, environment, "fail", OPEN="1")
    assert set(MARKERS) - found(left(folder)) == set()


def test_no_marker_is_in_the_manifest_and_the_trace_of_a_run(failed):
    assert len(left(failed)) == 2
    assert found(left(failed)) == set()


def test_the_evidence_of_runs_with_private_names_does_not_contradict_itself(
    contradicted, failed, repeated
):
    paths = [failed, repeated / "run-1", repeated / "run-2"]
    assert contradicted("runs with private names", [it / "manifest.json" for it in paths]) == []


def test_what_is_hidden_changes_no_bit_of_the_run(server, project, environment):
    recorded, bare = (
        server.run(project / SCRIPT.name, *words, cwd=project, environment=environment)
        for words in ((), ("bare",))
    )
    assert (recorded.code, bare.code) == (0, 0), recorded.errors + bare.errors
    assert recorded.weights == bare.weights != {}


def test_a_marker_behind_base64_is_found(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(
        json.dumps({"code": base64.encodebytes(f"{'x' * 60}{USER}{'y' * 60}".encode()).decode()})
    )
    assert found([path]) == {USER}


def test_settings_that_look_like_secrets_are_in_the_manifest_as_they_were_given(failed):
    argv = json.loads((failed / "manifest.json").read_text())["conditions"]["code"]["argv"]
    wanted = [word for words in SETTINGS for word in words]
    assert [word for word in wanted if word not in argv] == []


@pytest.fixture(scope="module")
def repeated(project, environment, server) -> Iterator[Path]:
    """Return where a run was repeated, by the user, in a folder that bears a name."""
    folder = project.parent / "repeated"
    shutil.copytree(project, folder)
    done = subprocess.run(
        [*our_command(server.python), "repeat", "--pass-env", "PLANTED", "--pass-env", "HOSTNAME",
         "-d", str(folder / "evidence"), SCRIPT.name, *arguments()],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "evidence"


def test_no_marker_is_in_what_a_repeat_leaves_its_logs_included(repeated):
    paths = [path for path in repeated.rglob("*") if path.is_file()]
    assert {"audit.json", "log.txt", "manifest.json", "manifest.trace", "report.html"} <= {
        path.name for path in paths
    }
    assert found(paths) == set()
    # The logs told everything.
    log = (repeated / "run-1" / "log.txt").read_text()
    assert log.count("<secret:") >= len(TEXTS)
    assert log.count("<path:") >= 4


@pytest.mark.parametrize(
    ("form", "options"),
    [*((form, ()) for form in FORMATS), ("text", ("--show-all",)), ("json", ("--show-all",))],
)
def test_no_marker_is_in_a_report_on_files_that_lie_in_homes(
    form, options, failed, repeated, tmp_path, monkeypatch
):
    paths = [repeated / "run-1" / "manifest.json", repeated / "run-2" / "manifest.json"]
    eves = tmp_path / "home" / "zq7eve" / "manifest.json"
    eves.parent.mkdir(parents=True)
    shutil.copy(failed / "manifest.json", eves)
    page = tmp_path / "page"
    words = [*map(str, [*paths, eves]), *options, "--format", form, "-o", str(page)]
    monkeypatch.chdir("/")
    command(words)
    assert found([page]) == set()
    # Were files called as they are given, their names would be found.
    monkeypatch.setattr("repro_audit.cli.inputs.distinct_names", list)
    command(words)
    assert {USER, "zq7eve"} <= found([page])


def test_no_marker_is_in_a_paper_with_attachments(repeated, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    paths = [repeated / "run-1" / "manifest.json", repeated / "run-2" / "manifest.json"]
    paper, out = drawn(tmp_path / "paper.pdf"), tmp_path / "out.pdf"
    assert command(["attach", str(paper), *map(str, paths), "--with-traces", "-o", str(out)]) == 0
    taken = extract(out, tmp_path / "taken")
    assert [path.name for path in taken][::2] == ["run-1-manifest.json", "run-2-manifest.json"]
    assert found([out, *taken]) == set()


def test_an_attachment_is_called_by_no_folder_that_bears_a_name(repeated, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    paths = []
    for name, run in (("zq7ada", "run-1"), ("zq7eve", "run-2")):
        folder = tmp_path / "home" / name
        folder.mkdir(parents=True)
        shutil.copy(repeated / run / "manifest.json", folder)
        paths.append(str(folder / "manifest.json"))
    paper, out = drawn(tmp_path / "paper.pdf"), tmp_path / "out.pdf"
    assert command(["attach", str(paper), *paths, "-o", str(out)]) == 0
    assert [path.name for path in extract(out, tmp_path / "taken")] == [
        "manifest.json", "manifest-2.json",
    ]  # fmt: skip
    assert found([out]) == set()
    monkeypatch.setattr("repro_audit.publish.selection.short_paths", list)
    assert command(["attach", str(paper), *paths, "-o", str(out)]) == 0
    assert {"zq7ada", "zq7eve"} <= found([out])
