"""PDFs that are encrypted, signed, damaged, huge or made to do harm: one line, nothing written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pikepdf
import pytest
from manifests import EXAMPLES
from papers import add, bomb, changed, drawn, packed_structure, packed_table, plain

from repro_audit.publish.attachments import unpack

pytestmark = pytest.mark.minutes(3)

MANIFEST = EXAMPLES / "threads-2.json"
GIB = 2**30


@pytest.fixture
def paper(tmp_path):
    return drawn(tmp_path / "paper.pdf", 1)


@pytest.fixture
def harmless(paper, refused, little_memory, tmp_path, monkeypatch):
    """Return what asserts that no command takes the paper, and that none leaves anything.

    What is huge is given to processes of their own, which have little memory.
    """

    def harmless(expected, commands=("audit", "extract", "attach"), *, huge=False):
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        words = {
            "audit": ["audit", paper],
            "extract": ["extract", paper, "-d", tmp_path / "in/out"],
            "attach": ["attach", paper, MANIFEST, "-o", tmp_path / "o.pdf"],
        }
        before, content = listing(tmp_path), paper.stat()
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setattr(tempfile, "tempdir", None)
        for command in commands:
            limits = {"preexec_fn": little_memory} if huge else {}
            message = refused(*words[command], **limits)
            assert expected in message
            assert "paper.pdf" in message
        assert listing(tmp_path) == before
        assert paper.stat() == content or paper.stat().st_mtime_ns == content.st_mtime_ns

    return harmless


READING = ("audit", "extract")


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def as_it_is(pdf):
    """Change nothing."""


def catalog(rest, *objects):
    """Return a PDF without pages whose catalog holds more."""
    pages = b"<</Type/Pages/Kids[]/Count 0>>"
    return plain([b"<</Type/Catalog/Pages 2 0 R" + rest + b">>", pages, *objects])


def test_an_ordinary_paper_passes_where_the_hostile_do_not(paper, run, little_memory, tmp_path):
    words = ["attach", paper, MANIFEST, "--with-traces", "-o", paper]
    assert run(*words, preexec_fn=little_memory).code == 0
    assert run(paper, preexec_fn=little_memory).code == 0
    done = run("extract", paper, "-d", tmp_path / "d", preexec_fn=little_memory)
    assert listing(tmp_path / "d") == ["threads-2.json", "threads-2.trace"], done.err


# Locked, signed, damaged


@pytest.mark.parametrize("strength", [3, 4, 6])
def test_an_encrypted_paper_is_refused(strength, paper, harmless):
    lock = pikepdf.Encryption(
        owner="o", user="u", R=strength, aes=strength > 3, metadata=strength > 3
    )
    changed(paper, as_it_is, encryption=lock)
    harmless("is encrypted: remove the password first (qpdf --decrypt)")


def test_a_paper_encrypted_without_a_password_is_read_and_not_changed(paper, run, harmless):
    run("attach", paper, MANIFEST, "-o", paper)
    assert run(paper).code == 0
    changed(paper, as_it_is, encryption=pikepdf.Encryption(owner="o", user=""))
    harmless("is encrypted: remove the encryption first", ["attach"])
    assert run(paper).code == 0


SIGNED = {
    "flags": lambda _: pikepdf.Dictionary(Fields=[], SigFlags=3),
    "a field": lambda pdf: pikepdf.Dictionary(
        Fields=[pdf.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="s"))]
    ),
    "a field below a field": lambda _: pikepdf.Dictionary(
        Fields=[{"/T": "a", "/Kids": [{"/FT": pikepdf.Name.Sig}]}]
    ),
}


@pytest.mark.parametrize("how", SIGNED)
def test_a_signed_paper_is_not_changed(how, paper, harmless):
    changed(paper, lambda pdf: pdf.Root.__setattr__("AcroForm", SIGNED[how](pdf)))
    harmless("which attaching would break", ["attach"])


def test_a_form_without_signatures_is_no_hindrance(paper, run):
    form = {"/Fields": [{"/FT": pikepdf.Name.Tx, "/T": "a"}]}
    changed(paper, lambda pdf: pdf.Root.__setattr__("AcroForm", pikepdf.Dictionary(form)))
    done = run("attach", paper, MANIFEST, "-o", paper)
    assert (done.code, done.err.count("\n")) == (0, 1)


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.98])
def test_a_paper_cut_off_is_refused(keep, paper, run, harmless):
    run("attach", paper, MANIFEST, "-o", paper)
    content = paper.read_bytes()
    paper.write_bytes(content[: int(keep * len(content))])
    harmless("is damaged: ")


def test_a_paper_with_bytes_changed_is_refused_or_read_right(paper, run, refused):
    run("attach", paper, MANIFEST, "-o", paper)
    content, right = paper.read_bytes(), run(paper).out
    for at in range(10, len(content), len(content) // 9):
        paper.write_bytes(content[:at] + b"\xa5\x5a" + content[at + 2 :])
        done = run(paper)
        if done.code:
            refused(paper)
        else:
            assert done.out == right


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"%PDF-" + bytes(range(256)) * 9,
        b"x" * 1000 + b"%PDF-1.7",
        plain([b"null"]),
        catalog(b"/Names 7"),
        catalog(b"/Names<</EmbeddedFiles[]>>"),
        catalog(b"/Names<</EmbeddedFiles<</Names 3>>>>"),
        catalog(b"/Names<</EmbeddedFiles<</Kids<<>>>>>>"),
        catalog(b"/Names<</EmbeddedFiles<</Kids[1 2 3]>>>>"),
        catalog(b"/Names<</EmbeddedFiles<</Names[1 2]>>>>"),
        catalog(b"/Names<</EmbeddedFiles<</Names[(a)(b)]>>>>"),
        catalog(b"/Names" + b"[" * 100_000),
    ],
    ids=range(12),
)
def test_what_is_hardly_a_pdf_is_refused(content, paper, harmless):
    paper.write_bytes(content)
    harmless("is damaged")


@pytest.mark.parametrize(
    "spec",
    [
        b"<</UF(m.json)/Desc(repro-audit manifest)>>",
        b"<</UF(m.json)/Desc(repro-audit manifest)/EF 7>>",
        b"<</UF(m.json)/Desc(repro-audit manifest)/EF<</F(x)>>>>",
        b"<</UF(m.json)/Desc(repro-audit manifest)/EF<</F 9 0 R>>>>",
        b"<</UF[]/Desc(repro-audit manifest)>>",
    ],
    ids=range(5),
)
def test_a_damaged_attachment_is_refused(spec, paper, harmless):
    paper.write_bytes(catalog(b"/Names<</EmbeddedFiles<</Names[(a) 3 0 R]>>>>", spec))
    harmless("attachment", READING)


def test_what_is_no_pdf_is_refused_by_the_commands_that_need_one(paper, harmless):
    for content in (b"", b"{}", MANIFEST.read_bytes()):
        paper.write_bytes(content)
        harmless("expected a PDF, received something else", ["extract", "attach"])
    paper.unlink()
    os.mkfifo(paper)
    harmless("expected a PDF", ["extract", "attach"])


def test_a_manifest_that_speaks_of_pdf_is_a_manifest(run, tmp_path):
    content = MANIFEST.read_bytes()
    (tmp_path / "m.json").write_bytes(b'{"%PDF-": 1, ' + content.lstrip()[1:])
    assert "$.digest" in run(tmp_path / "m.json").err


# Huge


def test_a_pdf_of_3_gb_is_refused_at_once(paper, harmless):
    with paper.open("r+b") as file:
        file.truncate(3 * GIB)
    harmless("at most 1,024 MiB, received 3,072 MiB", huge=True)


BOMBS = {
    "a manifest": lambda: {"m.json": bomb(3 * GIB)},
    "a trace": lambda: {"m.json": zlib.compress(b"{}"), "m.trace": bomb(3 * GIB)},
    "manifests together": lambda: {f"{n}.json": bomb(40 * 2**20) for n in range(2)},
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_attachment_that_grows_is_refused(name, paper, harmless):
    def build(pdf):
        for own, raw in BOMBS[name]().items():
            mark = "repro-audit " + ("manifest" if own.endswith("json") else "trace")
            add(pdf, own, None, raw=raw, mark=mark, Filter=pikepdf.Name.FlateDecode)

    changed(paper, build, compress_streams=False)
    assert paper.stat().st_size < 4 * 2**20
    # Both commands that read unpack in the same way; what takes longest is given to one of them.
    harmless("is too large: expected at most", READING[name == "a trace" :], huge=True)


STRUCTURES = {
    "objects": lambda: packed_structure(bomb(3 * GIB)),
    "cross-references": lambda: packed_table(bomb(3 * GIB), 3 * GIB // 7),
    "small objects": lambda: packed_structure(
        zlib.compress(b"3 0 <</EmbeddedFiles[" + b"[[0]]" * 12 * 2**20 + b"]>>")
    ),
    "small objects in the open": lambda: catalog(b"/Names[" + b"[[0]]" * 12 * 2**20 + b"]"),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_that_grows_is_refused(name, paper, harmless):
    paper.write_bytes(STRUCTURES[name]())
    # Each command reads the structure in the same way; this one takes eight seconds of it.
    commands = {"commands": ["audit"]} if name.endswith("in the open") else {}
    harmless("paper.pdf: ", huge=True, **commands)


def test_a_bomb_is_made_of_what_can_be_unpacked():
    assert zlib.decompress(bomb(5 * 2**20)) == b" " * 5 * 2**20


def test_memory_is_bounded_where_the_system_does_not(paper):
    paper.write_bytes(STRUCTURES["small objects in the open"]())
    script = "from repro_audit.cli.entry import run; import sys, resource; run(sys.argv[1:]); "
    peak = "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20)"
    limit = "print(resource.getrlimit(resource.RLIMIT_AS) == (resource.RLIM_INFINITY,) * 2)"
    done = subprocess.run(
        [sys.executable, "-c", script + peak + "; " + limit, paper],
        capture_output=True,
        text=True,
        check=True,
    )
    gib, restored = done.stdout.split()
    assert int(gib) <= 2
    assert restored == "True", "the limit is the command's, not the process's"


@pytest.mark.parametrize("count", [5000, 100_000])
def test_thousands_of_attachments_are_refused(count, paper, harmless):
    entries = b"".join(b"(%06d) 3 0 R " % number for number in range(count))
    spec = b"<</UF(x)/Desc(x)>>"
    paper.write_bytes(catalog(b"/Names<</EmbeddedFiles<</Names[" + entries + b"]>>>>", spec))
    harmless("expected at most 1,000 attachments, received more", huge=True)


def test_more_than_64_of_ours_are_refused(paper, run, harmless):
    changed(paper, lambda pdf: [add(pdf, f"{n}.json") for n in range(65)])
    harmless("expected at most 64 files of repro-audit, received 65", READING)
    assert run("attach", paper, MANIFEST, "-o", paper).code == 0, "they are replaced"


def test_a_table_that_goes_in_a_circle_is_refused(paper, harmless):
    for kids in (b"3 0 R", b"4 0 R"):
        node = b"<</Kids[%b]>>"
        paper.write_bytes(
            catalog(b"/Names<</EmbeddedFiles 3 0 R>>", node % kids, node % b"3 0 R 4 0 R")
        )
        harmless("goes in a circle")


def test_a_table_that_is_very_deep_is_refused(paper, harmless):
    nodes = [b"<</Kids[%d 0 R]>>" % (number + 4) for number in range(20_000)]
    paper.write_bytes(catalog(b"/Names<</EmbeddedFiles 3 0 R>>", *nodes, b"<<>>"))
    harmless("goes in a circle or is too large", huge=True)


def test_a_table_of_some_levels_is_read(paper, run):
    content = MANIFEST.read_bytes()
    stream = b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content)
    spec = b"<</UF(m.json)/Desc(repro-audit manifest)/EF<</F 7 0 R>>>>"
    kids = [b"<</Kids[4 0 R]>>", b"<</Kids[5 0 R]>>", b"<</Names[(a) 6 0 R]>>"]
    paper.write_bytes(catalog(b"/Names<</EmbeddedFiles 3 0 R>>", *kids, spec, stream))
    assert run(paper).code == 0


# Booby-trapped names


NAMES = {
    "up": "../m.json",
    "far up": "../../../../../../tmp/m.json",
    "absolute": "/m.json",
    "of Windows": "..\\m.json",
    "a drive": "C:m.json",
    "a null": "m\0.json",
    "a device": "NUL.json",
    "a device with a number": "com1.trace",
    "hidden": ".m.json",
    "an option": "-o.json",
    "long": "x" * 300 + ".json",
    "right to left": "m\u202enosj.json",
    "a new line": "m\n.json",
    "an escape": "\x1b[31m.json",
    "decomposed": "a\u0308.json",
    "another kind": "m.py",
    "none": "",
    "dots": "..",
    "a stream": "m.json:x.json",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_plain_is_refused(name, paper, harmless):
    changed(paper, lambda pdf: add(pdf, NAMES[name], MANIFEST.read_bytes()))
    harmless("has a name that attach does not give", READING)


def test_names_that_could_be_one_file_are_refused(paper, harmless):
    for second in ("m.json", "M.json"):
        changed(drawn(paper), lambda pdf, name=second: [add(pdf, "m.json"), add(pdf, name)])
        harmless("two of its attachments are called", READING)


def test_a_strange_key_is_of_no_account(paper, run, tmp_path):
    changed(paper, lambda pdf: add(pdf, "m.json", MANIFEST.read_bytes(), key="../../evil\0\x1b"))
    assert run(paper).code == 0
    assert run("extract", paper, "-d", tmp_path / "d").code == 0
    assert listing(tmp_path) == ["d", "d/m.json", "paper.pdf"]


PACKED = {
    "by another filter": {"Filter": pikepdf.Name.LZWDecode},
    "by two filters": {"Filter": [pikepdf.Name.ASCIIHexDecode, pikepdf.Name.FlateDecode]},
    "by a predictor": {"Filter": pikepdf.Name.FlateDecode, "DecodeParms": {"/Predictor": 12}},
    "outside": {"F": "/etc/passwd"},
}


@pytest.mark.parametrize("how", PACKED)
def test_an_attachment_packed_in_another_way_is_refused(how, paper, harmless):
    fields = {
        key: pikepdf.Dictionary(value) if isinstance(value, dict) else value
        for key, value in PACKED[how].items()
    }
    changed(
        paper,
        lambda pdf: add(pdf, "m.json", None, raw=b"x", **fields),
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
    )
    harmless("is packed as attach does not pack", READING)


def test_an_empty_attachment_is_refused_and_named(paper, refused):
    changed(paper, lambda pdf: add(pdf, "m.json", b""), compress_streams=False)
    assert "paper.pdf: m.json: is not JSON" in refused(paper)


def test_an_attachment_that_is_not_packed_is_read(paper, run):
    changed(paper, lambda pdf: add(pdf, "m.json", MANIFEST.read_bytes()), compress_streams=False)
    assert b'"run_id"' in paper.read_bytes()
    assert run(paper).code == 0


@pytest.mark.parametrize("raw", [b"x", zlib.compress(b"{}")[:-1], b"\0" * 99])
def test_an_attachment_that_cannot_be_unpacked_is_refused(raw, paper, harmless):
    packing = {"Filter": pikepdf.Name.FlateDecode}
    changed(
        paper,
        lambda pdf: add(pdf, "m.json", None, raw=raw, **packing),
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
    )
    harmless("cannot be unpacked", READING)


# One attachment, read in two ways


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pdf, spec: spec.EF.__setattr__("F", pdf.make_stream(b"other")), "two contents"),
        (lambda _, spec: spec.__setattr__("F", pikepdf.String("other.json")), "two names"),
    ],
)
def test_what_other_readers_would_read_otherwise_is_refused(paper, run, refused, change, said):
    words = "attach", paper, MANIFEST, "-o", paper.with_name("out.pdf")
    assert run(*words).code == 0
    out = paper.with_name("out.pdf")
    assert run(out).code == 0
    changed(out, lambda pdf: change(pdf, pdf.Root.Names.EmbeddedFiles.Names[1]))
    assert said in refused(out)
    assert said in refused("extract", out, "-d", paper.with_name("d"))
    assert not paper.with_name("d").exists()


def test_limits_are_what_they_were_when_threads_read_papers(paper, run):
    attach = "attach", paper, MANIFEST, "-o", paper.with_name("out.pdf")
    assert run(*attach).code == 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    with ThreadPoolExecutor(4) as pool, tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(number)) for number in range(16)]
        for place in places:
            place.mkdir()
        done = list(pool.map(lambda place: unpack(attach[-1], place), places))
    assert [len(found) for found in done] == [1] * 16
    assert resource.getrlimit(resource.RLIMIT_AS) == before
