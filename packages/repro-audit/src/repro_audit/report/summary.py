"""What a manifest says of its run, in a few short lines for every renderer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from repro_audit.audit import Audit, claims_verdict
from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import Determinism, Seeds
from repro_audit.wording import counted, listed

__all__ = [
    "COMPARED",
    "MOST_ULPS",
    "NO_CAUSE",
    "NO_CAUSE_MEANS",
    "NO_SETTINGS",
    "NO_SETTINGS_MEANS",
    "Headline",
    "although",
    "beside_the_verdict",
    "claims_summary",
    "control_text",
    "control_word",
    "distance",
    "evidence_of",
    "headline",
    "number",
    "share",
    "shared_files_are_harmless",
    "shared_files_read",
    "summarize",
    "ulp_count",
]

_SINCE = {
    "before_first_op": "on before the first operation",
    "later": "on, but late",
    "off": "off",
    "unknown": "on, since when is not known",
}

NO_CAUSE = "no recorded condition differs: run-to-run noise, or something that was not recorded"
"""What to say where nothing explains a difference."""

NO_CAUSE_MEANS = (
    "The same settings gave other bits: an operation whose threads race, a race in a data "
    "pipeline, or a source of random numbers that nobody seeded."
)
"""The same at more length."""

NO_SETTINGS = "no settings were recorded, so nothing can be said of causes"
"""The same where one of the two is a log."""

NO_SETTINGS_MEANS = "To find the cause, record both runs: repro-audit record SCRIPT"
"""What to do about it."""


MOST_ULPS = 1_000
"""ULPs that are counted. More are no rounding, and a number that nobody can read."""

_LARGE = 1e-3
_TIMES = 10


def number(value: float | None) -> str:
    """Return a value in full: every digit that float64 needs.

    Returns:
        ``nothing`` for None.
    """
    return "nothing" if value is None else repr(value)


def distance(ulps: int | None, dtype: str, relative: float | None) -> str:
    """Return how far two values lie apart.

    Returns:
        In ULPs as long as they are few, and relative to the expected value, as far as that is
        known; empty where neither is.

    >>> distance(1, "float32", 1.1e-07), distance(1_970_895, "float32", 0.176)
    ('1 ULP of float32, 1.1e-07 relative', '18 % apart')
    """
    parts = []
    if ulps is not None and (ulps <= MOST_ULPS or relative is None):
        parts.append(f"{ulp_count(ulps)} ULP{'' if ulps == 1 else 's'} of {dtype}")
    if relative is not None:
        small = relative < _LARGE
        parts.append(f"{relative:.2g} relative" if small else f"{share(relative)} apart")
    return ", ".join(parts)


def ulp_count(ulps: int) -> str:
    """Return how many ULPs there are, as long as that says something.

    >>> ulp_count(64), ulp_count(2_119_241_629)
    ('64', 'over 1,000')
    """
    return f"{ulps:,}" if ulps <= MOST_ULPS else f"over {MOST_ULPS:,}"


def share(relative: float) -> str:
    """Return a relative distance: a percentage from a thousandth on.

    >>> share(3.6e-09), share(0.0314), share(1.36), share(25.0)
    ('3.6e-09', '3.1 %', '136 %', '25 times')
    """
    if relative < _LARGE:
        return f"{relative:.1e}"
    if relative >= _TIMES:
        return f"{relative:.2g} times"
    percent = 100 * relative
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def although(result: Audit) -> str:
    """Say how runs can be alike of which one is uncontrolled; empty where none is, or they differ.

    To a newcomer the two verdicts on one page contradict each other.
    """
    open_ = any(item.verdict == "uncontrolled" for item in result.manifests)
    if result.verdict not in {"identical", "close"} or not result.comparisons or not open_:
        return ""
    return (
        f"These runs are {result.verdict} although nothing forces it: a run is uncontrolled where "
        "something is left open that may make the next one differ."
    )


COMPARED = {
    "trace": "every step that was traced and every weight after every epoch, bit for bit",
    "weights": "every weight after every epoch and at the end, bit for bit",
    "history": "the values of the history alone, and weights can differ where those agree",
    "none": "nothing",
}
"""What was compared, or recorded, at each kind of evidence."""

_DIGEST_ALONE = {True: "by its digest alone", False: "in part by its digest alone"}
"""What to say of evidence `trace` where traces were not there to be read: all of them, or some."""

CONFIRMED = {
    True: ("confirmed", "close"),
    False: ("not confirmed", "divergent"),
    None: ("not decided", "inconclusive"),
}
"""What an experiment comes to: a word, and its style."""

_RESUMED = {
    "exact": "close",
    "not exact": "divergent",
    "no resume": "inconclusive",
    "inconclusive": "inconclusive",
}
"""What a resumed run comes to, and its style."""

_CLAIMED = {
    "match": ("claims hold", "close", 0),
    "differ": ("claims differ", "divergent", 1),
    "missing": ("claims not decided", "inconclusive", 2),
}


def evidence_of(result: Audit) -> str:
    """Return an audit's evidence, and where it is a trace that nobody has read, that."""
    unread = [not item.trace_read for item in result.manifests]
    if result.evidence != "trace" or not any(unread):
        return result.evidence
    return f"trace, {_DIGEST_ALONE[all(unread)]}"


