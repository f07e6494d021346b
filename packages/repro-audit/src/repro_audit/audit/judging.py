"""Audit manifests: findings for each, a comparison of all with the first, and one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from repro_audit.audit.claims import Claim, Claims, check_claims, claims_verdict
from repro_audit.audit.experiments import Confirmation, Resume, Sensitivity, Spread
from repro_audit.audit.fits import fits_alone
from repro_audit.audit.rules import Finding, check_with_trace
from repro_audit.audit.sameness import Ladder, accepted, with_ladder
from repro_audit.audit.shared_causes import with_shared_causes
from repro_audit.compare import (
    EVIDENCE,
    Comparison,
    Match,
    Verdict,
    compare,
    group,
    lacking_evidence,
)
from repro_audit.manifest import Manifest
from repro_audit.manifest.records import Evidence

if TYPE_CHECKING:
    from repro_audit.noise.ensemble import Ensemble
    from repro_audit.noise.ladder import RungName
    from repro_audit.trace import Trace

__all__ = [
    "Audit",
    "AuditedManifest",
    "Control",
    "RecordingCheck",
    "RunSummary",
    "SharedFile",
    "audit",
    "exit_code",
]

SCHEMA = "repro-audit/audit-2"

ManifestVerdict = Literal["controlled", "uncontrolled", "inconclusive"]
"""What one run is by itself."""

SamenessVerdict = Literal["rounding", "seeds"]
"""What runs are that end in other bits, and no farther apart than noise takes them."""

_EXIT_CODES: dict[Verdict | SamenessVerdict | ManifestVerdict, int] = {
    "controlled": 0,
    "identical": 0,
    "close": 0,
    "uncontrolled": 1,
    "rounding": 1,
    "seeds": 1,
    "divergent": 1,
    "inconclusive": 2,
}


class AuditedManifest(NamedTuple):
    """One manifest, judged on its own.

    Attributes:
        name: What the user calls it: a file's path.
        run_id: Identity of the run.
        digest: Digest of the manifest; empty for a history.
        status: ``running``, ``complete`` or ``failed``.
        verdict: ``controlled``, ``uncontrolled`` or ``inconclusive``.
        reason: The verdict in a sentence.
        evidence: ``none``, ``history``, ``weights`` or ``trace``.
        findings: What the rules found, the gravest first.
        trace_read: Whether the trace was there and was read; else only its digest is known.
    """

    name: str
    run_id: str
    digest: str
    status: str
    verdict: ManifestVerdict
    reason: str
    evidence: Evidence
    findings: tuple[Finding, ...]
    trace_read: bool = False

    @property
    def contradiction(self) -> str | None:
        """What in its evidence cannot be, in a sentence; None where nothing is seen."""
        return next((item.seen for item in self.findings if item.contradicts), None)


class Control(NamedTuple):
    """What the positive control of a `repeat` showed."""

    caught: bool
    before: Match
    after: Match
    text: str


class RecordingCheck(NamedTuple):
    """Whether recording changes the run, as a run without any shows.

    Attributes:
        changes: ``no``, ``yes`` or ``not decided``.
        text: The same in a sentence.
    """

    changes: Literal["no", "yes", "not decided"]
    text: str


class SharedFile(NamedTuple):
    """A file that one run left where later ones could read it.

    Attributes:
        path: Its path below the folder that runs start in; elsewhere the whole one.
        left_by: The run that made or changed it first; empty where that was not seen.
        read_by: Other runs that read it before they could have written it.
    """

    path: str
    left_by: str
    read_by: tuple[str, ...]


class RunSummary(NamedTuple):
    """One process that `repeat` started.

    Attributes:
        name: ``run-1`` and so on, ``control`` or ``unrecorded``.
        exit_code: Its exit code; negative for a signal.
        status: Status of its manifest, or ``no manifest``.
        steps: Training steps it recorded.
    """

    name: str
    exit_code: int
    status: str
    steps: int


class Audit(NamedTuple):
    """The judgement on one or several manifests.

    Attributes:
        verdict: That of the comparison where there are several manifests.
        reason: The verdict in a sentence.
        evidence: The weakest evidence among the manifests.
        manifests: Each manifest on its own.
        comparisons: Each later manifest against the first.
        groups: Positions of manifests with identical outcomes, together.
        control: What the positive control showed, after a `repeat`.
        runs: The processes started, after a `repeat`.
        shared_files: Files that one run left where the next could read them, after a `repeat`.
        recording_check: Whether recording changes the run, after a ``repeat --check-recording``.
        sensitivity: Which conditions change the run, after a ``repeat --vary``.
        rounding: How far its own rounding takes it, after a ``repeat --perturb``.
        spread: How far other seeds take it, after a ``repeat --spread``.
        confirmation: Whether an experiment shows the cause, after a ``repeat --confirm``.
        resume: Whether it ends alike where it is stopped and resumed, after a ``repeat --resume``.
        claims: Numbers somebody published, checked against each run.
        ladder: In which sense each run that ends in other bits is the same as the first.
        set_by_repeat: What a `repeat` gave its runs that the user's shell leaves open.
        watched: Which places a `repeat` watched for files that runs share; empty without one.
        repeated: The script or module that a `repeat` ran, and its arguments, as a shell reads
            them; empty without one, and where they hold a secret or a path of the machine.
    """

    verdict: Verdict | SamenessVerdict | ManifestVerdict
    reason: str
    evidence: Evidence
    manifests: tuple[AuditedManifest, ...]
    comparisons: tuple[Comparison, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()
    control: Control | None = None
    runs: tuple[RunSummary, ...] = ()
    shared_files: tuple[SharedFile, ...] = ()
    recording_check: RecordingCheck | None = None
    sensitivity: Sensitivity | None = None
    rounding: Spread | None = None
    spread: Spread | None = None
    confirmation: Confirmation | None = None
    resume: Resume | None = None
    claims: tuple[Claim, ...] = ()
    ladder: tuple[Ladder, ...] = ()
    set_by_repeat: tuple[str, ...] = ()
    watched: str = ""
    repeated: str = ""
    schema: str = SCHEMA


def audit(
    *manifests: Manifest,
    names: Sequence[str] = (),
    rtol: float | None = None,
    atol: float | None = None,
    ignore_metrics: Sequence[str] = (),
    require: str = "weights",
    accept_partial: bool = False,
    traces: Sequence[Trace | None] = (),
    claims: Claims | None = None,
    fits: Sequence[int] = (),
    ensemble: Ensemble | None = None,
) -> Audit:
    """Judge one manifest by the rules, or several by comparing them with the first.

    Args:
        manifests: One or more.
        names: What to call each; else ``manifest 1`` and so on.
        rtol: Relative tolerance of history values; see `repro_audit.compare`.
        atol: Absolute tolerance of history values.
        ignore_metrics: Metrics that are not compared.
        require: The least evidence on which a good verdict may rest.
        accept_partial: Whether it may rest on the part of the training that was followed, where
            something was trained that was not.
        traces: The trace of each, as `repro_audit.trace.find_trace` finds it. Each is
            checked against its manifest.
        claims: Numbers somebody published, to be checked against each run.
        fits: Fits of the one manifest given, counted from 1, which are compared in its place.
        ensemble: Of the first run: what noise makes of it.

    Returns:
        The verdict, the findings in each manifest, and each further manifest compared with the
        first.

    Raises:
        ValueError: No manifest is given; with `fits`, several are, or fits that it does not have.
        TraceError: A trace is damaged, or not its manifest's.
        MissingExtraError: Claims are given with an ensemble or a scatter, and SciPy is not
            installed.
    """
    if not manifests:
        message = "Expected at least one manifest, received none."
        raise ValueError(message)
    names = list(names) or [f"manifest {index}" for index in range(1, len(manifests) + 1)]
    traces = list(traces) or [None] * len(manifests)
    if fits:
        if len(manifests) > 1:
            message = f"fits are those of one manifest, received {len(manifests)}."
            raise ValueError(message)
        alone = fits_alone(manifests[0], traces[0], fits, names[0])
        manifests = tuple(item.manifest for item in alone)
        names, traces = [item.name for item in alone], [item.trace for item in alone]
    judged = tuple(
        _judge(*each, require=require, accept_partial=accept_partial)
        for each in zip(manifests, names, traces, strict=True)
    )
    evidence = min((item.evidence for item in judged), key=EVIDENCE.index)
    checked = check_claims(manifests, claims or {}, rtol=rtol, atol=atol, ensemble=ensemble)
    if len(manifests) == 1:
        return Audit(
            verdict=judged[0].verdict,
            reason=judged[0].reason,
            evidence=evidence,
            manifests=judged,
            claims=checked,
        )
    options: dict[str, Any] = {
        "rtol": rtol,
        "atol": atol,
        "ignore_metrics": ignore_metrics,
        "require": require,
        "accept_partial": accept_partial,
    }
    comparisons = tuple(
        with_shared_causes(
            compare(
                manifests[0],
                other,
                positions=(0, index),
                traces=(traces[0], traces[index]),
                **options,
            ),
            (manifests[0], other),
            judged[0].findings,
            judged[index].findings,
        )
        for index, other in enumerate(manifests[1:], start=1)
    )
    order = get_args(Verdict)
    worst = max(comparisons, key=lambda item: order.index(item.verdict))
    verdict: Verdict
    # Two later ones may be one run given twice.
    ids = [manifest.run_id for manifest in manifests[1:]]
    if len(set(ids)) < len(ids):
        verdict, reason = "inconclusive", "one run is given twice"
    else:
        verdict, reason = worst.verdict, worst.reason
    # What contradicts itself is no evidence, whatever it agrees with.
    for item in judged:
        if item.contradiction is not None:
            verdict, reason = (
                "inconclusive",
                f"{item.name} contradicts itself: {item.contradiction.removesuffix('.')}",
            )
            break
    result = Audit(
        verdict=verdict,
        reason=reason,
        evidence=min((item.evidence for item in comparisons), key=EVIDENCE.index),
        manifests=judged,
        comparisons=comparisons,
        groups=_groups(manifests, comparisons, ignore_metrics),
        claims=checked,
    )
    return with_ladder(result, manifests, ensemble, ignore_metrics)


def _groups(
    manifests: Sequence[Manifest], comparisons: Sequence[Comparison], ignored: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    """Return the positions of runs with identical outcomes together, as the comparisons say."""
    first, *others = group(manifests, ignored)
    identical = {item.actual for item in comparisons if item.verdict == "identical"}
    whole = tuple(sorted({*first, *identical}))
    rest = (tuple(place for place in members if place not in whole) for members in others)
    return whole, *filter(None, rest)


def exit_code(result: Audit, *, strict: bool = False, accept: RungName = "bits") -> int:
    """Return 0, 1 or 2 for an audit.

    As a comparison does, claims decide in place of the findings on a single run, which count
    with `strict`.

    Args:
        result: The audit.
        strict: Whether any finding of severity error or warning makes it at least 1, and a metric
            or an evaluation that one run alone has.
        accept: The rung of the ladder on which runs are to stand that end in other bits.

    Returns:
        0 where nothing is wrong, 1 where runs or claims differ or one run is uncontrolled, 2 where
        that cannot be decided.
    """
    code = _EXIT_CODES[result.verdict]
    if code == 1 and accept != "bits" and result.comparisons:
        code = accepted(result.ladder, accept) if result.ladder else 2
    if result.claims:
        verdict = claims_verdict(result.claims, accept_seeds=accept == "seeds")
        claimed = {"match": 0, "differ": 1, "missing": 2}[verdict]
        code = max(0 if result.verdict == "uncontrolled" else code, claimed)
    grave = any(
        finding.severity in {"error", "warning"}
        for manifest in result.manifests
        for finding in manifest.findings
    )
    apart = any(comparison.set_aside for comparison in result.comparisons)
    return max(code, 1) if strict and (grave or apart) else code


def _judge(
    manifest: Manifest, name: str, trace: Trace | None, *, require: str, accept_partial: bool
) -> AuditedManifest:
    verdict: ManifestVerdict
    findings = check_with_trace(manifest, trace)
    errors = [finding for finding in findings if finding.severity == "error"]
    # A reason goes on, in parentheses or with a full stop.
    contradictions = [item.seen.removesuffix(".") for item in findings if item.contradicts]
    if contradictions:
        verdict, reason = "inconclusive", f"the evidence contradicts itself: {contradictions[0]}"
    elif not manifest.complete:
        verdict, reason = "inconclusive", f"the run is not complete: it is {manifest.status}"
    elif manifest.intervention is not None:
        verdict, reason = "inconclusive", manifest.intervention
    elif manifest.unfollowed is not None and not accept_partial:
        verdict = "inconclusive"
        reason = manifest.unfollowed
        if manifest.has_outcomes or not manifest.refused:
            reason = f"not all training was recorded; {reason}"
    elif EVIDENCE.index(manifest.evidence) < EVIDENCE.index(require):
        verdict = "inconclusive"
        reason = lacking_evidence(manifest.evidence, require)
    elif manifest.is_log:
        verdict = "inconclusive"
        reason = "a log tells of no settings: whether the run was controlled is not known"
    elif errors:
        verdict, reason = "uncontrolled", "; ".join(dict.fromkeys(item.title for item in errors))
    else:
        verdict, reason = "controlled", "no finding of severity error"
    return AuditedManifest(
        name=name,
        run_id=manifest.run_id,
        digest=manifest.digest,
        status=manifest.status,
        verdict=verdict,
        reason=reason,
        evidence=manifest.evidence,
        findings=findings,
        trace_read=trace is not None and manifest.complete,
    )
