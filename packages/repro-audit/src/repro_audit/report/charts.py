"""Charts as SVG for a page: drawn by matplotlib, coloured by the page, readable on hover.

Matplotlib knows no colours of a page. So it draws in placeholders, which become CSS variables:
light, dark and print are then the page's own affair. Every point carries its value as a title,
which a browser shows on hover. The same series give the same bytes.
"""

from __future__ import annotations

import io
import logging
import math
import os
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

from repro_audit.errors import MissingExtraError, missing_extra, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Band", "Series", "Span", "line_chart", "span_chart"]

_INK, _RULE = "#000001", "#000002"
_SERIES = tuple(f"#0000{number:02x}" for number in range(16, 26))
_DASHES = ("-", "--", "-.", ":")
_WIDTH, _HEIGHT = 7.6, 2.9
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_MAX_NAME = 44
_BAND_OPACITY = 0.12


class Series(NamedTuple):
    """One line of a chart.

    Attributes:
        name: What it is called.
        points: Places, values, and what to say of each on hover. A value that is NaN is a gap.
    """

    name: str
    points: tuple[tuple[float, float, str], ...]


class Band(NamedTuple):
    """What lies behind the lines of a chart: where one more of them may lie.

    Attributes:
        name: What it is called.
        points: Places, and the lower and the upper end there.
    """

    name: str
    points: tuple[tuple[float, float, float], ...]


class Span(NamedTuple):
    """One row of a map: from where on something differs.

    Attributes:
        name: What it is called.
        start: Where it begins.
        end: Where it ends.
        group: Rows of one group share a colour.
        text: What to say of it on hover.
    """

    name: str
    start: float
    end: float
    group: str
    text: str


def line_chart(
    key: str,
    title: str,
    series: Sequence[Series],
    *,
    across: str,
    log: bool = False,
    bands: Sequence[Band] = (),
) -> str:
    """Return lines over each other as an ``<svg>`` element.

    Args:
        key: What sets its identifiers apart from those of other charts of the page.
        title: What a reader who cannot see it is told.
        series: The lines; the later are drawn dashed over the earlier.
        across: What the places are.
        log: Whether values stand on a log scale.
        bands: What lies behind the lines, the widest first.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """

    def draw(axes: Axes) -> None:
        drawn: list[Any] = []
        behind = [
            axes.fill_between(
                [place for place, _, _ in band.points],
                [low for _, low, _ in band.points],
                [high for _, _, high in band.points],
                color=_INK,
                alpha=_BAND_OPACITY * (number + 1),
                linewidth=0,
            )
            for number, band in enumerate(bands)
        ]
        for number, line in enumerate(series):
            drawn += axes.plot(
                [place for place, _, _ in line.points],
                [value for _, value, _ in line.points],
                color=_SERIES[number % len(_SERIES)],
                linestyle=_DASHES[number % len(_DASHES)],
                linewidth=1.6,
                marker="o",
                markersize=4.5 if len(line.points) <= 40 else 2.5,
                gid=f"series-{number}",
            )
        if log:
            from matplotlib.ticker import LogLocator, NullLocator

            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        axes.set_xlabel(across)
        axes.margins(x=0.02)
        if len(series) > 1 or bands:
            # By handles: matplotlib hides a line whose own label begins with an underscore.
            names = [*(_short(line.name) for line in series), *(band.name for band in bands)]
            beside: dict[str, Any] = {
                "loc": "upper left",
                "bbox_to_anchor": (1.01, 1.0),
                "frameon": False,
            }
            axes.legend([*drawn, *behind], names, **beside)

    titles = {
        f"series-{number}": [text for _, value, text in line.points if math.isfinite(value)]
        for number, line in enumerate(series)
    }
    return _svg(key, title, draw, titles, _HEIGHT)


