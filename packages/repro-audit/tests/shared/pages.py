"""Audits of every kind that a page may show."""

from __future__ import annotations

from ensembles import apart, drawn_ensemble
from manifests import EXAMPLES, changed, document, parted, record, rerun, run_id, sealed

from repro_audit.audit import (
    Audit,
    Confirmation,
    Factor,
    Ladder,
    RecordingCheck,
    Resume,
    RunSummary,
    Sensitivity,
    SharedFile,
    Spread,
    SpreadMetric,
    audit,
)
from repro_audit.audit.judging import Control
from repro_audit.canonical import digest_json
from repro_audit.compare import Cause
from repro_audit.manifest import Manifest, parse
from repro_audit.noise.ladder import Judged, Rung
from repro_audit.trace import find_trace

Page = tuple[Audit, list[Manifest]]


def _judged(*manifests: Manifest, **options: object) -> Page:
    names = [f"build/run-{number}/manifest.json" for number, _ in enumerate(manifests, start=1)]
    return audit(*manifests, names=names, **options), list(manifests)  # type: ignore[arg-type]


def single() -> Page:
    """Return the audit of one run."""
    return _judged(record(document()))


def divergent() -> Page:
    """Return the audit of the two examples, with their traces."""
    names = "threads-2", "threads-1"
    manifests = [record(document(name)) for name in names]
    traces = [
        find_trace(EXAMPLES / f"{name}.json", manifest)
        for name, manifest in zip(names, manifests, strict=True)
    ]
    return _judged(*manifests, traces=traces)


def identical() -> Page:
    """Return the audit of a run and its equal."""
    return _judged(record(document()), record(rerun()))


def inconclusive() -> Page:
    """Return the audit of a run that failed."""
    return _judged(record(document()), record(rerun(status="failed")))


def ten() -> Page:
    """Return the audit of ten runs of several epochs: seven equal, three that are not."""
    base = changed(document(), {"outcomes/fits/0/history/loss": [2.0 / n for n in range(1, 40)]})
    others = [rerun(base) for _ in range(6)]
    others += [parted(base, since) for since in ("initial weights", "epoch 1", "epoch 1")]
    runs = [{**value, "run_id": run_id(number)} for number, value in enumerate([base, *others])]
    return _judged(*map(record, runs))


def noise() -> Page:
    """Return the audit of a run that is apart from an ensemble as its seeds are, in 8 epochs."""
    outcomes = document()["outcomes"]
    history = {"loss": [0.25 + 2.0**-number for number in range(8)]}
    epochs = [f"sha256:{number:064x}" for number in range(8)]
    results = [item["results"] for item in outcomes["evaluations"]]
    changes = {
        "conditions/training/fits/0/arguments/epochs": 8,
        "information/epoch_durations_s": [0.125] * 8,
        "outcomes/fits/0/history": history,
        "outcomes/fits/0/epochs": epochs,
        "outcomes/digests/epochs": epochs,
        "outcomes/digests/history": digest_json([[history], results]),
        "trace": None,
        "outcomes/trace": None,
        "outcomes/digests/trace": None,
    }
    long = changed(document(), changes)
    ensemble = drawn_ensemble(sealed(long), rounding=1e-3, seeds=0.05)
    return _judged(ensemble.base, parse(apart(long, 0.0625), "other"), ensemble=ensemble)


def everything(text: str) -> Page:
    """Return the audit of a repeat with all its experiments, in words of somebody's choice."""
    result, manifests = _judged(record(document()), record(rerun()))
    names = ["not varied", "changes the run", "no effect seen"]
    factors = tuple(
        Factor(
            f"factor-{verdict[:2]}", verdict, text, text, "vary-x", text, text, 1e-8, 2e-6, (text,)
        )
        for verdict in names
    )
    spread = Spread((812, None), (SpreadMetric(text, (1.0, 2.0), 1.5, 0.5, 1.0, 2.0),), text)
    judged = Judged(text, 2, 1.0, 1.5, 0.5, 0.0, 3.0, 0.3, 2, outside=False, detectable=2.0)
    rungs = (
        Rung("bits", "broken", text),
        Rung("rounding", "cannot tell", text, 3, (judged,)),
        Rung("seeds", "holds", text, 10, (judged,)),
    )
    result = result._replace(
        control=Control(caught=True, before="match", after="differ", text=text),
        runs=(RunSummary("run-1", 0, "complete", 63),),
        shared_files=(SharedFile(text, "run-1", ("run-2",)),),
        recording_check=RecordingCheck("no", text),
        sensitivity=Sensitivity(factors, runs=3, complete=True, text=text),
        rounding=spread,
        spread=spread,
        ladder=(Ladder(1, "seeds", rungs),),
        confirmation=Confirmation(text, "threads", None, text),
        resume=Resume(
            verdict="not exact",
            text=text,
            stopped_after_epoch=2,
            stopped_after_step=3,
            killed=True,
            added="keras",
            resumed_at=3,
            first_difference=text,
            causes=(Cause("lost_data", "training", text, "certain", text, "# a remedy", ()),),
            control=text,
            caught=True,
        ),
    )
    return result, manifests


PAGES = {
    "single": single,
    "divergent": divergent,
    "identical": identical,
    "inconclusive": inconclusive,
    "ten": ten,
    "noise": noise,
    "everything": lambda: everything("words of somebody"),
}
