"""An executed notebook holds no person, place or secret, in whatever part of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repro_audit.capture.privacy import clean_notebook

MAIL, TOKEN = "alice@example.org", "ghp_" + "a1B2" * 9
HOME = str(Path.home() / "data")


def cell(**output):
    return {"cell_type": "code", "source": "f()", "metadata": {}, "outputs": [output]}


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stdout", "text": [f"{HOME}\n", f"{MAIL} {TOKEN}\n"]},
        {"output_type": "display_data", "data": {"text/html": f"<b>{MAIL} {TOKEN}</b> {HOME}"}},
        {"output_type": "display_data", "data": {"application/json": {MAIL: 1, HOME: TOKEN}}},
        {
            "output_type": "error",
            "ename": "ValueError",
            "evalue": f"{MAIL} at {HOME}",
            "traceback": [f"connect(token='{TOKEN}')", f"at {HOME}", MAIL],
        },
    ],
    ids=["printed", "html", "keys", "traceback"],
)
def test_what_a_cell_shows_is_masked(tmp_path, output):
    path = tmp_path / "run.executed.ipynb"
    document = {"cells": [cell(**output)], "metadata": {MAIL: HOME}, "nbformat": 4}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert MAIL in path.read_text()
    clean_notebook(path, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert [item for item in (MAIL, TOKEN, HOME) if item in text] == []
    kept = json.loads(text)["cells"][0]["outputs"][0]
    assert list(kept) == list(output)


def test_a_picture_stays_as_it_is(tmp_path):
    path = tmp_path / "run.executed.ipynb"
    shown = {"output_type": "display_data", "data": {"image/png": TOKEN, "text/plain": TOKEN}}
    path.write_text(json.dumps({"cells": [cell(**shown)]}), encoding="utf-8")
    clean_notebook(path, tmp_path)
    data = json.loads(path.read_text())["cells"][0]["outputs"][0]["data"]
    assert data["image/png"] == TOKEN
    assert TOKEN not in data["text/plain"]


def test_what_is_no_notebook_stays(tmp_path):
    path = tmp_path / "run.executed.ipynb"
    path.write_text("nonsense", encoding="utf-8")
    clean_notebook(path, tmp_path)
    assert path.read_text() == "nonsense"
    clean_notebook(tmp_path / "absent.ipynb", tmp_path)
