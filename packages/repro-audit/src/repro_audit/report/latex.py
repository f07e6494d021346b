"""A reproducibility statement in LaTeX, to be put into a paper by ``\\input``.

It needs no package, and compiles with any engine: whatever came from a manifest is ASCII with
every special character escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from repro_audit.audit import Audit
from repro_audit.errors import printable
from repro_audit.manifest import Manifest, about_log, final_metrics
from repro_audit.manifest.conditions import Conditions
from repro_audit.noise.ladder import Rung
from repro_audit.report.outline.experiments import sensitivity_facts, spread_line
from repro_audit.report.outline.ladder import how_to_read, rung_base, rung_values
from repro_audit.report.summary import (
    COMPARED,
    although,
    claims_summary,
    control_word,
    evidence_of,
    number,
    summarize,
)
from repro_audit.wording import counted, listed

__all__ = ["escape", "render_latex"]

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # What babel or a ligature would make something else of.
    '"': r"{\char34}",
    "`": r"{\char96}",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "×": r"$\times$",  # noqa: RUF001 - the sign that is meant
    "µ": r"$\mu$",
    "−": "$-$",  # noqa: RUF001 - the sign that is meant
    "–": r"\textendash{}",  # noqa: RUF001 - the dash that is meant
    "…": r"\dots{}",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_PARTS = {"read": "files and environment variables that were read"}
"""Conditions whose name says too little."""

_MAX_LENGTH = 400
_DIGITS = 8
_MAX_LISTED = 24
_VERDICTS = {
    "identical": "every compared outcome has the same bits",
    "close": "every value of the history lies within the tolerance asked for",
    "rounding": "other bits, and no farther apart than rounding alone takes the first run",
    "seeds": "other bits, and no farther apart than other seeds take the first run",
    "controlled": "no condition that is known to keep a run from repeating was found",
}


def render_latex(result: Audit, manifests: Sequence[Manifest]) -> str:
    """Return a reproducibility statement: a section with a list of what was recorded.

    Args:
        result: The audit.
        manifests: The manifests it judges, in its order. The first is the run that is described.
    """
    items = [*_claims(result), *_verdict(result), *_ladder(result, manifests)]
    if manifests:
        items += _described(manifests[0])
    items += [("Digests", _digests(result))] if result.manifests else []
    lines = [
        f"% Written by repro-audit {version('repro-audit')}; put it into a paper by \\input.",
        r"\section*{Reproducibility statement}",
        r"\begingroup\raggedright",
        r"\begin{description}",
        *(rf"\item[{label}] {text}" for label, text in items),
        r"\end{description}",
        r"\endgroup",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    r"""Return `text` so that LaTeX prints it: ASCII, and no character of it is a command.

    A letter that LaTeX cannot compose is written as Python escapes it.

    Returns:
        ASCII text. Of more than 400 characters the rest is left out, with an ellipsis.

    >>> escape("50% of $x_1$"), escape("é"), escape("中")
    ('50\\% of \\$x\\_1\\$', "\\'{e}", '\\textbackslash{}u4e2d')
    """
    shown = printable(text)
    if len(shown) > _MAX_LENGTH:
        shown = shown[: _MAX_LENGTH - 1] + "…"
    # Two in a row would become a dash, or a quotation mark.
    return re.sub("(?P<one>[-',])(?=(?P=one))", r"\1{}", "".join(map(_escaped, shown)))


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    letter, accent = parts[0], _ACCENTS.get(parts[1:])
    if accent is not None and letter.isascii() and letter.isalpha():
        return f"\\{accent}{{{letter}}}"
    return r"\textbackslash{}" + ascii(character)[2:-1]


def _verdict(result: Audit) -> Iterator[tuple[str, str]]:
    """Say how the runs compare, on what evidence, and what else was tried."""
    said = _VERDICTS.get(result.verdict) or escape(result.reason)
    which = counted(len(result.manifests), "run") + (" compared" if result.comparisons else "")
    grounds = f"evidence: {evidence_of(result)}, that is {COMPARED[result.evidence]}"
    yield "Verdict", rf"\textbf{{{result.verdict}}}: {said} ({which}; {grounds})."
    if result.comparisons:
        alone = [
            f"{escape(judged.name)} is {judged.verdict}: {escape(judged.reason)}"
            for judged in result.manifests
        ]
        although_open = escape(although(result))
        yield (
            "Individual verdicts",
            f"{listed(alone, _MAX_LISTED, '; ')}. {although_open}".rstrip(),
        )
    if result.control is not None:
        yield "Control", f"A run with one bit flipped on purpose was {control_word(result)}."
    if result.recording_check is not None:
        yield "Recording", f"{escape(result.recording_check.text)}."
    if result.resume is not None:
        lost = [escape(cause.title) for cause in result.resume.causes]
        named = f" Lost, or else the reason: {listed(lost, _MAX_LISTED, '; ')}." if lost else ""
        yield "Resume", f"{result.resume.verdict}: {escape(result.resume.text)}.{named}"
    if result.sensitivity is not None:
        yield "Sensitivity", " ".join(_sensitivity(result))
    for label, item, over in (
        ("Rounding", result.rounding, "runs that differ by rounding"),
        ("Spread", result.spread, "seeds"),
    ):
        if item is not None and item.metrics:
            values = (
                f"{escape(metric.name)} {escape(spread_line(metric))}" for metric in item.metrics
            )
            yield label, f"Over {len(item.seeds)} {over}: {'; '.join(values)}."


def _ladder(result: Audit, manifests: Sequence[Manifest]) -> Iterator[tuple[str, str]]:
    """Say on which rung each run stands: by how many runs, with which intervals and power."""
    measured = [item for item in result.ladder if any(rung.runs for rung in item.rungs)]
    for item in measured:
        rungs = "; ".join(map(_rung, item.rungs))
        yield (
            "Ladder",
            f"{_run_name(result, item.actual)}: {item.reached or 'on no rung'}: {rungs}.",
        )
    if any(rung.values for item in measured for rung in item.rungs):
        yield "Power", escape(" ".join(how_to_read(manifests[0])))


def _rung(rung: Rung) -> str:
    base = f" by {rung_base(rung)}" if rung.runs else ""
    values = [f"{escape(name)}: {escape(text)}" for name, text in rung_values(rung)]
    return f"{rung.name} {rung.holds}{base} ({'; '.join(values) or escape(rung.text)})"


def _sensitivity(result: Audit) -> Iterator[str]:
    sensitivity = result.sensitivity
    if sensitivity is None:
        return
    for verdict in ("changes the run", "no effect seen", "not varied"):
        names = [factor.name for factor in sensitivity.factors if factor.verdict == verdict]
        if names:
            yield f"{verdict.capitalize()}: {escape(', '.join(names))}."
    for fact in sensitivity_facts(sensitivity):
        yield escape(fact)


def _claims(result: Audit) -> Iterator[tuple[str, str]]:
    if result.claims:
        said = [
            f"{escape(claim.metric)} {escape(claim.claimed)}: {claim.verdict}"
            + (f" ({_run_name(result, claim.manifest)})" if len(result.manifests) > 1 else "")
            for claim in result.claims
        ]
        yield "Claims", f"{claims_summary(result)}: {listed(said, _MAX_LISTED, '; ')}."


def _described(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Say what was run: each part that was recorded, and which were not."""
    conditions = manifest.conditions
    summary = dict(summarize(manifest))
    yield "Run", f"{escape(summary['run'])}."
    if manifest.is_log:
        yield "Log", f"{escape(about_log(manifest))}."
    metrics = final_metrics(manifest)
    if metrics:
        values = [f"{escape(name)} {escape(number(value))}" for name, value in metrics.items()]
        yield "Results", f"{listed(values, _MAX_LISTED, '; ')}."
    if conditions.data:
        yield "Data", f"{_data(conditions)}."
    if conditions.seeds is not None:
        drawn = counted(len(conditions.seeds.layers), "generator")
        yield "Seeds", f"{escape(summary['seed'])}; {drawn} of layers."
    if "bits" in summary:
        yield "Determinism", f"{escape(summary['bits'])}."
    if conditions.environment is not None:
        yield "Compute", f"{_compute(manifest)}."
        yield "Environment", f"{escape(summary['machine'])}."
    if "code" in summary:
        argv = " ".join(conditions.code.argv) if conditions.code else ""
        yield "Code", rf"{escape(summary['code'])}; \texttt{{{escape(argv)}}}."
    absent = [
        _PARTS.get(name, name) for name, value in conditions._asdict().items() if value is None
    ]
    if absent:
        yield "Not recorded", f"{', '.join(absent)}."


