"""A paper with manifests attached: audited like the files, its pages as they were."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pikepdf
import pytest
from manifests import EXAMPLES, NAMES, changed, document, rerun, sealed
from papers import add, drawn, pictures
from papers import changed as change

from repro_audit.errors import how_to_install

MANIFESTS = [EXAMPLES / f"{name}.json" for name in NAMES]
TRACES = [EXAMPLES / f"{name}.trace" for name in NAMES]
MARKS = {"repro-audit manifest", "repro-audit trace"}


@pytest.fixture
def paper(tmp_path):
    return drawn(tmp_path / "paper.pdf")


@pytest.fixture
def attach(paper, run):
    """Return what attaches files to the paper."""

    def attach(*words, to=paper, out="out.pdf"):
        done = run("attach", to, *words, "-o", paper.with_name(out))
        assert done.code == 0, done.err
        assert done.out == ""
        return paper.with_name(out)

    return attach


def held(path):
    """Return what is attached to a PDF, read by pikepdf: names, marks and content."""
    with pikepdf.open(path) as pdf:
        specs = [pdf.attachments[key] for key in pdf.attachments]
        return {
            spec.filename: (spec.description, bytes(spec.get_file().read_bytes())) for spec in specs
        }


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def apart_from_names(out):
    """Return a report without the names of files, and without the command that needs files."""
    out = re.sub(r"To confirm the first by experiment:\n.*\n", "", out)
    for name in NAMES:
        out = re.sub(rf"\S+(: |/){name}\.json'?", f"{name}.json", out)
    return re.sub(r"\s+", " ", out)


# Audited


@pytest.mark.parametrize("name", NAMES)
def test_a_paper_gives_the_verdict_and_exit_code_of_its_manifest(name, attach, run):
    file = EXAMPLES / f"{name}.json"
    one, other = run(attach(file, "--with-traces")), run(file)
    assert (one.code, one.err) == (other.code, other.err)
    assert apart_from_names(one.out) == apart_from_names(other.out)


def test_without_its_trace_the_evidence_is_said_to_be_its_digest_alone(attach, run):
    first = run(attach(EXAMPLES / f"{NAMES[0]}.json")).out.splitlines()[0]
    assert first.endswith("(evidence: trace, by its digest alone)")
    assert run(EXAMPLES / f"{NAMES[0]}.json").out.splitlines()[0].endswith("(evidence: trace)")


def test_a_paper_of_an_uncontrolled_run_is_uncontrolled(tmp_path, attach, run):
    value = changed(document(), {"conditions/determinism/backend/op_determinism": "off"})
    (tmp_path / "off.json").write_bytes(sealed(value))
    done = run(attach(tmp_path / "off.json"))
    assert done.code == run(tmp_path / "off.json").code == 1
    assert done.out.startswith("uncontrolled")


def test_two_manifests_with_traces_are_compared_by_their_traces(attach, run):
    done = run(attach(*MANIFESTS, "--with-traces"))
    files = run(*MANIFESTS)
    assert done.code == files.code == 1
    assert "(evidence: trace)" in done.out
    assert "Where: step 1 of epoch 1: weight sequential/conv2d/kernel" in done.out
    assert apart_from_names(done.out) == apart_from_names(files.out)
    assert "--confirm" in files.out
    assert "--confirm" not in done.out, "it could not be run on what lies in a PDF"
    # Without them, less is known.
    assert "Where: the steps of epoch 1" in run(attach(*MANIFESTS)).out


def test_traces_named_are_attached_to_the_manifests_they_belong_to(attach):
    named = held(attach(*reversed(TRACES), *MANIFESTS))
    assert named == held(attach(*MANIFESTS, "--with-traces"))
    assert named["threads-1.trace"][1] != named["threads-2.trace"][1]


def test_a_paper_is_compared_with_ones_own_manifest(attach, run):
    done = run(attach(MANIFESTS[0]), MANIFESTS[1])
    assert done.code == 1
    assert re.search(r"expected +\S*out\.pdf: threads-2\.json", done.out)
    assert run(attach(MANIFESTS[0]), MANIFESTS[0]).code == 2, "the same run"


def test_the_order_of_manifests_is_the_order_given(attach, run):
    for order in (MANIFESTS, MANIFESTS[::-1]):
        out = run(attach(*order)).out
        assert re.search(rf"expected +\S*out\.pdf: {order[0].name}", out)


def test_manifests_of_one_name_are_told_apart_by_their_folders(tmp_path, attach, run):
    paths = []
    for number, source in enumerate(MANIFESTS):
        paths.append(tmp_path / f"run-{number}" / "manifest.json")
        paths[-1].parent.mkdir()
        shutil.copy(source, paths[-1])
        shutil.copy(source.with_suffix(".trace"), paths[-1].with_suffix(".trace"))
    out = attach(*paths, "--with-traces")
    assert list(held(out)) == [
        *("run-0-manifest.json", "run-0-manifest.trace"),
        *("run-1-manifest.json", "run-1-manifest.trace"),
    ]
    assert "out.pdf: run-0-manifest.json" in run(out).out


def test_identical_runs_each_keep_their_own_trace(tmp_path, attach, run):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, value in zip(paths, (document(), rerun()), strict=True):
        path.write_bytes(sealed(value))
        shutil.copy(TRACES[0], path.with_suffix(".trace"))
    traces = [path.with_suffix(".trace") for path in paths]
    out = attach(*paths, *reversed(traces))
    assert list(held(out)) == ["a.json", "a.trace", "b.json", "b.trace"]
    assert run(out).code == 0
    assert run(out).out.startswith("identical")


def test_a_reader_of_json_loads_no_pikepdf(attach):
    paper = attach(MANIFESTS[0])
    script = (
        "import sys; from repro_audit.cli.entry import run; run(sys.argv[1:]); "
        "print('pikepdf' in sys.modules)"
    )
    loaded = []
    for file in (MANIFESTS[0], paper):
        words = [sys.executable, "-c", script, str(file)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        loaded.append(done.stdout.splitlines()[-1])
    assert loaded == ["False", "True"]


# Written


def test_pages_look_as_they_did(paper, attach, tmp_path):
    before = pictures(paper)
    assert len(before) == 2
    assert pictures(attach(*MANIFESTS, "--with-traces")) == before
    assert pictures(drawn(tmp_path / "other.pdf", 3))[:2] == before
    assert before[0] != before[1], "the check can fail"


def test_attached_files_are_associated_files_of_the_document(attach):
    with pikepdf.open(attach(MANIFESTS[0], "--with-traces")) as pdf:
        specs = list(pdf.Root.AF)
        assert [str(spec.Desc) for spec in specs] == ["repro-audit manifest", "repro-audit trace"]
        assert {str(spec.AFRelationship) for spec in specs} == {"/Data"}
        kinds = [str(spec.EF.F.Subtype) for spec in specs]
        assert kinds == ["/application/json", "/application/octet-stream"]
        assert specs[0].EF.F.Params.Size == MANIFESTS[0].stat().st_size
        table = {pdf.attachments[key].obj.objgen for key in pdf.attachments}
        assert table == {spec.objgen for spec in specs}
        assert not any("Date" in key for spec in specs for key in spec.EF.F.Params)


def test_the_same_input_gives_the_same_bytes(attach):
    first = attach(*MANIFESTS, "--with-traces", out="1.pdf").read_bytes()
    assert attach(*MANIFESTS, "--with-traces", out="2.pdf").read_bytes() == first
    assert attach(*MANIFESTS, out="3.pdf").read_bytes() != first


@pytest.mark.parametrize(
    "options",
    [
        {"linearize": True},
        {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
        {"qdf": True},
        {"force_version": "1.4"},
        {"stream_decode_level": pikepdf.StreamDecodeLevel.none, "compress_streams": False},
    ],
    ids=lambda options: next(iter(options)),
)
def test_papers_of_every_make_keep_their_pages_and_give_the_same_bytes(options, paper, attach, run):
    change(paper, lambda _: None, **options)
    before = pictures(paper)
    out = attach(MANIFESTS[0])
    assert pictures(out) == before
    assert out.read_bytes() == attach(MANIFESTS[0], out="again.pdf").read_bytes()
    assert run(out).code == 0
    with pikepdf.open(paper) as old, pikepdf.open(out) as new:
        assert new.is_linearized == old.is_linearized
        assert new.pdf_version == old.pdf_version


def test_a_second_attach_replaces_the_first(attach):
    first = attach(*MANIFESTS, "--with-traces", out="first.pdf")
    second = attach(MANIFESTS[1], to=first, out="second.pdf")
    assert list(held(second)) == ["threads-1.json"]
    with pikepdf.open(second) as pdf:
        assert len(pdf.Root.AF) == 1
    assert second.stat().st_size < first.stat().st_size, "nothing of the first is left"
    assert second.read_bytes() == attach(MANIFESTS[1], to=second, out="third.pdf").read_bytes()


def test_a_paper_can_be_written_onto_itself(paper, attach):
    attach(MANIFESTS[0], out=paper.name)
    assert list(held(paper)) == ["threads-2.json"]
    assert listing(paper.parent) == ["paper.pdf"]


def test_attachments_of_others_stay_and_are_not_read(paper, attach, run):
    def foreign(pdf):
        for name in ("data.csv", "manifest.json", "threads-2.json"):
            spec = pikepdf.AttachedFileSpec(pdf, b"theirs", filename=name, description="theirs")
            pdf.attachments[name] = spec
        pdf.Root.AF = pikepdf.Array([pdf.attachments["data.csv"].obj])

    change(paper, foreign)
    out = attach(MANIFESTS[0], to=attach(MANIFESTS[1]), out="out-2.pdf")
    with pikepdf.open(out) as pdf:
        assert {"data.csv", "manifest.json", "threads-2.json"} < set(pdf.attachments)
        assert pdf.attachments["threads-2.json"].get_file().read_bytes() == b"theirs"
        assert [str(spec.Desc) for spec in pdf.Root.AF] == ["theirs", "repro-audit manifest"]
    assert run(out).code == run(MANIFESTS[0]).code
    assert listing(paper.parent) == ["out-2.pdf", "out.pdf", "paper.pdf"]


def test_the_sizes_of_what_was_attached_are_told(paper, run):
    done = run("attach", paper, *MANIFESTS, "--with-traces", "-o", paper)
    assert done.err.startswith("repro-audit: attached threads-2.json (72 KiB), threads-2.trace (65")
    assert done.err.count("\n") == 1


# Extracted


def test_extracted_files_have_the_bytes_of_the_originals(attach, run, tmp_path):
    out = attach(*MANIFESTS, "--with-traces")
    done = run("extract", out, "-d", tmp_path / "a/b")
    assert (done.code, done.err) == (0, "")
    names = [path.name for path in (*MANIFESTS, *TRACES)]
    assert sorted(names) == listing(tmp_path / "a/b")
    assert sorted(done.out.split()) == sorted(str(tmp_path / "a/b" / name) for name in names)
    for name in names:
        assert (tmp_path / "a/b" / name).read_bytes() == (EXAMPLES / name).read_bytes()


def test_extracted_pairs_are_audited_as_the_paper_is(attach, run, tmp_path):
    out = attach(*MANIFESTS, "--with-traces")
    run("extract", out, "-d", tmp_path / "d")
    files = run(*[tmp_path / "d" / path.name for path in MANIFESTS])
    assert apart_from_names(files.out) == apart_from_names(run(out).out)


def test_extracting_again_changes_nothing(attach, run, tmp_path):
    out = attach(MANIFESTS[0], "--with-traces")
    run("extract", out, "-d", tmp_path / "d")
    before = (tmp_path / "d/threads-2.json").stat()
    assert run("extract", out, "-d", tmp_path / "d").code == 0
    assert (tmp_path / "d/threads-2.json").stat().st_ino == before.st_ino


@pytest.mark.parametrize("place", ["file", "folder", "link", "dangling link", "fifo"])
def test_what_is_there_is_not_overwritten_and_nothing_else_is_written(
    place, attach, refused, tmp_path
):
    out = attach(MANIFESTS[0], "--with-traces")
    folder = tmp_path / "d"
    folder.mkdir()
    target, outside = folder / "threads-2.trace", tmp_path / "outside"
    if place == "file":
        target.write_bytes(b"mine")
    elif place == "folder":
        target.mkdir()
    elif place == "fifo":
        os.mkfifo(target)
    else:
        if place == "link":
            outside.write_bytes(b"mine")
        target.symlink_to(outside)
    before = listing(tmp_path)
    message = refused("extract", out, "-d", folder)
    assert "threads-2.trace: is there already" in message
    assert listing(tmp_path) == before
    assert not outside.exists() or outside.read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made_is_an_error(attach, refused, tmp_path):
    (tmp_path / "file").touch()
    out = attach(MANIFESTS[0])
    assert "cannot be made" in refused("extract", out, "-d", tmp_path / "file")
    assert "cannot be made" in refused("extract", out, "-d", tmp_path / "file/in")


# Refused


def test_only_valid_manifests_are_attached(paper, refused, tmp_path):
    for name, content, expected in (
        ("cut.json", sealed(document())[:-9], "is not JSON"),
        ("history.json", b'{"loss": [1.0]}', "received a log (history.json)"),
        ("paper.json", paper.read_bytes(), "is a PDF"),
    ):
        (tmp_path / name).write_bytes(content)
        message = refused("attach", paper, MANIFESTS[0], tmp_path / name, "-o", tmp_path / "o.pdf")
        assert expected in message
        assert name in message
    assert not (tmp_path / "o.pdf").exists()


def test_only_traces_of_the_manifests_are_attached(paper, refused, tmp_path):
    for words, expected in (
        ((MANIFESTS[0], TRACES[1]), "belongs to another run"),
        ((*MANIFESTS, TRACES[1], TRACES[1]), "none of the manifests given, or given twice"),
        ((TRACES[0],), "expected a manifest to attach"),
        ((MANIFESTS[0], tmp_path / "no.trace"), "no.trace: there is no such file"),
        ((MANIFESTS[0], MANIFESTS[0]), "Give it once"),
        (("-",), "standard input"),
        ((MANIFESTS[0], tmp_path / "no.json"), "there is no such file"),
    ):
        assert expected in refused("attach", paper, *words, "-o", tmp_path / "o.pdf")
    shutil.copy(MANIFESTS[0], tmp_path)
    words = ("attach", paper, tmp_path / MANIFESTS[0].name, "--with-traces")
    assert "threads-2.trace: there is no such file" in refused(*words, "-o", tmp_path / "o.pdf")
    assert not (tmp_path / "o.pdf").exists()


def test_an_output_is_asked_for_and_is_a_file(paper, refused, tmp_path):
    assert "--output" in refused("attach", paper, MANIFESTS[0])
    assert "standard output" in refused("attach", paper, MANIFESTS[0], "-o", "-")
    missing = tmp_path / "missing" / "o.pdf"
    assert "cannot be written" in refused("attach", paper, MANIFESTS[0], "-o", missing)
    assert listing(tmp_path) == ["paper.pdf"]


def test_a_paper_without_manifests_says_how_to_attach_one(paper, refused, tmp_path):
    for words in ([paper], [paper, MANIFESTS[0]], ["extract", paper, "-d", tmp_path / "d"]):
        assert "holds no manifest. Attach one: repro-audit attach" in refused(*words)
    assert listing(tmp_path) == ["paper.pdf"]


def test_an_invalid_manifest_in_a_paper_is_refused_and_named(paper, refused):
    change(paper, lambda pdf: add(pdf, "bad.json", b"{"))
    assert "paper.pdf: bad.json: is not JSON" in refused(paper)


def test_a_damaged_trace_in_a_paper_is_refused_and_named(paper, refused, run):
    content = TRACES[0].read_bytes()

    def both(pdf, trace):
        add(pdf, "m.json", MANIFESTS[0].read_bytes())
        add(pdf, "m.trace", trace, mark="repro-audit trace")

    change(paper, lambda pdf: both(pdf, content[:-1] + b"\xff"))
    assert "paper.pdf: m.trace: expected sha256:" in refused(paper)
    change(drawn(paper), lambda pdf: both(pdf, content))
    assert run(paper).code == run(MANIFESTS[0]).code


@pytest.mark.parametrize("command", ["attach", "audit", "extract"])
def test_without_pikepdf_one_line_says_how_to_install_it(command, attach, refused, run, tmp_path):
    out = attach(MANIFESTS[0])
    (tmp_path / "blocked").mkdir()
    blocker = "raise ModuleNotFoundError('No module named pikepdf', name='pikepdf')\n"
    (tmp_path / "blocked/pikepdf.py").write_text(blocker)
    words = {
        "attach": ["attach", out, MANIFESTS[0], "-o", tmp_path / "o.pdf"],
        "audit": [out],
        "extract": ["extract", out, "-d", tmp_path / "d"],
    }[command]
    before = listing(tmp_path)
    blocked = {"PYTHONPATH": str(tmp_path / "blocked"), "PYTHONDONTWRITEBYTECODE": "1"}
    message = refused(*words, env=blocked)
    assert how_to_install("paper") in message
    assert listing(tmp_path) == before
    # Nothing else needs it.
    assert run(MANIFESTS[0], env=blocked).code == run(MANIFESTS[0]).code
    assert run(*words).code == 0
