import re
from pathlib import Path

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from manifests import changed, document, record
from planted import ARGUMENTS, SETTINGS, TEXTS, filled

from repro_audit.capture.privacy import (
    Cleaner,
    distinct_names,
    mask_arguments,
    scrub,
    short_paths,
    without_credentials,
)
from repro_audit.capture.privacy.tokens import TOKENS
from repro_audit.compare.conditions import condition_differences
from repro_audit.manifest.training import FitArguments

SECRET = "hunter2hunter2"  # noqa: S105 - nobody's


@pytest.mark.parametrize("form", ARGUMENTS, ids=" ".join)
def test_a_secret_among_the_arguments_is_masked(form):
    words = [filled(word, SECRET) for word in form]
    masked = " ".join(mask_arguments(["train.py", *words], [], None))
    assert SECRET not in masked
    assert re.search("<secret:[0-9a-f]{4}>", masked)


@pytest.mark.parametrize("form", TEXTS)
def test_a_secret_within_a_text_is_masked(form):
    text = filled(form, SECRET)
    for whole in (text, f"It failed: {text}", f"({text})"):
        assert SECRET not in scrub(whole)
        assert re.search("<secret:[0-9a-f]{4}>", scrub(whole))


@pytest.mark.parametrize("words", SETTINGS, ids=" ".join)
def test_a_setting_is_no_secret(words):
    assert mask_arguments(words, [], None) == words


def test_there_are_enough_of_both_to_tell():
    assert len(ARGUMENTS) >= 40
    assert len(SETTINGS) >= 30


def test_two_secrets_are_seen_to_differ_and_one_to_be_the_same():
    one, again, other = (
        mask_arguments(["t.py", f"--token={value}"], [], None) for value in ("a1b2", "a1b2", "c3d4")
    )
    assert one == again != other


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (["--token", "a1b2c3"], ["--token", "d4e5f6"], ["argv[2]"]),
        (["--token", "a1b2c3"], ["--token", "a1b2c3"], []),
        (["--tokenizer", "bert"], ["--tokenizer", "gpt2"], ["argv[2]"]),
        (["--data", "/scratch/LAB/a/x"], ["--data", "/scratch/LAB/b/x"], ["argv[2]"]),
    ],
)
def test_a_comparison_names_an_argument_that_differs_in_what_is_hidden(one, other, differ):
    runs = []
    for words in (one, other):
        argv = mask_arguments(["train.py", *words], [], None)
        runs.append(record(changed(document(), {"conditions/code/argv": list(argv)})))
    found = condition_differences(*runs)
    assert [item.path.rpartition(".")[2] for item in found] == differ
    assert all(item.expected != item.actual for item in found)


def test_of_a_secret_sixteen_bits_are_left():
    shown = {scrub(f"token={number:08}") for number in range(100_000)}
    assert len(shown) <= 2**16


def test_where_a_run_writes_is_masked_and_where_it_reads_is_not():
    masked = mask_arguments(["t.py", "-o", "a.json", "--out=a.json", "b.json"], ["a.json"], None)
    assert masked == ("t.py", "-o", "<output>", "--out=<output>", "b.json")


def test_runs_that_differ_in_their_output_alone_have_equal_arguments():
    first, second = (mask_arguments(["t.py", path], [path], None) for path in ("a/1", "b/2"))
    assert first == second
    assert mask_arguments(["t.py", "a/1"], [], None) != mask_arguments(["t.py", "b/2"], [], None)


# Tokens

OTHERS = {
    "Public IP (ipv4)": "an address of the net is no secret",
    "Base64 High Entropy String": "a digest looks the same",
    "Hex High Entropy String": "a digest looks the same",
    "Secret Keyword": "told by names above",
    "Artifactory Credentials 1": "AP50 is a metric",
    "AWS Access Key 1": "40 characters behind some word, with no sign between",
    "SoftLayer Credentials 1": "the path of a URL of a service that has ended",
    "Cloudant Credentials 0": "a word glued to another, as in bypass",
    "Cloudant Credentials 1": "the same",
    "IBM Cloud IAM Key 0": "the same",
    "SoftLayer Credentials 0": "the same",
    "Private Key 7": "a file of PuTTY is given by its name",
}
"""What detect-secrets looks for and is left, with the reason."""

FORMATS = [
    pytest.param(pattern, id=f"{name} {number}")
    for name, plugin in get_mapping_from_secret_type_to_class().items()
    if name not in OTHERS
    for number, pattern in enumerate(plugin.denylist)
    if f"{name} {number}" not in OTHERS
]
PLAIN = st.characters(codec="ascii", min_codepoint=32, max_codepoint=126, exclude_characters="\"'")


