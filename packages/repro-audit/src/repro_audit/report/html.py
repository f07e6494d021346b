"""An audit as one HTML file: nothing else is loaded, and whatever came from a manifest is escaped.

The page has a policy of its own that lets it load nothing and run nothing, so that even a
mistake in escaping would not let a manifest act. What is shown, the outline says.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from repro_audit.audit import Audit
from repro_audit.manifest import Manifest
from repro_audit.report.outline import Node, Outline, outline
from repro_audit.report.templates import read, template

__all__ = ["render_html", "render_outline"]


def render_html(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return an audit as a page that needs nothing but itself.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order.

    Raises:
        MissingExtraError: ``repro-audit[paper]`` is not installed.
    """
    return render_outline(outline(result, manifests, "page"))


def render_outline(tree: Outline) -> str:
    """Return an outline as a page.

    Args:
        tree: The outline.

    Raises:
        MissingExtraError: ``repro-audit[paper]`` is not installed.
    """
    page = template("report.html.jinja")
    return page.render(
        tree=tree, kind=_kind, style=read("report.css"), version=version("repro-audit")
    )


def _kind(node: Node) -> str:
    return type(node).__name__
