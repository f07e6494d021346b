"""Render an audit. A renderer decides nothing: what it shows, the audit says."""

from repro_audit.report.json import render_json
from repro_audit.report.markdown import render_markdown
from repro_audit.report.text import render_text

__all__ = ["render_json", "render_markdown", "render_text"]
