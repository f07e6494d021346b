"""The site: its commands do what it shows, its reference is whole, and it loads nothing."""

from __future__ import annotations

import ast
import html
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from ensembles import drawn_ensemble, write_repeat
from manifests import EXAMPLES, ROOT, document, record, rerun, sealed, two_models
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from papers import drawn
from processes import our_command

from repro_audit.audit import all_rules
from repro_audit.cli.entry import COMMANDS, group
from repro_audit.compare.kinds import KINDS
from repro_audit.compare.remedies import REMEDIES
from repro_audit.compare.resuming import LOST
from repro_audit.manifest import load
from repro_audit.noise.ensemble import serialize
from repro_audit_schemas import NAMES, schema

pytestmark = pytest.mark.minutes(2)

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
SECONDS = 300
BLOCKS = re.MULTILINE | re.DOTALL

# What trains is started by the tests of recording and repeating; here its words are read by the
# command itself. The first steps are taken as a whole, by a test below.
STARTS = {"record", "repeat"}
FIRST_STEPS = [
    "repro-audit record train.py",
    "repro-audit manifest.json",
    "repro-audit repeat train.py",
]
# The reviewer gets what the author has handed in.
HANDED_ON = {"For reviewers": ("out.pdf", "paper.pdf")}


class Shown(NamedTuple):
    """A command on a page, and the output that the page shows of it."""

    section: str
    command: str
    output: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)


def shown(text: str) -> list[Shown]:
    """Return the commands of a page, in order."""
    commands, section = [], ""
    for heading, block in re.findall(r"^## ([^\n]*)$|^```console\n(.*?)^```$", text, BLOCKS):
        section = heading or section
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            commands.append(Shown(section, command, output))
    return commands


def captioned(text: str) -> dict[str, str]:
    """Return the files that a page tells its reader to write."""
    block = r"^```\{code-block\} \w+\n:caption: (\S+)\n\n(.*?)^```$"
    return dict(re.findall(block, text, BLOCKS))


def agrees(expected: str, printed: str) -> bool:
    """Whether something is what was printed; … is any text in a line, or any lines."""
    lines = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    ]
    return re.fullmatch("".join(lines), printed) is not None


def how(words: list[str]) -> str:
    """Return how a command of a page is tested."""
    program, *rest = words
    if program in {"pip", "nox"}:
        return program
    assert program == "repro-audit", words
    if rest[0] in STARTS and rest[:3] != ["repeat", "--vary", "list"]:
        return "starts"
    return "written by a run" if "manifest.json" in rest else "reads"


