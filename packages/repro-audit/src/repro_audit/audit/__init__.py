"""Judge one manifest by rules, and several by comparison: findings and a verdict.

A rule has a code as a linter's, and lives in the file of its family: RA1xx `seeding`, RA2xx
`determinism`, RA3xx `data`, RA4xx `environment`, RA5xx `evidence`, RA6xx `contradictions`.
"""

from repro_audit.audit.claims import Claim, claims_verdict, load_claims
from repro_audit.audit.experiments import (
    Confirmation,
    Effect,
    Factor,
    Resume,
    ResumeVerdict,
    Sensitivity,
    Spread,
    SpreadMetric,
)
from repro_audit.audit.fits import FitAlone, fits_alone
from repro_audit.audit.judging import (
    Audit,
    AuditedManifest,
    Control,
    RecordingCheck,
    RunSummary,
    SharedFile,
    audit,
    exit_code,
)
from repro_audit.audit.rules import Finding, Rule, all_rules
from repro_audit.audit.sameness import Ladder, with_ladder

__all__ = [
    "Audit",
    "AuditedManifest",
    "Claim",
    "Confirmation",
    "Control",
    "Effect",
    "Factor",
    "Finding",
    "FitAlone",
    "Ladder",
    "RecordingCheck",
    "Resume",
    "ResumeVerdict",
    "Rule",
    "RunSummary",
    "Sensitivity",
    "SharedFile",
    "Spread",
    "SpreadMetric",
    "all_rules",
    "audit",
    "claims_verdict",
    "exit_code",
    "fits_alone",
    "load_claims",
    "with_ladder",
]