def span_chart(key: str, title: str, spans: Sequence[Span], *, across: str) -> str:
    """Return a map with a row for each span as an ``<svg>`` element.

    Args:
        key: What sets its identifiers apart from those of other charts of the page.
        title: What a reader who cannot see it is told.
        spans: The rows, from the top.
        across: What the places are.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    groups = list(dict.fromkeys(span.group for span in spans))

    def draw(axes: Axes) -> None:
        drawn = {}
        for row, span in enumerate(spans):
            color = _SERIES[groups.index(span.group) % len(_SERIES)]
            length = span.end - span.start
            (bar,) = axes.barh(row, length, left=span.start, height=0.72, color=color)
            bar.set_gid(f"span-{row}")
            drawn[span.group] = bar
        above: dict[str, Any] = {"loc": "outside upper left", "frameon": False}
        axes.figure.legend(list(drawn.values()), list(drawn), ncols=min(len(drawn), 3), **above)
        axes.set_yticks(range(len(spans)), [_short(span.name) for span in spans])
        axes.invert_yaxis()
        axes.set_ylim(len(spans) - 0.4, -0.6)
        axes.set_xlim(min(0.5, *(span.start for span in spans)), max(span.end for span in spans))
        axes.set_xlabel(across)

    titles = {f"span-{row}": [span.text] for row, span in enumerate(spans)}
    return _svg(key, title, draw, titles, 1.2 + 0.2 * len(spans))


def _svg(key: str, title: str, draw: Any, titles: dict[str, list[str]], height: float) -> str:
    """Draw a figure and return it as an element of a page."""
    mpl, Figure, MaxNLocator = _matplotlib()  # noqa: N806 - classes
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": key,
        "font.family": "sans-serif",
        "font.size": 9,
        "text.parse_math": False,
        "axes.edgecolor": _RULE,
        "axes.labelcolor": _INK,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": _RULE,
        "grid.linewidth": 0.5,
        "text.color": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    # Not on top of the user's matplotlibrc, which would give other bytes. The page's fonts draw
    # the text; that matplotlib's own lack a letter is nobody's concern.
    with mpl.rc_context(), warnings.catch_warnings(action="ignore"):
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.subplots()
        axes.patch.set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        draw(axes)
        file = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing)
    return _of_a_page(file.getvalue(), key, title, titles)


def _matplotlib() -> tuple[Any, Any, Any]:
    """Import what draws, whatever backend and settings its user has for other figures.

    Raises:
        MissingExtraError: Matplotlib is not installed, or does not start.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    # It tells of fonts and folders that nobody here asked for.
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        what = "an HTML report"
        raise missing_extra(what) from error
    except (OSError, ValueError) as error:
        message = f"matplotlib does not start: {printable(str(error))[:200]}. See its matplotlibrc."
        raise MissingExtraError(message) from error
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    return mpl, Figure, MaxNLocator


def _of_a_page(content: bytes, key: str, title: str, titles: dict[str, list[str]]) -> str:
    """Make an SVG file an element: named, coloured by the page, its points titled."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ET.fromstring(content)  # noqa: S314 - matplotlib's own
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": title}
    for element in root.iter():
        found = titles.get(element.get("id", ""))
        if found is not None:
            marks = list(element.iter(f"{{{_SVG}}}use")) or [element]
            for mark, text in zip(marks, found, strict=False):
                ET.SubElement(mark, f"{{{_SVG}}}title").text = printable(text)
    _name_apart(root, key)
    for element in root.iter():
        # Only here: a label may read like a colour.
        for attribute in {"style", "fill", "stroke"}.intersection(element.attrib):
            element.set(attribute, _coloured(element.get(attribute, "")))
    return ET.tostring(root, encoding="unicode")


def _coloured(style: str) -> str:
    """Return a style with the page's fonts and colours in place of the placeholders."""
    style = re.sub(r"font-family: [^;]*", "font-family: inherit", style)
    style = style.replace(_INK, "var(--ink)").replace(_RULE, "var(--rule)")
    for number, color in enumerate(_SERIES):
        style = style.replace(color, f"var(--series-{number})")
    return style


def _name_apart(root: ET.Element, key: str) -> None:
    """Keep the identifiers that something refers to, set apart from other charts'."""
    values = " ".join(value for element in root.iter() for value in element.attrib.values())
    used = set(re.findall(r"(?:url\(|(?<!\S))#([\w.-]+)", values))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", f"{key}-{name}")
        for attribute, value in element.attrib.items():
            if attribute == _XLINK:
                element.set(attribute, f"#{key}-{value[1:]}")
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{key}-"))


def _short(name: str) -> str:
    """Return a name that leaves room for the chart."""
    shown = printable(name)
    return shown if len(shown) <= _MAX_NAME else "…" + shown[-_MAX_NAME + 1 :]
