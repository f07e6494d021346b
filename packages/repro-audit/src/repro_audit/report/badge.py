"""An audit as the JSON that a badge of Shields is drawn from.

A badge is read without the report, so it is made only where the report would bear it out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from repro_audit.audit import Audit
from repro_audit.compare import EVIDENCE
from repro_audit.errors import EvidenceError
from repro_audit.manifest import Manifest
from repro_audit.report.summary import headline

__all__ = ["render_badge"]

_COLORS = {
    "identical": "brightgreen",
    "close": "green",
    "rounding": "yellowgreen",
    "seeds": "yellow",
    "divergent": "red",
    "inconclusive": "lightgrey",
}
_LEAST = "weights"


def render_badge(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return the JSON of a badge that says whether a training repeats, and on which evidence.

    Args:
        result: The audit of a repeat.
        manifests: The manifests it judges.

    Raises:
        EvidenceError: The evidence is less than weights, no positive control was caught, or the
            runs agree in a part of their training alone.
    """
    lacking = _lacking(result, manifests)
    if lacking:
        message = f"No badge: {lacking}."
        raise EvidenceError(message)
    said = headline(result._replace(confirmation=None, resume=None))
    badge = {
        "schemaVersion": 1,
        "label": "training runs",
        "message": f"{said.word} ({result.evidence})",
        "color": _COLORS[said.style],
    }
    return json.dumps(badge, indent=1) + "\n"


def _lacking(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Say what an audit lacks for a badge; empty where it lacks nothing."""
    if result.control is None:
        return (
            "without a positive control nothing shows that the audit can fail; get the badge with "
            "the runs: repro-audit repeat --format badge -o badge.json SCRIPT ARGS"
        )
    if not result.control.caught:
        return f"the positive control was not caught: {result.control.text}"
    if EVIDENCE.index(result.evidence) < EVIDENCE.index(_LEAST):
        return f"the evidence is {result.evidence}, and a badge needs {_LEAST} or more"
    unfollowed = next(filter(None, (manifest.unfollowed for manifest in manifests)), None)
    if unfollowed is not None and result.verdict in {"identical", "close"}:
        # The user may accept that. Whoever sees a badge has not.
        return f"not all training was recorded; {unfollowed}"
    return ""
