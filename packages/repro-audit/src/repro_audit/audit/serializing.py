"""An audit as the bytes of its file, as the schema ``audit-2`` says."""

from __future__ import annotations

import json

from repro_audit.audit.judging import Audit
from repro_audit.manifest import unstructure

__all__ = ["serialize"]


def serialize(result: Audit) -> bytes:
    """Return an audit as JSON: same audit, same bytes."""
    document = unstructure(result)
    # The name and version first, where a reader looks for it.
    ordered = {"schema": document.pop("schema"), **document}
    return json.dumps(ordered, indent=1).encode() + b"\n"
