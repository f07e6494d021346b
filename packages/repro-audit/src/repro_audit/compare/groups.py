"""Sort many runs into groups of identical outcomes."""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, unstructure

__all__ = ["group", "outcome_digest"]


def group(
    manifests: Sequence[Manifest], ignored: Sequence[str] = ()
) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the runs, those with equal outcomes together.

    Args:
        manifests: The runs.
        ignored: Metrics that do not count.
    """
    groups: dict[str, list[int]] = {}
    settings = {None if item.trace is None else item.trace.setting for item in manifests}
    for index, manifest in enumerate(manifests):
        digest = outcome_digest(manifest, ignored, traced=len(settings) == 1)
        groups.setdefault(digest, []).append(index)
    return tuple(tuple(members) for members in groups.values())


def outcome_digest(manifest: Manifest, ignored: Sequence[str] = (), *, traced: bool = True) -> str:
    """Return one digest over all that came out of a run.

    Args:
        manifest: The run.
        ignored: Metrics that do not count.
        traced: Whether its trace counts; it holds the metrics of each step, too.
    """
    outcomes = unstructure(manifest.outcomes)
    if ignored:
        outcomes["digests"]["history"] = None
    if ignored or not traced:
        outcomes["trace"] = outcomes["digests"]["trace"] = None
        for item in outcomes["fits"]:
            item["trace"] = None
    for item in (*outcomes["fits"], *outcomes["evaluations"]):
        # How to count ULPs of a metric is no outcome.
        del item["dtypes"]
        for metric in ignored:
            (item.get("history") or item.get("results") or {}).pop(metric, None)
    return digest_json(outcomes)
