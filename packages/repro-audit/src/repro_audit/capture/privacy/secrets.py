"""Find secrets in a text, by the names they are given to and by how they look.

What is masked keeps 16 bits of its digest, so that two runs with two tokens are seen to differ. So
few bits give no secret away that nobody can list: of those that somebody can, one in 65,536 fits.
"""

from __future__ import annotations

import functools
import hashlib
import re

from repro_audit.capture.privacy.tokens import token_pattern
from repro_audit.capture.privacy.words import ENDINGS, IN_URLS, ONLY_AFTER, SECRETS, SETTINGS

__all__ = ["PLACEHOLDER", "digest_16", "is_secret_name", "mask", "mask_secrets"]

PLACEHOLDER = r"<(?:secret|path|mail)(?::[0-9a-f]{4})?>|<(?:user|host|python|output)>"
"""What stands where something was masked."""

_PART = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NO_SECRET = re.compile(
    r"(?:true|false|yes|no|on|off|none|null|auto|default|-?\d{1,3}|-?\d*\.\d+(?:e-?\d+)?|-?\d+e-?\d+"
    rf"|\$\w+|\$?\{{\{{?[^}}]*\}}?\}}|%\w+%|\*+|\.\.\.|sha256:[0-9a-f]{{64}}|{PLACEHOLDER})?",
    re.IGNORECASE,
)
"""What says only whether there is a secret, or which; and what has been masked."""

_NAME_AND_SIGN = re.compile(
    r"(?<![\w.-])(?!(?:secret|path|mail):[0-9a-f]{4}>)(?P<name>[.-]*[^\W\d][\w.-]*)"
    r"\\?[\"']?\]?\s{0,20}(?P<sign>=>|:=|::|=(?!=)|:(?!/)|%3[Dd])[ \t]{0,20}"
)
_OPTION = re.compile(
    r"(?<![\w.-])(?P<name>--?[A-Za-z][\w.-]*)(?P<between>[\"']?,?[ \t]+[\"']?)"
    r"(?P<value>[^\s\"',-][^\s\"',]*)"
)
_VALUE = re.compile(
    r"""\\"(?P<escaped>.*?)\\"
    |"(?P<double>(?:\\.|[^"\\])*)"
    |'(?P<single>(?:\\.|[^'\\])*)'
    |[(\[](?P<several>[^)\]]*)[)\]]
    |[bru]?["'\\]*(?P<bare>(?:\$\{[^}]*\}|[^\s"'`&<>(){}\[\],;\\]|[,;](?!\s|$|[\w.-]+\\?["']?[=:])|<[^>\s]*>)+)""",
    re.DOTALL | re.VERBOSE,
)
_LINE = re.compile(r"[ \t]*(?P<bare>[^\"'\n]+)")
_WHOLE_LINES = frozenset({"authorization", "cookie", "cookies"})
"""Headers whose value has several words."""

_SCHEME = re.compile(r"(?:bearer|basic|token|digest|negotiate|apikey)\s+(?=\S)", re.IGNORECASE)
_BEARER = re.compile(
    r"(?<![A-Za-z0-9-])(bearer\s+|basic\s+(?=[A-Za-z+/]*[0-9=])"
    r"|(?:password|passphrase|passwd)\s+(?:is\s+)?(?=[^\s\d]*\d))([\w.~+/=-]{6,})",
    re.IGNORECASE,
)
_IN_AUTHORITY = re.compile(
    # Some passwords hold a slash that nobody has escaped; a port holds digits alone.
    r"(?<=://)(?!git@)(?:[^\s/\"']+|[^\s:/@\"']+:(?!\d+/)[^\s@\"']+)@"
)
_TOKEN = token_pattern()