def beside_the_verdict(result: Audit) -> Iterator[tuple[str, str]]:
    """Yield what a reader of a repeat's verdict must know, as pairs of a word and a line."""
    if result.set_by_repeat:
        yield "set by repeat", ", ".join(result.set_by_repeat)
    if result.watched:
        yield "files watched", result.watched


class Headline(NamedTuple):
    """What a reader is told first.

    Attributes:
        word: The verdict, or how the claims stand.
        style: The verdict in whose colour that is shown.
        text: The rest of the sentence.
    """

    word: str
    style: str
    text: str


def headline(result: Audit) -> Headline:
    """Return what decides an audit, as its exit code has it: verdict, confirmation or claims."""
    confirmation = result.confirmation
    if confirmation is not None and result.verdict in {"identical", "close"}:
        word, style = CONFIRMED[confirmation.confirmed]
        return Headline(
            word, style, f"{confirmation.cause}; without it the runs are {result.verdict}"
        )
    resume = result.resume
    if resume is not None and result.verdict == "identical":
        text = f"{resume.text}; runs that are not stopped are identical"
        return Headline(resume.verdict, _RESUMED[resume.verdict], text)
    claimed = claims_verdict(result.claims)
    behind = {"divergent": 1, "inconclusive": 2}.get(result.verdict, 0)
    word, style, code = _CLAIMED[claimed]
    if not result.claims or behind > code:
        return Headline(result.verdict, result.verdict, result.reason)
    runs = "the runs are" if result.comparisons else "the run is"
    held = sum(claim.verdict == "match" for claim in result.claims)
    text = f"{held:,} of {len(result.claims):,} hold; {runs} {result.verdict}: {result.reason}"
    return Headline(word, style, text)


def claims_summary(result: Audit) -> str:
    """Say how many of the published numbers a run has, or all runs together."""
    held = sum(claim.verdict == "match" for claim in result.claims)
    count = len(result.claims)
    runs = len(result.manifests)
    each = f" ({count // runs:,} of each of {runs:,} runs)" if runs > 1 else ""
    return "the claim holds" if held == count == 1 else f"{held} of {count:,} claims hold{each}"


def shared_files_are_harmless(result: Audit) -> bool:
    """Whether no run was seen to read what another left, and one that found none of it agrees."""
    agrees = result.verdict in {"identical", "close"}
    apart = agrees and any(run.name == "apart" for run in result.runs)
    return apart and not any(file.read_by for file in result.shared_files)


def shared_files_read(result: Audit) -> str:
    """Say which files that one run left another has read."""
    read = [
        f"{file.path} was left by {file.left_by or 'something that was not seen'} and "
        f"read by {', '.join(file.read_by)}"
        for file in result.shared_files
        if file.read_by
    ]
    if read:
        return "; ".join(read[:3]) + "."
    said = "None of them was seen to be read by another run"
    if shared_files_are_harmless(result):
        said += ", and the run apart, for which none of them was there, agrees"
    return f"{said}."


