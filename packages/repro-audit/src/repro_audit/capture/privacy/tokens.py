"""How tokens of services look, so that one is found wherever it stands.

A table of our own: detect-secrets, the list that Python has, knows no token of Hugging Face, Groq,
Replicate, NVIDIA or Google (1.5.0, of 2024), and takes 0.2 s to import, `requests` with it;
gitleaks keeps its rules in a program. So each line names its source, and a test holds the table
against all formats that detect-secrets knows. Lengths are the shortest that cannot be a setting: a
token that was cut short is one, too.
"""

from __future__ import annotations

import re

__all__ = ["TOKENS", "token_pattern"]

_GITLEAKS = "gitleaks: config/gitleaks.toml, rule "
_TRUFFLEHOG = "trufflehog: pkg/detectors/"
_DETECT_SECRETS = "detect-secrets: plugins/"

TOKENS: tuple[tuple[str, str], ...] = (
    (
        r"hf_(?=[A-Za-z]*[0-9A-Z])[A-Za-z0-9]{12,}|hf_[a-z]{30,}",
        f"{_GITLEAKS}huggingface-access-token",
    ),
    (r"api_org_[A-Za-z0-9]{12,}", f"{_GITLEAKS}huggingface-organization-api-token"),
    (r"gsk_[A-Za-z0-9]{12,}", f"{_TRUFFLEHOG}groq"),
    (r"r8_[A-Za-z0-9]{12,}[\w-]*", f"{_TRUFFLEHOG}replicate"),
    (r"nvapi-[\w-]{12,}", f"{_TRUFFLEHOG}nvapi"),
    (r"pplx-[A-Za-z0-9]{12,}", f"{_GITLEAKS}perplexity-api-key"),
    (r"xai-[A-Za-z0-9]{12,}", f"{_TRUFFLEHOG}xai"),
    (r"KGAT_[A-Za-z0-9]{12,}", "Kaggle's documentation of API tokens"),
    (r"wandb_v1_[\w-]{12,}", "the documentation of Weights & Biases on API keys"),
    (r"lsv2_(?:pt|sk)_[\w-]{12,}", f"{_TRUFFLEHOG}langsmith"),
    # OpenAI's, Anthropic's and OpenRouter's: words, then what was drawn.
    (
        r"sk-(?:[a-z]{1,10}\d{0,2}-){0,3}(?=[\w-]{0,99}\d)\w{12,}[\w-]*",
        f"{_GITLEAKS}openai-api-key",
    ),
    (r"sk-[\w-]{0,200}T3BlbkFJ[\w-]*", f"{_GITLEAKS}openai-api-key"),
    (r"gh[oprsu]_[A-Za-z0-9_]{12,}|github_pat_\w{12,}", f"{_GITLEAKS}github-pat"),
    (
        r"gl(?:pat|dt|rt|ft|cbt|ptt|imt|agent|oas|soat)-[\w.-]{12,}|GR1348941[\w-]{12,}",
        f"{_GITLEAKS}gitlab-pat",
    ),
    (r"ATATT3[\w=-]{12,}", f"{_GITLEAKS}atlassian-api-token"),
    (r"AIza[\w-]{12,}", f"{_GITLEAKS}gcp-api-key"),
    (r"ya29\.[\w-]{12,}|GOCSPX-[\w-]{12,}", f"{_TRUFFLEHOG}googleoauth2"),
    (r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}", f"{_GITLEAKS}aws-access-token"),
    (r"LTAI[A-Za-z0-9]{12,}", f"{_GITLEAKS}alibaba-access-key-id"),
    (r"do[opr]_v1_[a-f0-9]{12,}", f"{_GITLEAKS}digitalocean-pat"),
    (r"dapi[a-f0-9]{32}(?:-\d)?", f"{_GITLEAKS}databricks-api-token"),
    (r"hv[bs]\.[\w-]{12,}", f"{_GITLEAKS}vault-service-token"),
    (r"dckr_(?:pat|oat)_[\w-]{12,}", f"{_TRUFFLEHOG}dockerhub"),
    (r"npm_[A-Za-z0-9]{12,}", f"{_GITLEAKS}npm-access-token"),
    (r"pypi-AgE[\w-]{12,}", f"{_GITLEAKS}pypi-upload-token"),
    (r"rubygems_[a-f0-9]{12,}", f"{_GITLEAKS}rubygems-api-token"),
    (r"xox[a-z](?:\.xox[a-z])?-[\w-]{3,}|xapp-[\w-]{12,}", f"{_GITLEAKS}slack-bot-token"),
    (r"hooks\.slack\.com/services/[\w/+-]+", f"{_GITLEAKS}slack-webhook-url"),
    (
        r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{12,}|whsec_[A-Za-z0-9]{12,}",
        f"{_GITLEAKS}stripe-access-token",
    ),
    (r"sq0[a-z]{3}-[\w\\-]{12,}", f"{_GITLEAKS}square-access-token"),
    (r"SG\.[\w-]{12,}\.[\w-]{12,}", f"{_GITLEAKS}sendgrid-api-token"),
    (r"sntry[su]_[\w+/=]{12,}", f"{_GITLEAKS}sentry-org-token"),
    (r"gl(?:sa|c)_[\w+/=]{12,}", f"{_GITLEAKS}grafana-service-account-token"),
    (r"lin_api_[A-Za-z0-9]{12,}", f"{_GITLEAKS}linear-api-key"),
    (r"ntn_[A-Za-z0-9]{12,}", f"{_GITLEAKS}notion-api-token"),
    (r"PMAK-[a-f0-9-]{12,}", f"{_GITLEAKS}postman-api-token"),
    (r"pul-[a-f0-9]{12,}", f"{_GITLEAKS}pulumi-api-token"),
    (r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{12,}", f"{_GITLEAKS}shopify-access-token"),
    (r"(?:AC|SK)[a-z0-9]{32}", f"{_GITLEAKS}twilio-api-key"),
    (r"AKC(?=[A-Za-z]*\d)[A-Za-z0-9]{10,}", f"{_DETECT_SECRETS}artifactory"),
    (r"[0-9a-z]{32}-us\d{1,2}", f"{_GITLEAKS}mailchimp-api-key"),
    (r"\d{8,10}:[\w-]{35}", f"{_GITLEAKS}telegram-bot-api-token"),
    (r"[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27}", f"{_DETECT_SECRETS}discord"),
    (r"[\w.~]{3}\dQ~[\w.~-]{12,}", f"{_GITLEAKS}azure-ad-client-secret"),
    (r"AGE-SECRET-KEY-1[A-Z0-9]{12,}", f"{_GITLEAKS}age-secret-key"),
    (r"ops_eyJ[\w+/=-]{12,}", f"{_GITLEAKS}1password-service-account-token"),
    # A JSON Web Token, whole or its first part.
    (r"eyJ[\w=-]{12,}(?:\.[\w.+/=-]*)?|eyJ[\w=-]+\.[\w.+/=-]{6,}", f"{_GITLEAKS}jwt"),
)
"""What each token looks like, as a regular expression, and whose rule says so."""

_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|.*)"
)
"""As PEM and PGP write one (gitleaks: rule private-key). One that was cut off has no end."""


def token_pattern() -> re.Pattern[str]:
    """Return what finds a token of any known format in a text, and a private key."""
    tokens = "|".join(pattern for pattern, _ in TOKENS)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{tokens})|{_PRIVATE_KEY}", re.DOTALL)
