"""An audit as JSON, as the schema ``audit-2`` says."""

from __future__ import annotations

from repro_audit.audit import Audit
from repro_audit.audit.serializing import serialize

__all__ = ["render_json"]


def render_json(result: Audit) -> str:
    """Return an audit as JSON: same audit, same text."""
    return serialize(result).decode()
