"""The section on the ladder of sameness: are runs that end in other bits apart as noise is?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repro_audit.audit import Ladder
from repro_audit.manifest import Manifest, final_metrics
from repro_audit.noise import binomial
from repro_audit.noise.ladder import Judged, Rung
from repro_audit.noise.scatter import LEVEL
from repro_audit.report.outline.subject import Subject
from repro_audit.report.outline.tree import (
    Code,
    Fact,
    Facts,
    Node,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    line,
)
from repro_audit.wording import counted

__all__ = [
    "counted_samples",
    "how_to_measure",
    "how_to_read",
    "ladder_sections",
    "rung_base",
    "rung_values",
]

_TESTED = ("test", "val", "eval")
_MOST_OUTSIDE, _MOST_VALUES = 3, 8


def ladder_sections(subject: Subject) -> Iterator[Section]:
    """Yield what an ensemble says of each run that ends in other bits."""
    measured = any(rung.runs for item in subject.result.ladder for rung in item.rungs)
    if measured:
        for item in subject.result.ladder:
            yield _ladder(subject, item)


def how_to_measure(subject: Subject) -> Iterator[Section]:
    """Yield what would measure whether a difference is noise, where nothing has."""
    if _unmeasured(subject):
        script = subject.result.repeated or "SCRIPT ARGS"
        # Of runs that differ by themselves nobody can tell how far rounding alone takes them.
        alone = bool(subject.result.runs)
        options, or_rounding = ("", "") if alone else ("--perturb 6 ", "rounding, or of ")
        yield Section(
            title=line(Span("Noise", "strong")),
            said=line(f"is the difference one of {or_rounding}seeds? Not measured."),
            children=(Code(f"repro-audit repeat {options}--spread 9 {script}"),),
        )


def how_to_read(expected: Manifest) -> Iterator[str]:
    """Say at which error rate values were judged, and how far counting alone scatters them."""
    yield (
        f"Each rung calls {LEVEL:.0%} of honest runs others, all its values together. "
        "A difference is seen where four of five runs with it would be called others."
    )
    yield from counted_samples(expected)


def counted_samples(manifest: Manifest) -> Iterator[str]:
    """Say how far an accuracy scatters that was counted over so many samples, seeds apart."""
    sets = manifest.conditions.data or {}
    tested = [name for name in sets if name.startswith(_TESTED) and sets[name].samples]
    if len(tested) != 1:
        return  # of several nobody says which was counted
    samples = sets[tested[0]].samples or 1
    for name, value in final_metrics(manifest).items():
        if (
            name.endswith("accuracy")
            and name.startswith(("val_", "evaluation "))
            and 0 <= value <= 1
        ):
            yield (
                f"{name} {value:.4g} was counted over {counted(samples, 'sample')} ({tested[0]}): "
                f"other samples alone would scatter it by {binomial(value, samples):.2g}."
            )
            return


def _unmeasured(subject: Subject) -> bool:
    """Whether runs end in other bits, and no ensemble of them is there."""
    rungs = [rung for item in subject.result.ladder for rung in item.rungs[1:]]
    # No log can be repeated.
    runs = any(not manifest.is_log for manifest in subject.manifests)
    return runs and bool(rungs) and all(rung.holds == "not measured" for rung in rungs)


def _ladder(subject: Subject, item: Ladder) -> Section:
    """Return what is known of one run."""
    rows = [
        Row(
            (
                line(rung.name),
                line(Span(rung.holds, "verdict")),
                line(Span(rung_base(rung), "soft")),
            ),
            (rung.text,),
        )
        for rung in item.rungs
    ]
    head = ("rung", "verdict", "runs", "detail")
    children: list[Node] = [Table("Ladder", head, tuple(rows))]
    for rung in filter(lambda rung: rung.values, item.rungs):
        children += [Paragraph(line(f"{rung.name}, by {rung_base(rung)}:")), _values(rung)]
    if len(children) > 1:
        read = how_to_read(subject.manifests[0])
        children += [Paragraph(line(Span(said, "soft"))) for said in read]
    return Section(
        title=line(Span("Ladder", "strong")),
        said=line(f"{subject.names[item.actual]}: {item.reached or 'on no rung'}"),
        children=tuple(children),
    )


def rung_base(rung: Rung) -> str:
    """Say how many runs a rung rests on; nothing where there are none."""
    return counted(rung.runs, "run") if rung.runs else ""


def rung_values(rung: Rung) -> Iterator[tuple[str, str]]:
    """Yield name and numbers of the values that decided; where all are within, of the last ones."""
    for value in _shown(rung.values):
        yield (
            value.called,
            (
                f"{value.recorded:.6g}; ensemble {value.mean:.6g} ± {value.deviation:.2g}, "
                f"one more run {value.low:.6g} to {value.high:.6g}; rank {value.rank} of "
                f"{rung.runs + 1}; {value.chance:.2g} of honest runs are as far off; "
                f"{value.detectable:.2g} would be seen"
            ),
        )


def _values(rung: Rung) -> Facts:
    return Facts(tuple(Fact(Span(name, "name"), line(text)) for name, text in rung_values(rung)))


def _shown(values: Sequence[Judged]) -> list[Judged]:
    outside = [value for value in values if value.outside]
    if outside:
        return outside[:_MOST_OUTSIDE]
    last: dict[str, Judged] = {}
    for value in values:
        known = last.get(value.metric)
        if known is None or value.position > known.position:
            last[value.metric] = value
    return list(last.values())[:_MOST_VALUES]
