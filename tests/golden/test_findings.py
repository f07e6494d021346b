"""What each rule says of a run that it finds something in, as one file to read and diff.

``pytest tests/golden --update-goldens`` renews it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from rule_cases import TABLE, found

GOLDEN = Path(__file__).with_name("findings.txt")


def said(code):
    """Return what a rule finds in the run that the table has for it."""
    lines = []
    for item in found(code):
        if item.code == code:
            proves_nothing = ", contradicts" if item.contradicts else ""
            lines += [f"{code} {item.severity}{proves_nothing} {item.path}", f"  {item.seen}"]
            lines.append(f"  > {item.remedy}")
    return "\n".join(lines)


@pytest.mark.parametrize("code", TABLE)
def test_a_rule_says_what_it_said(code, pytestconfig):
    if pytestconfig.getoption("--update-goldens"):
        content = "\n\n".join(map(said, TABLE)) + "\n"
        GOLDEN.write_text(content, encoding="utf-8")
    entries = GOLDEN.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    (entry,) = [entry for entry in entries if entry.startswith(code)]
    assert said(code) == entry
