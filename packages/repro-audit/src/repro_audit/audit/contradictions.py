"""RA6xx: fields of one valid manifest that cannot all be true."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from repro_audit.audit.rules import Hit, Look, rule
from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, unstructure
from repro_audit.replay import replay
from repro_audit.wording import counted

_WHY = "Either the recorder is wrong, or the file was edited: it proves nothing as it stands."
_REMEDY = "repro-audit repeat train.py  # record the run again"
_SOURCE = "repro-audit: what it records itself"


def contradiction(
    code: str, title: str, *, source: str = _SOURCE, reads_trace: bool = False
) -> Callable[[Look], Look]:
    """Register a function that looks for what cannot be, as a rule.

    Args:
        code: ``RA601`` and so on.
        title: What contradicts what.
        source: Where the fact comes from; else it is that the recorder writes both.
        reads_trace: Whether it is given the trace.

    Returns:
        A decorator that returns the function as it is.
    """
    return rule(
        code,
        "error",
        title,
        why=_WHY,
        remedy=_REMEDY,
        source=source,
        contradicts=True,
        reads_trace=reads_trace,
    )


@contradiction("RA601", "a digest does not match the values beside it")
def outcome_digests(manifest: Manifest) -> Iterator[Hit]:
    """A digest of outcomes is not that of the outcomes."""
    outcomes = manifest.outcomes
    digests = outcomes.digests
    for name, tensors in (
        ("initial_weights", outcomes.initial_weights),
        ("final_state", outcomes.final_state),
    ):
        said = getattr(digests, name)
        if said is not None and said != digest_json(unstructure(tensors)):
            yield Hit(
                f"The digest of {name} is not that of its tensors.", f"$.outcomes.digests.{name}"
            )
    epochs = tuple(digest for fit in outcomes.fits for digest in fit.epochs if digest)
    if digests.epochs != epochs:
        yield Hit(
            "The digests of the epochs are not those of the fits.", "$.outcomes.digests.epochs"
        )
    history = [
        [fit.history for fit in outcomes.fits],
        [item.results for item in outcomes.evaluations],
    ]
    if digests.history is not None and digests.history != digest_json(unstructure(history)):
        yield Hit(
            "The digest of the history is not that of its values.", "$.outcomes.digests.history"
        )


@contradiction("RA602", "epochs and history disagree")
def epochs_and_history(manifest: Manifest) -> Iterator[Hit]:
    """A metric has more or fewer values than the fit has epochs."""
    for index, fit in enumerate(manifest.outcomes.fits):
        lengths = {len(values) for values in fit.history.values()}
        if fit.model is not None and lengths - {len(fit.epochs)}:
            yield Hit(
                f"Fit {index + 1} has {counted(len(fit.epochs), 'epoch')}, but metrics with "
                f"{', '.join(map(str, sorted(lengths)))} values.",
                f"$.outcomes.fits[{index}].history",
            )


@rule(
    "RA603",
    "warning",
    "the hash seed contradicts itself",
    why="PYTHONHASHSEED counts only before Python starts; set later, it says what is not so.",
    remedy="export PYTHONHASHSEED=0  # before Python starts",
    source="Python documentation: PYTHONHASHSEED",
)
def hash_seed(manifest: Manifest) -> Iterator[Hit]:
    """PYTHONHASHSEED was 0, and Python hashes at random all the same."""
    seeds = manifest.conditions.seeds
    if seeds is None:
        return
    if seeds.hash_seed.requested == "0" and seeds.hash_seed.randomized:
        yield Hit(
            "PYTHONHASHSEED was 0, but Python hashes strings at random.",
            "$.conditions.seeds.hash_seed",
        )


@contradiction("RA604", "the generators contradict the declared seed")
def generators(manifest: Manifest) -> Iterator[Hit]:
    """Python's generator stood as seeded, yet the layers drew something else from it."""
    seeds = manifest.conditions.seeds
    initializers = manifest.conditions.initializers
    if seeds is None or initializers is None or seeds.declared is None:
        return
    # Others may seed again when the layers are made.
    if seeds.declared_by != "repro_audit.control":
        return
    drawn = tuple(
        weight.seed
        for weight in initializers.layers
        if weight.seed is not None and weight.given is False
    )
    if seeds.python.as_seeded and drawn and not replay(seeds.declared, drawn).found:
        yield Hit(
            f"Python's generator stood as random.Random({seeds.declared}) when recording began, "
            "but no layer's seed is a draw of it.",
            "$.conditions.seeds.python.as_seeded",
        )


@contradiction("RA605", "fits and models disagree")
def fits_and_models(manifest: Manifest) -> Iterator[Hit]:
    """The outcomes tell of more fits or models than the conditions."""
    training = manifest.conditions.training
    if training is None:
        return
    outcomes = manifest.outcomes
    for noun, here, there in (
        ("fit", len(training.fits), len(outcomes.fits)),
        ("model", len(training.models), len(outcomes.initial_weights)),
    ):
        if here != there:
            yield Hit(
                f"The conditions hold {counted(here, noun)}, the outcomes {there}.",
                f"$.conditions.training.{noun}s",
            )
