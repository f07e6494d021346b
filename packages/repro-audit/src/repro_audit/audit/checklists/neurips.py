"""The NeurIPS paper checklist: 16 items since 2025, the same in 2026."""

from __future__ import annotations

from repro_audit.audit.checklists.conditions import (
    ACCELERATORS,
    COMMAND,
    COMMIT,
    CORES,
    CPU,
    DATA,
    DETERMINISM,
    FITS,
    LOSS,
    MEMORY,
    MODEL,
    OPTIMIZER,
    PACKAGES,
    REQUIREMENTS,
    SEEDS,
)
from repro_audit.audit.checklists.evidence import Form, Item
from repro_audit.audit.checklists.outcomes import (
    DIGESTS,
    PARAMETERS,
    PEAK_MEMORY,
    RUNTIME,
    TRAINED,
)

__all__ = ["NEURIPS"]

_SPREAD = (
    "a manifest holds one run and so no error bars; repro-audit repeat --spread measures how far "
    "other seeds take a result"
)

NEURIPS = Form(
    title="NeurIPS paper checklist, 2026",
    source="https://neurips.cc/public/guides/PaperChecklist",
    items=(
        Item("1", "Claims and results"),
        Item("2", "Limitations"),
        Item("3", "Theory: assumptions and proofs"),
        Item(
            "4",
            "Reproducibility of the main results",
            (SEEDS, DETERMINISM, DIGESTS),
            "whether the paper tells a reader all that the main results need",
        ),
        Item(
            "5",
            "Access to data and code, with instructions",
            (COMMAND, COMMIT, REQUIREMENTS, DATA),
            "where others can get the code and the data, and the instructions for them",
        ),
        Item(
            "6",
            "Details of training and evaluation",
            (DATA, MODEL, PARAMETERS, OPTIMIZER, LOSS, FITS, TRAINED),
            "how the data were split, which hyperparameters were tried and how they were chosen",
        ),
        Item("7", "Statistical significance and error bars", left=_SPREAD, of_seeds=True),
        Item(
            "8",
            "Compute: kind of machine, memory, time",
            (CPU, CORES, MEMORY, ACCELERATORS, RUNTIME, PEAK_MEMORY),
            "the compute of all other runs, failed and preliminary ones included",
        ),
        Item("9", "Code of ethics"),
        Item("10", "Broader impacts"),
        Item("11", "Safeguards against misuse"),
        Item(
            "12",
            "Existing assets: credit, licence, version",
            (PACKAGES,),
            "who made each asset, its licence and its terms; the versions of data sets",
        ),
        Item("13", "New assets and their documentation"),
        Item("14", "Crowdsourcing and human subjects"),
        Item("15", "Human subjects: approval by a review board"),
        Item("16", "Use of large language models in the method"),
    ),
)
