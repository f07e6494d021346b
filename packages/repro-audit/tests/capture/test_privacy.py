from pathlib import Path

import pytest

from repro_audit.capture.privacy import mask_arguments, scrub, without_credentials

SECRET = "hunter2hunter2"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token", SECRET],
        [f"--token={SECRET}"],
        [f"--hf-token={SECRET}"],
        ["-api_key", SECRET],
        ["--wandb.api-key", SECRET],
        ["--PASSWORD", SECRET],
        [f"--passwd={SECRET}"],
        [f"hf_{SECRET}"],
        [f"--key=ghp_{SECRET}"],
        [f"https://me:{SECRET}@example.org/data"],
        [f"--data=https://me:{SECRET}@example.org/data"],
        [f"postgresql://me:{SECRET}@example.org/data"],
    ],
)
def test_a_secret_among_the_arguments_is_masked(arguments):
    masked = mask_arguments(["train.py", *arguments], [], None)
    assert SECRET not in " ".join(masked)
    assert "<secret>" in " ".join(masked)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--epochs", "2"],
        ["--data=https://example.org/x"],
        ["--tokens-per-step", "--fast"],
        ["x.py"],
    ],
)
def test_an_argument_that_is_no_secret_is_kept(arguments):
    assert mask_arguments(arguments, [], None) == tuple(arguments)


def test_where_a_run_writes_is_masked_and_where_it_reads_is_not():
    masked = mask_arguments(["t.py", "-o", "a.json", "--out=a.json", "b.json"], ["a.json"], None)
    assert masked == ("t.py", "-o", "<output>", "--out=<output>", "b.json")


def test_runs_that_differ_in_their_output_alone_have_equal_arguments():
    first, second = (mask_arguments(["t.py", path], [path], None) for path in ("a/1", "b/2"))
    assert first == second
    assert mask_arguments(["t.py", "a/1"], [], None) != mask_arguments(["t.py", "b/2"], [], None)


@pytest.fixture
def ada(monkeypatch):
    """Make this process belong to ada, on a host of hers."""
    monkeypatch.setenv("HOME", "/home/ada")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "lovelace")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("/home/ada/train.py", "~/train.py"),
        ("/home/ada", "~"),
        ("/home/adam/train.py", "/home/adam/train.py"),
        ("/data/ada/x", "/data/<user>/x"),
        ("ssh ada@lovelace", "ssh <user>@<host>"),
        ("adaptive lovelaces", "adaptive lovelaces"),
        ("/srv/project/src/a.py", "./src/a.py"),
    ],
)
def test_home_user_and_host_are_scrubbed_and_nothing_else(text, scrubbed):
    assert scrub(text, Path("/srv/project")) == scrubbed


def test_a_user_name_that_everybody_has_is_kept(monkeypatch):
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "root")
    monkeypatch.setenv("HOME", "/")
    assert scrub("/srv/root/x of root") == "/srv/root/x of root"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://me:pw@example.org/r.git", "https://example.org/r.git"),
        ("https://token@example.org/r?x=1#y", "https://example.org/r"),
        ("git+ssh://git@example.org:22/r", "git+ssh://example.org:22/r"),
        ("https://example.org/r", "https://example.org/r"),
    ],
)
def test_a_url_loses_its_credentials_and_nothing_else(url, kept):
    assert without_credentials(url) == kept