def digest_16(text: str) -> str:
    """Return 16 bits of the SHA-256 of a text, as four hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:4]


def mask(value: str) -> str:
    """Return what stands for a secret; one that is none stays.

    >>> mask("hunter2"), mask("true"), mask("${HF_TOKEN}")
    ('<secret:f52f>', 'true', '${HF_TOKEN}')
    """
    return value if _NO_SECRET.fullmatch(value) else f"<secret:{digest_16(value)}>"


@functools.lru_cache(4096)
def is_secret_name(name: str, *, in_url: bool = False) -> bool:
    """Whether what is given by this name is a secret: the whole words at its end decide.

    Args:
        name: Of an option, a variable, a key or a header.
        in_url: Whether it stands in the query of a URL.

    >>> [is_secret_name(name) for name in ("--hf-token", "wandb.apiKey", "--key", "PGPASSWORD")]
    [True, True, True, True]
    >>> [is_secret_name(name) for name in ("--tokenizer", "--max-tokens", "oov_token", "--passes")]
    [False, False, False, False]
    """
    words: list[str] = [
        word.lower() for part in _PART.findall(name) for word in _WORD.findall(part)
    ]
    if words[-2:] == ["key", "id"]:
        words.pop()
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in ONLY_AFTER:
        return before in ONLY_AFTER[last]
    known = IN_URLS if in_url or before in {"amz", "goog"} else SECRETS
    if last in known:
        return before not in SETTINGS.get(last, ())
    return last.endswith(ENDINGS)


def mask_secrets(text: str) -> str:
    """Return a text without the secrets in it.

    They are values behind names of secrets, be it of options, of JSON, in a query or a header;
    what stands before the ``@`` of a URL; tokens of known formats; private keys.

    Args:
        text: Of any kind. What was masked before stays as it is.

    >>> mask_secrets("wandb.api_key=hunter2 lr=0.1"), mask_secrets('{"pw": "hunter2", "n": 1}')
    ('wandb.api_key=<secret:f52f> lr=0.1', '{"pw": "<secret:f52f>", "n": 1}')
    """
    text = _TOKEN.sub(lambda found: mask(found[0]), text)
    if "-" in text:
        text = _OPTION.sub(_masked_option, text)
    if "@" in text:
        text = _IN_AUTHORITY.sub(lambda found: mask(found[0][:-1]) + "@", text)
    if "=" in text or ":" in text or "%3" in text:
        text = _mask_named(text)
    return _BEARER.sub(lambda found: found[1] + mask(found[2]), text)


def _masked_option(found: re.Match[str]) -> str:
    """Mask what stands behind the name of an option, in a command line that a text quotes."""
    prose = not found["between"].strip() and found["value"].isalpha() and len(found["value"]) < 8
    if prose or not is_secret_name(found["name"]):
        return found[0]
    return f"{found['name']}{found['between']}{mask(found['value'])}"


def _mask_named(text: str) -> str:
    """Mask the values behind names of secrets; what is within another value is looked at, too."""
    parts: list[str] = []
    done = position = 0
    while (found := _NAME_AND_SIGN.search(text, position)) is not None:
        position = found.end()
        in_url = found.start() > 0 and text[found.start() - 1] in "?&#;"
        if not is_secret_name(found["name"], in_url=in_url):
            continue
        value = _value(text, found)
        if value is not None:
            start, end = value
            parts += [text[done:start], mask(text[start:end])]
            done = position = end
    return "".join(parts) + text[done:]


def _value(text: str, named: re.Match[str]) -> tuple[int, int] | None:
    """Return where the value behind a secret's name stands; None where prose goes on."""
    last = _WORD.findall(named["name"])[-1].lower()
    is_header = named["sign"] == ":" and last in _WHOLE_LINES
    scheme = _SCHEME.match(text, named.end())
    start = named.end() if scheme is None else scheme.end()
    found = _VALUE.match(text, start)
    if is_header and (found is None or found["bare"] is not None):
        found = _LINE.match(text, start)
    if found is None or found.lastgroup is None:
        return None
    span = found.span(found.lastgroup)
    said = text[slice(*span)]
    # "missing key: loss" is a sentence, and what follows no secret.
    prose = named["sign"] == ":" and found.lastgroup == "bare" and last in SETTINGS
    if prose and not is_header and (len(said) < 8 or said.isalpha()):
        return None
    return span
