"""The page on the architecture, its picture, and the recipes lead to files that are there."""

from __future__ import annotations

import importlib
import re
from xml.etree import ElementTree as ET

import pytest
from manifests import ROOT

SOURCE = ROOT / "packages/repro-audit/src/repro_audit"
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs/architecture.txt").read_text(encoding="utf-8")
RECIPES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAX_FILES = {"seed": 7, "weight's bits": 9, "hostile string": 5}


@pytest.fixture(scope="module")
def draw():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return importlib.import_module("drawing").draw


def walk(page, of):
    """Return the files of a path through the code, in the order of the page."""
    section = page.split(f"## The path of a {of}\n")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. `([\w/]+\.py)`", section, re.MULTILINE)


@pytest.mark.parametrize("of", MAX_FILES)
def test_a_walk_names_few_files_each_once_and_all_are_there(of):
    files = walk(PAGE, of)
    assert 3 < len(files) <= MAX_FILES[of]
    assert len(set(files)) == len(files)
    assert [name for name in files if not (SOURCE / name).is_file()] == []


def test_a_file_that_is_gone_would_be_seen():
    files = walk(PAGE.replace("`errors.py`", "`gone.py`"), "hostile string")
    assert [name for name in files if not (SOURCE / name).is_file()] == ["gone.py"]


def test_the_picture_shows_every_box_of_its_source(draw):
    root = ET.fromstring(draw(PICTURE))  # noqa: S314 - our own
    shown = {item.text for item in root.iter("{http://www.w3.org/2000/svg}text")}
    boxes = [
        part.strip()
        for line in PICTURE.splitlines()
        if line and line[0] not in "#>"
        for cell in line.split("|")
        for part in cell.split("/")
    ]
    assert len(boxes) > 10
    assert set(boxes) <= shown
    less = PICTURE.replace("your training script", "")
    assert "your training script" not in draw(less)


def test_what_steers_markup_is_text_in_the_picture(draw):
    root = ET.fromstring(draw("<script> / a & b"))  # noqa: S314 - our own
    assert [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")] == [
        "<script>",
        "a & b",
    ]


def named(text):
    """Return the paths that a text names, and that hold no placeholder."""
    paths = re.findall(r"`([\w./-]+(?:\.\w+|/))`", text)
    return [path for path in paths if "/" in path and "NAME" not in path and "_N" not in path]


def missing(paths):
    places = (ROOT, SOURCE, ROOT / "packages/repro-audit")
    return [path for path in paths if not any((place / path).exists() for place in places)]


def test_every_path_of_the_recipes_is_there():
    recipes = RECIPES.split("## Recipes")[1].split("\n## ")[0]
    assert len(named(recipes)) > 20
    assert missing(named(recipes)) == []
    assert missing(named("`audit/nonsense.py`")) == ["audit/nonsense.py"]


def test_the_page_names_every_module_that_lint_orders():
    table = re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
    modules = [name for row in table for name in re.findall(r"`(\w+)`", row)]
    layers = re.findall(
        r'^    "\(?(\w+)\)?",$',
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("layers = [")[1].split("]")[0],
        re.MULTILINE,
    )
    assert set(layers) - {"pytest_plugin", "replay"} <= {*modules, "repro_audit"}