def summarize(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield what there is to know of a run at a glance, as pairs of a word and a line."""
    yield "run", f"{manifest.run_id[:8]}, {manifest.status}: {_trained(manifest)}"
    final = _final_metrics(manifest)
    if final:
        yield "result", final
    conditions = manifest.conditions
    if manifest.digest:
        yield "digest", manifest.digest
    if conditions.seeds is not None:
        yield "seed", _seed(conditions.seeds)
    if conditions.determinism is not None:
        yield "bits", _bits(conditions.determinism)
    if conditions.data:
        sets = [
            role + (f": {counted(item.samples, 'sample')}" if item.samples else "")
            for role, item in conditions.data.items()
        ]
        yield "data", listed(sets, between="; ")
    if conditions.code is not None:
        code = conditions.code
        where = "no repository" if code.git is None else "no commit"
        if code.git is not None and code.git.commit:
            where = f"commit {code.git.commit[:12]}{', changed' if code.git.dirty else ''}"
        yield "code", f"{code.entry_point or 'interactive'}; {where}"
    if conditions.environment is not None:
        environment = conditions.environment
        versions = [f"Python {environment.python.version}"]
        stack = conditions.packages.stack if conditions.packages else {}
        versions += [f"{name} {version}" for name, version in stack.items()]
        cpu = environment.cpu
        processor = cpu.model or cpu.microarchitecture or "unknown processor"
        yield "machine", f"{processor}, {environment.system}; {', '.join(versions)}"


def _seed(seeds: Seeds) -> str:
    if seeds.declared is not None:
        by = f", set by {seeds.declared_by}" if seeds.declared_by else ""
        return f"{seeds.declared}{by}"
    if seeds.backend.seed is not None:
        return f"{seeds.backend.seed} in TensorFlow; none declared to Keras"
    return "none"


def _trained(manifest: Manifest) -> str:
    """Say how much was trained, as far as that is known."""
    fits, evaluations = manifest.outcomes.fits, manifest.outcomes.evaluations
    if evaluations and not fits:
        return counted(len(evaluations), "evaluation")
    epochs = sum(max([len(fit.epochs), *map(len, fit.history.values())]) for fit in fits)
    parts = [counted(len(fits), "fit"), counted(epochs, "epoch")]
    if all(fit.steps is not None for fit in fits):
        parts.append(counted(manifest.steps, "step"))
    return ", ".join(parts)


def _final_metrics(manifest: Manifest) -> str:
    """Return the last values of an evaluation, or else of the last fit."""
    outcomes = manifest.outcomes
    values: Mapping[str, float | None] = {}
    if outcomes.evaluations:
        values = outcomes.evaluations[-1].results
    elif outcomes.fits:
        history = outcomes.fits[-1].history
        values = {name: found[-1] for name, found in history.items() if found}
    shown = [f"{name} {_rounded(value)}" for name, value in values.items() if value is not None]
    return listed(shown)


def _rounded(value: float) -> str:
    """Return a value at a glance.

    >>> _rounded(0.34700000286), _rounded(2.5e-07), _rounded(-0.0)
    ('0.3470', '2.50e-07', '0.0000')
    >>> _rounded(0.001), _rounded(0.00099)
    ('0.0010', '9.90e-04')
    """
    plain = value == 0 or 1e-3 <= abs(value) < 1e7
    return f"{value + 0.0:.4f}" if plain else f"{value:.2e}"


def _bits(determinism: Determinism) -> str:
    backend = determinism.backend
    parts = []
    if backend is not None:
        pool = backend.threads.intra_op
        source = {
            "api": "pinned",
            "environment": "pinned by the environment",
            "cores": "from the cores",
        }
        parts += [
            f"op determinism {_SINCE[backend.op_determinism]}",
            f"{counted(pool.in_force, 'thread')}, {source[pool.source]}",
        ]
    if determinism.execution:
        parts.append("jit " + ("on" if determinism.execution[0].jit else "off"))
    if backend is not None and backend.onednn.in_force is not None:
        parts.append("oneDNN " + ("on" if backend.onednn.in_force else "off"))
    return "; ".join(parts)


def control_word(result: Audit) -> str:
    """Return in a word what a positive control showed.

    Args:
        result: An audit with one.
    """
    assert result.control is not None  # noqa: S101 - as the arguments say
    if result.control.caught:
        return "caught"
    # It vouches for agreement. Runs that differ anyway differ before a bit is flipped as well.
    needless = result.verdict == "divergent" and result.control.before == "differ"
    return "not needed" if needless else "not caught"


def control_text(result: Audit) -> str:
    """Return in a sentence what a positive control showed."""
    assert result.control is not None  # noqa: S101 - as above
    if control_word(result) != "not needed":
        return result.control.text
    return f"{result.control.text}, as the runs do; it vouches for agreement, and there is none"