def _data(conditions: Conditions) -> str:
    parts = []
    for role, item in (conditions.data or {}).items():
        count = f"{counted(item.samples, 'sample')}, " if item.samples else ""
        parts.append(f"{escape(role)}: {count}{_broken(item.digest)}")
    return listed(parts, _MAX_LISTED, "; ")


def _compute(manifest: Manifest) -> str:
    environment = manifest.conditions.environment
    if environment is None:
        return ""
    parts = [escape(environment.cpu.model or environment.cpu.microarchitecture or "unknown CPU")]
    determinism = manifest.conditions.determinism
    if determinism is not None:
        parts.append(f"{counted(determinism.usable_cores, 'core')} usable")
    if environment.memory_bytes is not None:
        parts.append(f"{environment.memory_bytes / 2**30:.0f} GiB of memory")
    if environment.accelerators is not None:
        names = ", ".join(escape(item.name) for item in environment.accelerators)
        parts.append(names or "no driver reported an accelerator")
    if manifest.information.duration_s is not None:
        parts.append(f"{manifest.information.duration_s:.1f}~s")
    return "; ".join(parts)


def _run_name(result: Audit, index: int) -> str:
    return escape(result.manifests[index].name)


def _digests(result: Audit) -> str:
    """Return the digest of each manifest, by which a reader knows that it is the one meant.

    It is that of the content, in the file's own field, and not of the file's bytes.
    """
    return r"as \texttt{repro-{}audit} shows them: " + listed(
        (
            f"{escape(judged.name)}: {_broken(judged.digest) if judged.digest else 'none'}"
            for judged in result.manifests
        ),
        _MAX_LISTED,
        "; ",
    )


def _broken(digest: str) -> str:
    """Return a digest that a line may break in."""
    kind, colon, digits = digest.partition(":")
    parts = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    broken = r"\allowbreak{}".join([kind + colon, *parts])
    return rf"\texttt{{{broken}}}"
