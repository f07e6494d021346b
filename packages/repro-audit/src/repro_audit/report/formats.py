"""The formats that an audit can be written in, each with its renderer.

A renderer's module is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from repro_audit.audit import Audit
from repro_audit.manifest import Manifest

__all__ = ["RENDERERS", "Style"]


class Style(NamedTuple):
    """How text is shown; other formats have no need of it.

    Attributes:
        width: Columns.
        color: Whether in colour.
    """

    width: int = 100
    color: bool = False


Renderer = Callable[[Audit, Sequence[Manifest], Style], str]


def _text(result: Audit, manifests: Sequence[Manifest], style: Style) -> str:
    from repro_audit.report.text import render_text

    return render_text(result, manifests, width=style.width, color=style.color)


def _json(result: Audit, _: Sequence[Manifest], __: Style) -> str:
    from repro_audit.report.json import render_json

    return render_json(result)


def _markdown(result: Audit, manifests: Sequence[Manifest], _: Style) -> str:
    from repro_audit.report.markdown import render_markdown

    return render_markdown(result, manifests)


def _html(result: Audit, manifests: Sequence[Manifest], _: Style) -> str:
    from repro_audit.report.html import render_html

    return render_html(result, manifests)


def _latex(result: Audit, manifests: Sequence[Manifest], _: Style) -> str:
    from repro_audit.report.latex import render_latex

    return render_latex(result, manifests)


def _sarif(result: Audit, manifests: Sequence[Manifest], _: Style) -> str:
    from repro_audit.report.sarif import render_sarif

    return render_sarif(result, manifests)


def _badge(result: Audit, manifests: Sequence[Manifest], _: Style) -> str:
    from repro_audit.report.badge import render_badge

    return render_badge(result, manifests)


def _plan(result: Audit, manifests: Sequence[Manifest], _: Style) -> str:
    from repro_audit.report.plan import render_plan

    return render_plan(result, manifests)


RENDERERS: dict[str, Renderer] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
    "latex": _latex,
    "sarif": _sarif,
    "badge": _badge,
    "plan": _plan,
}
"""Renderers by the name of their format, the default first."""
