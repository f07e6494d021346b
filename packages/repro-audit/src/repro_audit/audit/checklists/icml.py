"""The machine learning reproducibility checklist 2.0, in place of one of ICML's own.

ICML 2026 has none: its author instructions encourage authors to submit code and say that
reproducibility counts. Groups and items carry no numbers in the checklist; ours count them in
its order.
"""

from __future__ import annotations

from repro_audit.audit.checklists.conditions import (
    ACCELERATORS,
    CODE_FILES,
    COMMAND,
    COMMIT,
    CORES,
    CPU,
    DATA,
    FITS,
    LOSS,
    MEMORY,
    MODEL,
    OPTIMIZER,
    PACKAGES,
    PIPELINE,
    REQUIREMENTS,
    SEEDS,
    SYSTEM,
)
from repro_audit.audit.checklists.evidence import Form, Item
from repro_audit.audit.checklists.outcomes import (
    EVALUATED,
    PARAMETERS,
    RESULTS,
    RUNTIME,
    TRAINED,
)

__all__ = ["ICML"]

ICML = Form(
    title="Machine learning reproducibility checklist 2.0 (Pineau, 2020)",
    source="https://www.cs.mcgill.ca/~jpineau/ReproducibilityChecklist-v2.0.pdf",
    items=(
        Item(
            "1.1",
            "Models: the setting, algorithm or model",
            (MODEL, PARAMETERS),
            "the description in the paper's own terms",
        ),
        Item("1.2", "Models: assumptions"),
        Item("1.3", "Models: complexity in time, space and samples"),
        Item("2.1", "Theory: statement of each claim"),
        Item("2.2", "Theory: proof of each claim"),
        Item(
            "3.1",
            "Data sets: size and other statistics",
            (DATA,),
            "any other statistics that matter, such as label counts",
        ),
        Item(
            "3.2",
            "Data sets: training, validation and test splits",
            (DATA,),
            "how the splits were made; a role is only the name that was recorded",
        ),
        Item(
            "3.3",
            "Data sets: exclusions and preprocessing",
            (PIPELINE,),
            "what was excluded, what each stage computes, and what happened before it",
        ),
        Item("3.4", "Data sets: a link to them"),
        Item("3.5", "Data sets: collection of new ones"),
        Item(
            "4.1",
            "Shared code: dependencies",
            (PACKAGES, REQUIREMENTS),
            "whether the shared code carries them",
        ),
        Item(
            "4.2",
            "Shared code: training",
            (COMMAND, COMMIT, CODE_FILES),
            "whether this code is shared, and where",
        ),
        Item(
            "4.3",
            "Shared code: evaluation",
            (EVALUATED,),
            "whether the code that evaluates is shared, and where",
        ),
        Item("4.4", "Shared code: trained models"),
        Item(
            "4.5",
            "Shared code: README with results and commands",
            (COMMAND, RESULTS),
            "the README, and whether these are the results in the paper",
        ),
        Item(
            "5.1",
            "Results: hyperparameters, their range and choice",
            (OPTIMIZER, LOSS, FITS, SEEDS),
            "which hyperparameters were searched, over what range, and how the best were chosen",
        ),
        Item(
            "5.2",
            "Results: number of training and evaluation runs",
            (TRAINED, EVALUATED),
            "how many runs stand behind the paper; a manifest is of one",
        ),
        Item(
            "5.3",
            "Results: definition of each measure",
            (LOSS,),
            "what each measure means, and which of them the paper reports",
        ),
        Item(
            "5.4",
            "Results: mean and variation",
            left=(
                "a manifest holds one run, so neither mean nor error bars; repro-audit repeat "
                "--spread measures how far other seeds take a result"
            ),
            of_seeds=True,
        ),
        Item(
            "5.5",
            "Results: average run time or energy",
            (RUNTIME,),
            "the average over all runs; this is the time of one",
        ),
        Item(
            "5.6", "Results: computing infrastructure", (SYSTEM, CPU, CORES, MEMORY, ACCELERATORS)
        ),
    ),
)