def execute(words: list[str], folder: Path, python: str = sys.executable) -> tuple[int, str]:
    """Run a command of ours and return its exit code and all that it prints."""
    done = subprocess.run(
        [*our_command(python), *words[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def parsed(words: list[str]) -> click.Context:
    """Return what a command makes of its words, without running it."""
    _, *rest = words
    name = rest.pop(0) if rest[0] in COMMANDS else "audit"
    parent = click.Context(group, **group.context_settings)
    command = group.get_command(parent, name)
    assert command is not None
    context = command.make_context(name, rest, parent=parent)
    # A word before the script that is no option of ours would pass for the script.
    target = context.params.get("target", ("script",))
    assert target or context.params.get("vary") == "list", words
    assert not target or not target[0].startswith("-"), words
    # Behind the script it would be the script's.
    ours = {option for item in command.params for option in item.opts if option.startswith("-")}
    assert not ours & set(target[1:]), words
    return context


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Return a folder as a reader has it: examples, two runs, a paper and a run of one's own."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    for name, value in (("run-1", document()), ("run-2", rerun())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_bytes(sealed(value))
        shutil.copy(EXAMPLES / "threads-2.trace", tmp_path / name / "manifest.trace")
    (tmp_path / "run.json").write_bytes(sealed(two_models(seeded_again=False)))
    threads_of = {"theirs": 2, "mine": 1, "before": 2, "after": 1, "whole": 2, "resumed": 1}
    for name, threads in threads_of.items():
        for suffix in (".json", ".trace"):
            shutil.copy(EXAMPLES / f"threads-{threads}{suffix}", tmp_path / f"{name}{suffix}")
    drawn(tmp_path / "paper.pdf")
    runs = [load(tmp_path / name / "manifest.json") for name in ("run-1", "run-2")]
    write_repeat(tmp_path / "repeat/train", *runs)
    ensemble = drawn_ensemble((tmp_path / "theirs.json").read_bytes(), rounding=1e-4, seeds=1e-2)
    (tmp_path / "ensemble.json").write_bytes(serialize(ensemble))
    return tmp_path


# Commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_command_that_reads_prints_is_what_the_page_shows(page, workplace):
    text, section = page.read_text(encoding="utf-8"), ""
    for name, content in captioned(text).items():
        (workplace / name).write_text(content, encoding="utf-8")
    for item in shown(text):
        if item.section != section and item.section in HANDED_ON:
            given, taken = HANDED_ON[item.section]
            shutil.copy(workplace / given, workplace / taken)
        section = item.section
        if how(item.words) == "reads":
            code, printed = execute(item.words, workplace)
            assert code in {0, 1}, printed
            assert not item.output or agrees(item.output, printed), printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_starts_a_training_is_what_the_command_takes(page):
    from repro_audit.cli.repeat import _factors

    for item in shown(page.read_text(encoding="utf-8")):
        if how(item.words) == "starts":
            _factors(parsed(item.words).params.get("vary"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_commands_in_sentences_tables_and_the_readme_are_what_the_commands_take(page):
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"(?:`|^\$ )(repro-audit [^`\n]+ [^`\n]+)", text, re.MULTILINE):
        parsed(shlex.split(command))


@pytest.mark.parametrize(
    "command", ["repeat --vary nonsense train.py", "repeat --nonsense train.py", "record"]
)
def test_what_a_command_does_not_take_is_found(command):
    from repro_audit.cli.repeat import _factors

    with pytest.raises((click.UsageError, AssertionError)):
        _factors(parsed(["repro-audit", *command.split()]).params.get("vary"))


@pytest.mark.keras
def test_the_first_steps_lead_where_the_page_says(server, tmp_path):
    text = (DOCS / "first-steps.md").read_text(encoding="utf-8")
    (tmp_path / "train.py").write_text(captioned(text)["train.py"], encoding="utf-8")
    steps = {item.command: item for item in shown(text) if item.command in FIRST_STEPS}
    assert list(steps) == FIRST_STEPS
    codes = []
    for item in steps.values():
        code, printed = execute(item.words, tmp_path, server.python)
        assert agrees(item.output, printed), printed
        codes.append(code)
    assert codes == [0, 1, 0]
    assert (tmp_path / "repeat/train/report.html").is_file()


def test_every_command_is_tested_in_one_of_these_ways():
    ways: dict[str, set[str]] = {}
    for page in PAGES:
        for item in shown(page.read_text(encoding="utf-8")):
            ways.setdefault(how(item.words), set()).add(item.command)
    assert len(ways.pop("reads")) > 15
    assert ways.pop("starts")
    assert ways.pop("written by a run") <= set(FIRST_STEPS)
    assert list(ways) == ["pip", "nox"]
    with pytest.raises(AssertionError):
        how(["rm", "-r", "."])


def test_what_nox_and_pip_are_asked_for_is_there():
    project = tomllib.loads((ROOT / "packages/repro-audit/pyproject.toml").read_text())["project"]
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    wanted = [item.words for page in PAGES for item in shown(page.read_text(encoding="utf-8"))]
    extras = set()
    for words in wanted:
        if words[0] == "nox":
            assert words[2] in sessions
        for word in words[2:] if words[0] == "pip" else ():
            folder, _, rest = word.removeprefix("./").rpartition("/")
            requirement = Requirement(rest)
            assert word == rest or (ROOT / folder / requirement.name / "pyproject.toml").is_file()
            extras |= requirement.extras
    assert extras == {"keras", "notebook", "paper"}
    assert extras <= set(project["optional-dependencies"])
    assert "nonsense" not in sessions


def test_output_that_is_not_printed_is_found():
    assert agrees("a\n…\nd\n", "a\nb\nc\nd\n")
    assert agrees("a … c\n", "a b c\n")
    assert not agrees("a\n…\nd\n", "a\nb\nc\n")
    assert not agrees("a … c\n", "a\nb c\n")
    assert not agrees("a\n", "a\nb\n")


def test_commands_and_files_are_found_on_a_page():
    text = '## One\n\n```console\n$ a "b c"\nout\n\n$ d\n```\n'
    assert shown(text) == [Shown("One", 'a "b c"', "out\n\n"), Shown("One", "d", "")]
    assert captioned("```{code-block} json\n:caption: a.json\n\n{}\n```\n") == {"a.json": "{}\n"}
    assert not shown(text.replace("$ ", "> "))


# What the pages say besides


def test_common_causes_are_called_as_the_tool_calls_them_and_mended_as_it_says():
    guide = (DOCS / "why-did-my-run-change.md").read_text(encoding="utf-8")
    part = guide.partition("\n## Common causes\n")[2].partition("\n## ")[0]
    causes = re.findall(r"^### ([^\n]*)$.*?^```\w+\n(.*?)\n```$", part, BLOCKS)
    lines = {remedy(record(document()), ()) for remedy in REMEDIES.values()}
    lines |= {remedy for _, remedy in LOST.values()}
    titles = [*(kind.title for kind in KINDS), "extra draw from Python's random"]
    titles += [begins for begins, _ in LOST.values()]
    assert len(causes) == part.count("### ") > 9
    for title, line in causes:
        assert title.startswith(tuple(titles)), title
        assert line in lines, line
    assert not "bad luck".startswith(tuple(titles))


def test_code_on_the_pages_is_python():
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), BLOCKS)
    ]
    assert blocks
    for block in blocks:
        ast.parse(block)
    with pytest.raises(SyntaxError):
        ast.parse("$ repro-audit")


# Pages made from the code


@pytest.fixture(scope="module")
def generate() -> Any:
    """Return the module that makes pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        return importlib.import_module("generate")


def properties(node: Any) -> Iterator[str]:
    """Yield the name of every field of a schema."""
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            yield from node["properties"]
        for value in node.values():
            yield from properties(value)


def entries(page: str) -> set[str]:
    """Return the fields that a page has an entry for, by their JSONPaths."""
    return set(re.findall(r"^`(\$[^`]+)` .+\n: .+$", page, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_schema_has_an_entry(name, generate):
    found = entries(generate.schema_page(name))
    assert {f"$.{field}" for field in schema(name)["properties"]} <= found
    assert {path.rpartition(".")[2] for path in found} == set(properties(schema(name)))
    assert "$.nonsense" not in found


def test_a_field_that_is_no_longer_in_a_schema_is_on_no_page(generate, monkeypatch):
    value = schema("manifest-2")
    less = {key: item for key, item in value["properties"].items() if key != "digest"}
    monkeypatch.setattr(generate, "schema", lambda _: {**value, "properties": less})
    assert "$.digest" not in entries(generate.schema_page("manifest-2"))


def test_every_rule_is_on_the_page_of_rules_with_its_remedy(generate):
    rules = all_rules()
    page = generate.rules_page(rules)
    for rule in rules:
        assert f"\n({rule.code})=\n### {rule.code}: " in page
        assert f"\n{rule.remedy}\n```\n" in page
    assert rules[-1].code not in generate.rules_page(rules[:-1])


def test_the_page_of_commands_is_what_help_prints(generate):
    page = generate.command_page()
    environment = {**os.environ, "COLUMNS": "80"}
    for name in (None, *COMMANDS):
        words = [] if name is None else [name]
        done = subprocess.run(
            [sys.executable, "-m", "repro_audit", *words, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        assert f"## {' '.join(['repro-audit', *words])}\n\n```text\n{done.stdout}```\n" in page
        assert done.stdout.rstrip() == generate.help_text(name).rstrip()
    assert generate.help_text("audit") != generate.help_text("record")


def test_examples_in_help_are_what_the_commands_take(generate):
    examples = [
        re.split(r"\s{2,}", line.strip())[0]
        for name in (None, *COMMANDS)
        for line in generate.help_text(name).splitlines()
        if line.startswith("    repro-audit ")
    ]
    assert len(examples) > 15
    for example in examples:
        parsed(shlex.split(example))
    with pytest.raises(click.UsageError):
        parsed(["repro-audit", "manifest.json", "--nonsense"])


def test_text_is_shown_as_it_stands(generate):
    hostile = r"*a* _b_ `c` [d](e) <f> &amp; g\h ~~i~~ | # $j$ {k} ^l^ ![m](n) https://o"
    markdown = MarkdownIt().enable(["table", "strikethrough"])

    def visible(text: str) -> str:
        return html.unescape(re.sub("<[^>]*>", "", markdown.render(text))).strip()

    assert visible(generate.escaped(hostile)) == hostile
    assert visible(hostile) != hostile
    for code in ("a`b", "``", "`", "a|b"):
        assert visible(f"x {generate.code(code)}") == f"x {code}"


def test_pages_are_written_once_and_alike(generate, tmp_path):
    def written() -> dict[str, tuple[str, int]]:
        generate.write_pages(tmp_path / "pages")
        files = sorted((tmp_path / "pages").iterdir())
        return {file.name: (file.read_text(), file.stat().st_mtime_ns) for file in files}

    first = written()
    assert written() == first
    assert list(first) == [
        "architecture.svg",
        "audit.md",
        "checklist.md",
        "cli.md",
        "ensemble.md",
        "manifest.md",
        "plan.md",
        "rules.md",
        "texts.md",
    ]
    (tmp_path / "pages/cli.md").write_text("old")
    assert written()["cli.md"] != first["cli.md"]
    assert written()["cli.md"][0] == first["cli.md"][0]


# The site


@pytest.fixture(scope="module")
def sources(tmp_path_factory: Any) -> Path:
    """Return a copy of the site's sources, where building it leaves nothing behind."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns("generated", "__pycache__"))
    return Path(folder)


def build(sources: Path, target: Path, *options: str) -> tuple[int, str]:
    """Build the site as `nox -s docs` does, and return the exit code and what is warned of."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    done = subprocess.run(
        [*command, *options, str(sources), str(target)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def site(sources: Path) -> Path:
    """Return the site, built."""
    target = sources.parent / "html"
    code, warnings = build(sources, target)
    assert (code, warnings) == (0, "")
    return target


def test_the_site_is_built_without_warnings(site):
    assert {page.stem for page in PAGES} <= {page.stem for page in site.glob("*.html")}


def test_a_link_that_leads_nowhere_is_a_warning(sources, tmp_path):
    shutil.copytree(sources, tmp_path / "docs")
    (tmp_path / "docs/attach.md").write_text("# A page\n\n[nowhere](no-such-page.md)\n")
    code, warnings = build(tmp_path / "docs", tmp_path / "html", "--builder=dummy")
    assert code == 1
    assert "no-such-page.md" in warnings


def test_every_page_is_reached_from_the_first(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    pages = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    pages -= {"index.html", "genindex.html", "search.html"}
    assert len(pages) == 24
    assert all(f'href="{page}"' in index for page in pages)
    assert 'href="nonsense.html"' not in index


class Loads(HTMLParser):
    """Collects what a page has a browser fetch; what a reader may click on is not among it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"src", "href", "srcset", "data", "poster", "action", "xlink:href"}
        self.found += [value or "" for name, value in attrs if tag != "a" and name in names]


