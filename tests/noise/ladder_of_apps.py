"""On which rung our apps stand with one thing changed, as docs/noise.md has it: nox -s ladder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from forking import Server
from manifests import ROOT
from processes import our_command, plain_environment

pytestmark = [pytest.mark.keras, pytest.mark.minutes(10)]

CHANGED = Path(__file__).parent / "scripts/changed.py"
CHANGES: dict[str, tuple[str, ...]] = {
    "1 thread for 2": ("none", "APP", "--threads", "1"),
    "another seed": ("none", "APP", "--seed", "7"),
    "learning rate 0.002 for 0.001": ("learning_rate", "APP", "0.002"),
    "dropout 0.5 for 0.2": ("dropout", "APP"),
    "one label in ten is another": ("labels", "APP"),
    "one pixel of one image, by 1 of 255": ("one_pixel", "APP"),
    "learning rate 0.00101 for 0.001": ("learning_rate", "APP", "0.00101"),
}


def answers(app: str, epochs: int) -> dict[str, str]:
    """Return the rung that the page on noise names for each change."""
    page = (ROOT / "docs/noise.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip().strip("`") for cell in row.strip("|").split("|")]
        for row in page.splitlines()
        if row.startswith("|") and row.count("|") == 4
    ]
    column = next(row.index(app) for row in rows if app in "".join(row) and "changed" in row[0])
    found = {}
    for name, *_ in rows:
        said = name.removesuffix(", 2 epochs")
        if name == "the same, 8 epochs":
            said = "one label in ten is another" if epochs == 8 else ""
        elif epochs == 8:
            said = ""
        row = next(item for item in rows if item[0] == name)
        if said in CHANGES and row[column]:
            found[said] = row[column]
    return found


@pytest.mark.parametrize("epochs", [2, 8])
@pytest.mark.parametrize("app", ["mnist_cnn", "rnn_dropout"])
def test_each_change_stands_on_the_rung_that_the_page_names(
    app: str, epochs: int, server: Server, tmp_path: Path
) -> None:
    """With 7 runs for rounding and 10 for seeds; on two threads."""
    wanted = answers(app, epochs)
    environment = plain_environment() | {"PYTHONHASHSEED": "0"}

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    ours = our_command(server.python)
    noise = "--perturb", "6", "--spread", "9", "-d", "repeat"
    done = ran(*ours, "repeat", *noise, "-m", app, "--epochs", str(epochs))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {}
    for name in wanted:
        words = [app if word == "APP" else word for word in CHANGES[name]]
        run = ran(
            sys.executable, str(CHANGED), *words, "--epochs", str(epochs), "--manifest", "m.json"
        )
        assert run.returncode == 0, run.stderr
        said = ran(*ours, "repeat/ensemble.json", "m.json", "--format", "json")
        found[name] = json.loads(said.stdout)["verdict"]
    assert found == wanted
