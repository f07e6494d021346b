"""Templates whose every expression comes out printable, short and escaped."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from repro_audit.errors import missing_extra, printable
from repro_audit.report import summary

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["read", "template"]

_MAX_LENGTH = 1000


@functools.cache
def template(name: str) -> Template:
    """Return a template that lies beside this module.

    Args:
        name: Its file's name.

    Raises:
        MissingExtraError: ``repro-audit[paper]`` is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        what = "an HTML report"
        raise missing_extra(what) from error
    environment = Environment(
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(no_cause=summary.NO_CAUSE, no_settings=summary.NO_SETTINGS)
    return environment.from_string(read(name))


def read(name: str) -> str:
    """Return a file that lies beside this module."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _harmless(value: Any) -> Any:
    """Return what an expression of a template shows: one line, not long, escaped after this."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    shown = printable(value)
    return shown if len(shown) <= _MAX_LENGTH else shown[: _MAX_LENGTH - 1] + "…"