def foreign(content: str, suffix: str) -> list[str]:
    """Return what a page or a style sheet loads from another host."""
    if suffix == ".css":
        addresses = re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")\s]+)", content)
    else:
        loads = Loads()
        loads.feed(content)
        addresses = loads.found + re.findall(r"\burl\(\s*['\"]?([^'\")\s]+)", content)
    return [address for address in addresses if re.match(r"(?:\w+:)?//", address)]


def test_no_page_loads_anything_from_another_host(site):
    files = [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]
    assert len(files) > 10
    for path in files:
        assert foreign(path.read_text(encoding="utf-8"), path.suffix) == [], path


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        ('<script src="https://example.org/a.js"></script>', ".html"),
        ('<link rel="stylesheet" href="//example.org/a.css">', ".html"),
        ('<img alt="" src="http://example.org/a.png">', ".html"),
        ("<style>p { background: url(https://example.org/a.png) }</style>", ".html"),
        ("@import 'https://example.org/a.css';", ".css"),
        ("@font-face { src: url('//example.org/a.woff') }", ".css"),
    ],
)
def test_what_is_loaded_from_another_host_is_found(content, suffix):
    assert len(foreign(content, suffix)) == 1
    assert foreign('<a href="https://example.org/">a source</a>', suffix) == []
