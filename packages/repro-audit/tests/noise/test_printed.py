"""Every form in which papers print results is read, and nothing else."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from repro_audit.noise import Printed, parse


def number(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


FORMS = {
    "96.3": ("96.3", "0.1", None, None, None, None),
    "96.3 ± 0.2": ("96.3", "0.1", "0.2", None, None, None),
    "96.3±0.2%": ("0.963", "0.001", "0.002", None, None, None),
    "96.3% ± 0.2%": ("0.963", "0.001", "0.002", None, None, None),
    "96.3 +/- 0.2 (n=5)": ("96.3", "0.1", "0.2", None, None, 5),
    "96.3 +- 0.2 (5 runs)": ("96.3", "0.1", "0.2", None, None, 5),
    "96.3 ± 0.2 over 10 seeds": ("96.3", "0.1", "0.2", None, None, 10),
    "96.3 ± 0.2, n = 3": ("96.3", "0.1", "0.2", None, None, 3),
    "(96.3 ± 0.2)%": ("0.963", "0.001", "0.002", None, None, None),
    "96.3(2)": ("96.3", "0.1", "0.2", None, None, None),
    "0.9634(12) (n=5)": ("0.9634", "0.0001", "0.0012", None, None, 5),
    "0.963 [0.961, 0.965]": ("0.963", "0.001", None, "0.9605", "0.9655", None),
    "96.3% [96.1%, 96.5%]": ("0.963", "0.001", None, "0.9605", "0.9655", None),
    "95.8-96.4": (None, "0.1", None, "95.75", "96.45", None),
    "95.8\u201396.4% (n=5)": (None, "0.001", None, "0.9575", "0.9645", 5),
    "95.8 to 96.4": (None, "0.1", None, "95.75", "96.45", None),
    r"$96.3 \pm 0.2$": ("96.3", "0.1", "0.2", None, None, None),
    r"$96.3 \pm 0.2\%$ (n=5)": ("0.963", "0.001", "0.002", None, None, 5),
    "1.2e-3 ± 1e-4": ("0.0012", "0.0001", "0.0001", None, None, None),
    "-0.5 ± 0.1": ("-0.5", "0.1", "0.1", None, None, None),
    "0.1--0.3": (None, "0.1", None, "0.05", "0.35", None),
    "1e-5": ("0.00001", "0.00001", None, None, None, None),
}


@pytest.mark.parametrize("text", FORMS)
def test_a_printed_result_is_read_as_it_is_meant(text):
    value, unit, spread, low, high, runs = FORMS[text]
    read = parse(text)
    assert read is not None
    assert read._replace(spread_unit=None) == Printed(
        number(value), Fraction(unit), number(spread), None, number(low), number(high), runs
    )
    assert (read.spread is None) is (read.spread_unit is None)


@pytest.mark.parametrize(
    "text",
    [
        *("96.3 ±", "± 0.2", "96.3 ± -0.2", "96.3 ± 0.2 ± 0.1", "96.3 (n=5", "n=5", "(n=5)"),
        *("0.963 [0.965, 0.961]", "0.963 [0.97, 0.98]", "96.4-95.8", "96.3()", "5 runs", "$$"),
        *("1e999 ± 1", "1-1e999", "1 ± 1e999 (n=5)", "9" * 300),
    ],
)
def test_what_says_nothing_is_none(text):
    assert parse(text) is None


def test_mutants_of_printed_results_are_read_or_refused():
    """Ten thousand: a character changed, left out or put in; none raises, none takes long."""
    generator = random.Random(812)
    texts, read = list(FORMS), 0
    for _ in range(10_000):
        text = list(generator.choice(texts))
        for _ in range(generator.randint(1, 3)):
            place = generator.randrange(len(text) + 1)
            text[place : place + generator.randint(0, 1)] = generator.choice(
                ["", *"0123456789.,±+-/()[]$%\\ ne=\x00\u2013é"]
            )
        read += parse("".join(text)) is not None
    assert 1000 < read < 9000
