"""The mutation run itself: it must tell what no test checks, and be believed where all is well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

CHECKED = '''\
"""What the tests below check to the last operator."""

LIMITS = {"low": 3}


def is_high(number):
    return number > LIMITS["low"]


def larger(one, other):
    return one if one > other else other


def halfway(one, other):
    return (one + other) / 2
'''

ENDLESS = '''\
"""What may never end."""


def up_to_ten(number):
    while number < 10:
        number = number + 1
    return number
'''

UNCHECKED = '''\
"""What the tests run, and do not look at."""

LIMIT = 3


def shifted(number):
    return number + LIMIT


def never_run(number):
    return not number
'''

TESTS = """\
from checked import halfway, is_high, larger
from endless import up_to_ten
from unchecked import shifted


def test_what_is_checked():
    assert [is_high(number) for number in (2, 3, 4)] == [False, False, True]
    assert (larger(1, 2), larger(2, 1)) == (2, 2)
    assert halfway(2, 4) == 3


def test_what_may_never_end():
    assert (up_to_ten(7), up_to_ten(10)) == (10, 10)


def test_what_is_only_run():
    shifted(1)
"""

EQUAL = """
[[survivor]]
module = 'checked'
function = 'larger'
line = 'return one if one > other else other'
change = '> → >='
reason = 'Of two equal numbers either is the larger.'
"""


@pytest.fixture(scope="module")
def mutated(tmp_path_factory):
    """Return a function that runs the session on modules of a project of its own."""
    folder = tmp_path_factory.mktemp("project")
    files = {"checked": CHECKED, "endless": ENDLESS, "unchecked": UNCHECKED, "test_all": TESTS}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")

    def mutated(*modules, survivors="", more="pass"):
        (folder / "survivors.toml").write_text(survivors, encoding="utf-8")
        (folder / "test_more.py").write_text(f"def test_more():\n    {more}\n", encoding="utf-8")
        options = "--tests", "test_all.py", "test_more.py", "--survivors", "survivors.toml"
        return subprocess.run(
            [sys.executable, HERE / "run.py", *modules, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    return mutated


@pytest.fixture(scope="module")
def done(mutated):
    return mutated("checked", "endless", "unchecked")


def test_code_that_no_test_checks_survives_and_its_mutants_are_named(done):
    assert done.returncode == 1
    for function, line, change in (
        ("LIMIT", "LIMIT = 3", "3 → 4"),
        ("shifted", "return number + LIMIT", "+ → -"),
        ("never_run", "return not number", "not x → x"),
    ):
        place = f"module = 'unchecked'\nfunction = '{function}'\nline = '{line}'\n"
        assert f"{place}change = '{change}'\n" in done.stdout
    assert "unchecked                               0 of 5" in done.stdout


def test_code_that_a_test_checks_is_killed(done):
    assert "checked                                10 of 11" in done.stdout
    assert done.stdout.count("module = 'checked'") == 1


def test_a_mutant_that_never_ends_is_killed_by_the_processor_time_it_uses(done):
    """As ``number - 1`` is one in the place of ``number + 1``."""
    assert "endless                                 5 of 5" in done.stdout


def test_a_survivor_with_a_reason_is_accepted_where_nine_in_ten_are_killed(mutated):
    """Of one module alone the reasons of others are not asked for."""
    done = mutated("checked", survivors=EQUAL + EQUAL.replace("'checked'", "'another'"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "90.9% of 11 mutants are killed" in done.stdout


def test_a_survivor_without_a_reason_fails_and_so_does_a_reason_without_a_survivor(mutated):
    no_reason = EQUAL.replace("Of two equal numbers either is the larger.", " ")
    done = mutated("checked", survivors=no_reason + EQUAL.replace("> → >=", "> → <"))
    assert done.returncode == 1
    assert "Of 1 that survive, 1 have no reason; 1 reasons are of none" in done.stdout, done.stdout


def test_nothing_is_said_where_a_test_fails_without_any_mutant(mutated):
    done = mutated("checked", more="assert False")
    assert (done.returncode, done.stdout.count("killed")) == (1, 0)
    assert "The test fails without a mutant" in done.stdout
