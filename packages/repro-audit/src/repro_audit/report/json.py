"""An audit as JSON, as the schema ``audit-1`` says."""

from __future__ import annotations

import json

from repro_audit.audit import Audit
from repro_audit.manifest import unstructure

__all__ = ["render_json"]


def render_json(result: Audit) -> str:
    """Return an audit as JSON: same audit, same text."""
    document = unstructure(result)
    # The name and version first, where a reader looks for it.
    ordered = {"schema": document.pop("schema"), **document}
    return json.dumps(ordered, indent=1, ensure_ascii=True) + "\n"
