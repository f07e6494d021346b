"""RA5xx: how much a manifest can prove."""

from __future__ import annotations

from collections.abc import Iterator

from repro_audit.audit.rules import Hit, rule
from repro_audit.installing import install_command
from repro_audit.manifest import Manifest, about_log
from repro_audit.manifest.records import NOT_UNDERSTOOD, UNRECORDED
from repro_audit.wording import counted, listed

_LAW = "repro-audit: missing evidence is never a match"
_MAX_NAMED = 3
"""Fields that a finding names before it only counts."""

_ONE_REPLICA = 'strategy = tf.distribute.OneDeviceStrategy("/cpu:0")  # one replica is traced'
_RECORD = "with repro_audit.record('manifest.json') as run: ..."


@rule(
    "RA501",
    "warning",
    "the run is incomplete",
    why="A run that was killed or failed proves nothing about its end.",
    remedy="# run it again to its end",
    source=_LAW,
)
def incomplete(manifest: Manifest) -> Iterator[Hit]:
    """The status is not complete."""
    if manifest.status == "running":
        yield Hit("The run was killed, or has not ended: its status is running.", "$.status")
    elif manifest.status == "failed":
        failure = manifest.information.failure
        said = "" if failure is None else f" with {failure.type}: "
        said += "" if failure is None else failure.message[:200]
        yield Hit(f"The run failed{said or '.'}", "$.status")


@rule(
    "RA502",
    "warning",
    "evidence is missing",
    why="What was not recorded cannot be compared.",
    remedy=_RECORD,
    source=_LAW,
)
def missing_outcomes(manifest: Manifest) -> Iterator[Hit]:
    """A field of the outcomes could not be read, though the run ended."""
    if manifest.complete:
        for item in manifest.missing:
            of_release = item.reason in {UNRECORDED, NOT_UNDERSTOOD}
            if item.path.startswith("$.outcomes") and not of_release:
                yield Hit(
                    f"{item.path} is missing: {item.reason}.",
                    item.path,
                    _ONE_REPLICA if "several replicas" in item.reason else None,
                )


@rule(
    "RA503",
    "warning",
    "no weights were recorded",
    why="Losses can agree to the last bit while weights differ.",
    remedy=_RECORD,
    source="measured: with one and two threads, a CNN's losses agree for 65 steps",
)
def history_only(manifest: Manifest) -> Iterator[Hit]:
    """The evidence is the history alone, or nothing."""
    if manifest.is_log:
        yield Hit(f"A log holds no weights and no settings: {about_log(manifest)}.", "$.outcomes")
    elif manifest.complete and manifest.evidence not in {"weights", "trace"}:
        held = "a history and no weights" if manifest.evidence == "history" else "no training"
        yield Hit(f"The manifest holds {held}.", "$.outcomes")


@rule(
    "RA504",
    "warning",
    "conditions are missing",
    why="A difference cannot be explained by what was not recorded.",
    remedy=_RECORD,
    source=_LAW,
)
def missing_conditions(manifest: Manifest) -> Iterator[Hit]:
    """A whole condition could not be read, though the run ended."""
    if not manifest.complete or not manifest.outcomes.fits:
        return
    for item in manifest.missing:
        whole = item.path.startswith("$.conditions.") and item.path.count(".") == 2
        # What the release did not know of is counted by RA506.
        if whole and item.path != "$.conditions.data" and item.reason != UNRECORDED:
            yield Hit(
                f"{item.path} is missing: {item.reason}.",
                item.path,
            )


@rule(
    "RA505",
    "warning",
    "the run was changed on purpose",
    why="A bit of it was flipped, or its weights were moved: it is evidence of the audit, never of "
    "the run.",
    remedy="repro-audit run-1/manifest.json  # an ordinary run of the same repeat",
    source="repro-audit: an audit proves that it can fail",
)
def changed_on_purpose(manifest: Manifest) -> Iterator[Hit]:
    """The manifest says that a bit was flipped, or that weights were moved."""
    if manifest.positive_control is not None:
        yield Hit(
            f"One bit was flipped after step {manifest.positive_control.step}.",
            "$.positive_control",
        )
    if manifest.perturbation is not None:
        yield Hit(
            "Its weights were moved before training, each by one ULP at most.", "$.perturbation"
        )


@rule(
    "RA506",
    "info",
    "an earlier release recorded less",
    why="What it did not record counts as missing: it is no evidence, for or against.",
    remedy="# record it again with this release",
    source="docs/format.md",
)
def unrecorded_fields(manifest: Manifest) -> Iterator[Hit]:
    """The release that wrote the manifest did not record some fields that this one reads."""
    paths = _missing_because(manifest, UNRECORDED)
    if paths:
        yield Hit(
            f"{manifest.recorder} did not record {counted(len(paths), 'field')} that "
            f"this release reads: {listed(paths, _MAX_NAMED)}.",
            "$.missing",
        )


@rule(
    "RA507",
    "warning",
    "the manifest holds fields that are not understood",
    why="They are kept, and nothing follows from them: what they say can change no verdict.",
    remedy=f"{install_command()}  # of the release that wrote it, or a later one",
    source="docs/format.md",
)
def unknown_fields(manifest: Manifest) -> Iterator[Hit]:
    """A later release wrote fields that this one does not know."""
    paths = _missing_because(manifest, NOT_UNDERSTOOD)
    if paths:
        are = "is" if len(paths) == 1 else "are"
        yield Hit(
            f"Written by another release, {manifest.recorder}: "
            f"{counted(len(paths), 'field')} {are} not understood: {listed(paths, _MAX_NAMED)}.",
            "$.missing",
        )


def _missing_because(manifest: Manifest, reason: str) -> list[str]:
    return [item.path for item in manifest.missing if item.reason == reason]