def is_whole(text):
    """Whether a text is long enough to be a token, and has a sign between a name and its value."""
    return len(text) > 16 and "  " not in text


@pytest.mark.parametrize("pattern", FORMATS)
def test_a_token_of_any_format_that_detect_secrets_knows_is_masked(pattern):
    plain = re.compile(pattern.pattern, pattern.flags & ~re.IGNORECASE)

    # Which texts are tried depends on the hash seed, and in some runs few of the first are whole.
    @settings(
        max_examples=5,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much],
    )
    @given(st.from_regex(plain, fullmatch=True, alphabet=PLAIN).filter(is_whole))
    def is_masked(text):
        text = f"-----{text}-----" if text.startswith("BEGIN") else text
        assert "<secret:" in scrub(text)

    is_masked()


def test_each_format_names_its_source_and_no_ordinary_word_has_it():
    for pattern, source in TOKENS:
        assert source
        for word in ("transformer", "tensorflow_datasets", "sk-learn", "hf_model", "2026-11-26"):
            assert not re.search(pattern, word), (pattern, word)


# People, machines and places


@pytest.fixture
def ada(monkeypatch):
    """Make this process belong to ada, on a host of hers."""
    monkeypatch.setenv("HOME", "/home/ada")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada")
    for name in ("SUDO_USER", "HOSTNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("socket.gethostname", lambda: "node17.hpc.uni.example")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("/home/ada/train.py", "~/train.py"),
        ("/home/ada", "~"),
        ("ssh ada@node17.hpc.uni.example", "ssh <user>@<host>"),
        ("node17", "<host>"),
        ("NODE17:8888", "<host>:8888"),
        ("node18.hpc.uni.example", "<host>"),
        ("ada_run-3, ADA", "<user>_run-3, <user>"),
        ("adaptive node170 adam", "adaptive node170 adam"),
        ("/srv/project/src/a.py", "./src/a.py"),
        ("--out=/srv/project/x", "--out=./x"),
        ("write to eve@uni.example.", "write to <mail:4323>."),
        ("C:\\Users\\Eve\\x", "C:\\Users\\<user>\\x"),
        ("\\\\nas\\home\\eve\\x", "\\\\nas\\home\\<user>\\x"),
        ("cp ~eve/x.csv .", "cp ~<user>/x.csv ."),
        ("../../home/eve/x.csv", "../../home/<user>/x.csv"),
        ("rsync eve@nas:/x .", "rsync <mail:ed1d>:/x ."),
        ("git@github.com:me/x", "git@github.com:me/x"),
        ("x@1:3 a~b/c ../homes.csv", "x@1:3 a~b/c ../homes.csv"),
        ("/usr/lib/python3.11/os.py", "/usr/lib/python3.11/os.py"),
        (
            "/job:localhost/replica:0/task:0/device:CPU:0",
            "/job:localhost/replica:0/task:0/device:CPU:0",
        ),
        ("https://example.org/a/b/c.png", "https://example.org/a/b/c.png"),
        ("and/or a / b, /data", "and/or a / b, /data"),
    ],
)
def test_user_host_mail_and_home_are_scrubbed_and_nothing_else(text, scrubbed):
    assert scrub(text, Path("/srv/project")) == scrubbed


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/scratch/LAB/imagenet/train", "/train"),
        ("/scratch/ACME/imagenet", "/imagenet"),
        ("/scratch/LAB", ""),
        ("/scratch/ada_run/x.npy", "/x.npy"),
        ("/home/eve/private/x.npy", "/x.npy"),
        ("/Users/Eve", ""),
        ("/mnt/home/eve", ""),
        ("/export/groups/LAB", ""),
        ("/srv/envs/x", "/x"),
    ],
)
@pytest.mark.parametrize(
    "text",
    ["{}", "--xla_dump_to={}", "No such file: '{}'", "a:{}:b", "file://{}", "{}/", "see {}."],
)
def test_of_a_path_elsewhere_its_last_part_stays_unless_it_may_be_a_name(path, shown, text):
    found = scrub(text.format(path))
    before, after = map(re.escape, text.split("{}"))
    assert re.fullmatch(f"{before}<path:[0-9a-f]{{4}}>{re.escape(shown)}{after}", found), found


@pytest.mark.usefixtures("ada")
def test_a_path_with_a_space_is_hidden_whole_where_it_is_quoted():
    assert re.fullmatch("'<path:....>/x.csv'", scrub("'/scratch/My Lab/x.csv'"))


@pytest.mark.usefixtures("ada")
def test_two_places_are_seen_to_differ_and_two_users_places_are_not(monkeypatch):
    assert scrub("/scratch/LAB/a/x") != scrub("/scratch/LAB/b/x")
    mine = scrub("/scratch/ada/a/x")
    monkeypatch.setenv("LOGNAME", "eve")
    monkeypatch.setenv("USER", "eve")
    assert scrub("/scratch/eve/a/x") == mine


