"""Audits of every kind that a page may show."""

from __future__ import annotations

from manifests import EXAMPLES, changed, document, parted, record, rerun, run_id

from repro_audit.audit import (
    Audit,
    Confirmation,
    Factor,
    RecordingCheck,
    RunSummary,
    Sensitivity,
    SharedFile,
    Spread,
    SpreadMetric,
    audit,
)
from repro_audit.audit.judging import Control
from repro_audit.manifest import Manifest
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
    result = result._replace(
        control=Control(caught=True, before="match", after="differ", text=text),
        runs=(RunSummary("run-1", 0, "complete", 63),),
        shared_files=(SharedFile(text, "run-1", ("run-2",)),),
        recording_check=RecordingCheck("no", text),
        sensitivity=Sensitivity(factors, runs=3, complete=True, text=text),
        spread=spread,
        confirmation=Confirmation(text, "threads", None, text),
    )
    return result, manifests


PAGES = {
    "single": single,
    "divergent": divergent,
    "identical": identical,
    "inconclusive": inconclusive,
    "ten": ten,
    "everything": lambda: everything("words of somebody"),
}
