"""Sort many runs into groups of identical outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, unstructure
from repro_audit.manifest.records import UNRECORDED

__all__ = ["group", "outcome_digest", "unrecorded_of_fits"]


def group(
    manifests: Sequence[Manifest], ignored: Sequence[str] = ()
) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the runs, those with equal outcomes together.

    Args:
        manifests: The runs.
        ignored: Metrics that do not count.

    Returns:
        Positions from 0, ascending in each group; groups in the order of their first runs.
    """
    groups: dict[str, list[int]] = {}
    settings = {None if item.trace is None else item.trace.setting for item in manifests}
    without = unrecorded_of_fits(manifests)
    for index, manifest in enumerate(manifests):
        digest = outcome_digest(manifest, ignored, without, traced=len(settings) == 1)
        groups.setdefault(digest, []).append(index)
    return tuple(tuple(members) for members in groups.values())


def unrecorded_of_fits(manifests: Iterable[Manifest]) -> frozenset[str]:
    """Return the fields of a fit that the release of one of the runs did not record.

    What a manifest holds is never among them, whatever it says is missing.
    """
    begin = "$.outcomes.fits[*]."
    return frozenset(
        field
        for manifest in manifests
        for path, reason in manifest.missing
        if reason == UNRECORDED and path.startswith(begin)
        if not _holds(manifest, field := path.removeprefix(begin))
    )


def _holds(manifest: Manifest, field: str) -> bool:
    """Whether any fit of a run has a field."""
    return any(getattr(fit, field, None) not in (None, ()) for fit in manifest.outcomes.fits)


def outcome_digest(
    manifest: Manifest,
    ignored: Sequence[str] = (),
    without: Collection[str] = (),
    *,
    traced: bool = True,
) -> str:
    """Return one digest over all that came out of a run.

    Args:
        manifest: The run.
        ignored: Metrics that do not count.
        without: Fields of a fit that do not count.
        traced: Whether its trace counts; it holds the metrics of each step, too.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.
    """
    outcomes = unstructure(manifest.outcomes)
    if ignored:
        outcomes["digests"]["history"] = None
    if ignored or not traced:
        outcomes["trace"] = outcomes["digests"]["trace"] = None
        for item in outcomes["fits"]:
            item["trace"] = None
    for item in outcomes["fits"]:
        del item["samples"]  # the batches that hold them are in the trace
        for field in without:
            item.pop(field, None)
    for item in (*outcomes["fits"], *outcomes["evaluations"]):
        # How to count ULPs of a metric is no outcome.
        del item["dtypes"]
        for metric in ignored:
            (item.get("history") or item.get("results") or {}).pop(metric, None)
    return digest_json(outcomes)
