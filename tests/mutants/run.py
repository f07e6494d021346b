"""Change the code that decides, one small thing at a time: a test must notice each change.

    python tests/mutants/run.py
    python tests/mutants/run.py repro_audit.compare.symptom

Exit 1 where fewer than 90 % are noticed, where one that is not has no reason in survivors.toml,
or where a reason there is of none that survives.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections import Counter
from pathlib import Path

from changes import Module, Mutant
from children import BrokenError, Outcome, run_mutants

LEAST = 0.9
SURVIVORS = Path(__file__).with_name("survivors.toml")

# The files of tests that decide; the first of them notice most.
_COMPARE = (
    "certainties",
    "judging",
    "cause_case",
    "cause_words",
    "samples",
    "symptom",
    "diagnosis",
    "causes",
    "testimony",
    "testimony_words",
    "timing",
    "loaded",
    "resuming",
)
_AUDIT = (
    "recomputed",
    "contradictions",
    "data_rules",
    "near_each_rule",
    "forged",
    "reported",
    "rules",
)


def areas() -> list[tuple[list[str], list[str]]]:
    """Return modules, and the files of tests that decide about them; none needs TensorFlow."""
    from repro_audit.audit.rules import FAMILIES

    tests = "packages/repro-audit/tests"
    names = (
        "causes",
        "cause_case",
        "cause_judging",
        "cause_sorting",
        "resuming",
        "symptom",
        "testimony.batches",
        "testimony.ends",
        "testimony.weights",
        "timing",
    )
    compare = [f"repro_audit.compare.{name}" for name in names]
    of_compare = [f"{tests}/compare/test_{name}.py" for name in _COMPARE]
    rules = [f"repro_audit.audit.{name}" for name in ("rules", *FAMILIES)]
    of_rules = [f"{tests}/audit/test_{name}.py" for name in _AUDIT]
    return [(compare, of_compare), (rules, ["tests/golden/test_findings.py", *of_rules])]


def main() -> int:
    """Return 0 where enough mutants are killed and every other one is accounted for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="modules to change, in place of all")
    parser.add_argument("--tests", nargs="+", help="files of tests that decide, in place of ours")
    parser.add_argument("--survivors", type=Path, default=SURVIVORS, help="those with a reason")
    given = parser.parse_args()
    chosen = [(given.modules, given.tests)] if given.tests else areas()
    screen = sys.stdout  # pytest's own output is caught
    outcomes: list[Outcome] = []
    names: list[str] = []

    def report(outcome: Outcome, done: int, total: int) -> None:
        outcomes.append(outcome)
        if not outcome.killed:
            print("survives:", " | ".join(key(outcome.mutant)), file=screen, flush=True)
        if done % 50 == 0 or done == total:
            print(f"{done:>5} of {total}", file=screen, flush=True)

    try:
        for every, tests in chosen:
            modules = [name for name in every if name in (given.modules or every)]
            if modules:
                print(f"Mutants of {', '.join(modules)}:", flush=True)
                run_mutants([Module(name) for name in modules], tests, os.cpu_count() or 1, report)
            names += modules
    except BrokenError as error:
        print(error)
        return 1
    return conclude(outcomes, reasons(given.survivors, names))


def conclude(outcomes: list[Outcome], explained: dict[tuple[str, ...], str]) -> int:
    """Print what the outcomes come to; return 0 if all is well."""
    total, killed = Counter(), Counter()
    for outcome in outcomes:
        total[outcome.mutant.module] += 1
        killed[outcome.mutant.module] += outcome.killed
    print()
    for name, count in total.items():
        print(f"{name:<36}{killed[name]:>5} of {count}")
    survivors = {key(item.mutant): item.mutant for item in outcomes if not item.killed}
    unexplained = [mutant for place, mutant in survivors.items() if not explained.get(place)]
    stale = [place for place in explained if place not in survivors]
    for mutant in sorted(unexplained, key=lambda mutant: mutant.module):
        print("", "[[survivor]]", *map(as_toml, zip(FIELDS, key(mutant), strict=True)), sep="\n")
    for place in stale:
        print("", "Not a survivor, or not a mutant any more:", *place, sep="\n  ")
    share = sum(killed.values()) / max(len(outcomes), 1)
    cpu_s = sum(item.cpu_s for item in outcomes)
    print(
        f"\n{share:.1%} of {len(outcomes)} mutants are killed, at least {LEAST:.0%} must be. Of "
        f"{len(survivors)} that survive, {len(unexplained)} have no reason; {len(stale)} reasons "
        f"are of none that survives. {cpu_s:.0f} s of processor time."
    )
    return int(share < LEAST or bool(unexplained) or bool(stale))


FIELDS = ("module", "function", "line", "change")


def key(mutant: Mutant) -> tuple[str, ...]:
    """Return what names a mutant, whatever is edited elsewhere in its module."""
    return tuple(getattr(mutant, name) for name in FIELDS)


def reasons(path: Path, modules: list[str]) -> dict[tuple[str, ...], str]:
    """Return why mutants of some modules survive."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", ())
    return {
        tuple(entry[name] for name in FIELDS): entry.get("reason", "").strip()
        for entry in entries
        if entry["module"] in modules
    }


def as_toml(item: tuple[str, str]) -> str:
    """Return a line that can be copied into the file of survivors."""
    name, value = item
    if "'" not in value:
        return f"{name} = '{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name} = "{escaped}"'


if __name__ == "__main__":
    sys.exit(main())