def test_whose_home_a_project_lies_in_is_a_name_and_which_project_it_is_is_none():
    assert scrub("eve trains on mnist", Path("/home/eve/mnist")) == "<user> trains on mnist"
    assert scrub("eve trains on mnist", Path("/projects/mnist/eve")) == "eve trains on mnist"


def test_a_user_name_that_everybody_has_is_kept(monkeypatch):
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "root")
    monkeypatch.setenv("HOME", "/")
    assert scrub("x of root") == "x of root"


def test_a_user_whose_name_is_a_word_of_the_field_is_hidden_where_it_is_a_name(monkeypatch):
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "adam")
    assert scrub("optimizer=Adam") == "optimizer=Adam"
    assert scrub("adam@example") == "<user>@example"
    # A field that chooses among words would hold another.
    monkeypatch.setenv("LOGNAME", "complete")
    assert Cleaner().record({"status": "complete"}) == {"status": "complete"}


@given(st.text(alphabet="/.:=@<>\"'\\ -_abKEYtoken17&?{}", max_size=60))
def test_what_is_clean_stays_as_it_is(text):
    once = scrub(text)
    assert scrub(once) == once


# Records


def test_every_text_of_a_record_is_cleaned_and_digests_and_numbers_are_not():
    record = FitArguments(
        model=0,
        arguments={
            "where": "/scratch/LAB/a/x",
            "of": ["eve@uni.example", 3],
            "sum": "sha256:" + "a" * 64,
        },
        callbacks=("Hook_eve@uni.example",),
    )
    cleaned = Cleaner().record(record)
    assert "LAB" not in f"{cleaned}"
    assert "eve" not in f"{cleaned}"
    assert (cleaned.model, cleaned.arguments["of"][1], cleaned.arguments["sum"]) == (
        0,
        3,
        "sha256:" + "a" * 64,
    )


def test_a_setting_is_masked_by_its_name_and_a_file_of_that_name_is_not():
    settings = {"api_key": "tulips", "oov_token": "[UNK]"}
    assert Cleaner().record(settings, settings=True) == {
        "api_key": "<secret:270f>",
        "oov_token": "[UNK]",
    }
    assert Cleaner().record({"src/token": "tulips"}) == {"src/token": "tulips"}


def test_two_names_that_differ_in_what_is_hidden_alone_stay_two():
    cleaned = Cleaner().record({"/scratch/LAB": 1, "<path:0000>": 2, "eve@a.org": 3})
    assert list(cleaned.values()) == [1, 2, 3]


def test_the_examples_hold_nothing_to_hide(monkeypatch):
    manifest = record(document())
    assert Cleaner().record(manifest) == manifest


# Files and URLs


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("given", "called"),
    [
        (["run-1/m.json", "run-2/m.json"], ["run-1/m.json", "run-2/m.json"]),
        (
            ["/home/ada/p/run-1/m.json", "/home/eve/p/run-2/m.json"],
            ["run-1/m.json", "run-2/m.json"],
        ),
        (["/home/ada/p/run-1/m.json", "/home/eve/p/run-1/m.json"], ["p/run-1/m.json"] * 2),
        (["/home/ada/m.json", "../home/eve/m.json"], ["m.json", "m.json"]),
        (["results-ada/m.json", "-"], ["results-<user>/m.json", "-"]),
    ],
)
def test_a_file_is_called_by_no_folder_that_may_bear_a_name(given, called, monkeypatch):
    monkeypatch.chdir("/tmp")  # noqa: S108 - nothing is written there
    assert short_paths(given) == called
    assert len(set(distinct_names(given))) == len(given)


def test_a_file_in_the_working_folder_is_called_as_it_lies_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert short_paths([str(tmp_path / "run-1" / "m.json")]) == ["run-1/m.json"]


@pytest.mark.parametrize(
    ("here", "given", "called"),
    [
        ("/", "/home/eve/p/m.json", "m.json"),
        ("/", "scratch/LAB/m.json", "m.json"),
        ("/home", "eve/p/m.json", "m.json"),
        ("/tmp", "/tmp/groups/LAB/m.json", "m.json"),  # noqa: S108 - nothing is written there
        ("/tmp", "/tmp/run-1/m.json", "run-1/m.json"),  # noqa: S108 - as above
    ],
)
def test_a_file_in_somebodys_home_lies_elsewhere_even_below_the_working_folder(
    here, given, called, monkeypatch
):
    monkeypatch.chdir(here)
    assert short_paths([given]) == [called]


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
