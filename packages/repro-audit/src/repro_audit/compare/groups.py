"""Sort many runs into groups of identical outcomes."""

from __future__ import annotations

from collections.abc import Sequence

from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, unstructure

__all__ = ["group"]


def group(
    manifests: Sequence[Manifest], ignored: Sequence[str] = ()
) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the runs, those with equal outcomes together.

    Args:
        manifests: The runs.
        ignored: Metrics that do not count.
    """
    groups: dict[str, list[int]] = {}
    for index, manifest in enumerate(manifests):
        groups.setdefault(_outcome_digest(manifest, ignored), []).append(index)
    return tuple(tuple(members) for members in groups.values())


def _outcome_digest(manifest: Manifest, ignored: Sequence[str]) -> str:
    outcomes = unstructure(manifest.outcomes)
    if ignored:
        outcomes["digests"]["history"] = None
        for values in (
            *(f["history"] for f in outcomes["fits"]),
            *(e["results"] for e in outcomes["evaluations"]),
        ):
            for metric in ignored:
                values.pop(metric, None)
        for item in (*outcomes["fits"], *outcomes["evaluations"]):
            for metric in ignored:
                item["dtypes"].pop(metric, None)
    return digest_json(outcomes)
