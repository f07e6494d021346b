"""ACM's artifact review and badging 1.1: what each badge asks for.

Reviewers give badges. Nothing here says that one is deserved: at most, what a manifest records
that a reviewer may want to see. The policy has no numbers; ours count its three kinds of badge.
"""

from __future__ import annotations

from repro_audit.audit.checklists.conditions import (
    CODE_FILES,
    COMMAND,
    COMMIT,
    DATA,
    DETERMINISM,
    PACKAGES,
    REQUIREMENTS,
    SEEDS,
    SYSTEM,
)
from repro_audit.audit.checklists.evidence import Form, Item
from repro_audit.audit.checklists.outcomes import DIGESTS, ENDED, RESULTS, TRAINED

__all__ = ["ACM"]

ACM = Form(
    title="ACM artifact review and badging 1.1 (2020): what each badge asks for",
    source="https://www.acm.org/publications/policies/artifact-review-and-badging-current",
    items=(
        Item(
            "1.1",
            "Evaluated, functional: documented",
            (COMMAND, SYSTEM, REQUIREMENTS),
            "an inventory of the artifacts and a guide to running them, which reviewers judge",
        ),
        Item(
            "1.2",
            "Evaluated, functional: consistent",
            (COMMIT, RESULTS),
            "whether these are results of the paper, which reviewers judge",
        ),
        Item(
            "1.3",
            "Evaluated, functional: complete",
            (CODE_FILES, DATA, PACKAGES),
            "whether the paper needs more than this run, which reviewers judge",
        ),
        Item(
            "1.4",
            "Evaluated, functional: exercisable",
            (ENDED, TRAINED),
            "a run by the reviewers themselves",
        ),
        Item(
            "1.5",
            "Evaluated, functional: verification and validation",
            (SEEDS, DETERMINISM, DIGESTS),
            "tests and checks of the artifact; repro-audit repeat shows whether a run repeats",
        ),
        Item(
            "1.6",
            "Evaluated, reusable",
            left="how well an artifact can be reused is for reviewers to judge",
        ),
        Item(
            "2.1",
            "Available: archived, with an identifier",
            left="a manifest says which code and data a run had, never where they are archived",
        ),
        Item(
            "3.1",
            "Validated, reproduced: another team, same artifacts",
            left=(
                "one manifest is one team's run; repro-audit theirs.json mine.json compares it "
                "with another team's"
            ),
        ),
        Item(
            "3.2",
            "Validated, replicated: another team, own artifacts",
            left="one manifest is one team's run, with the artifacts it names",
        ),
    ),
)
