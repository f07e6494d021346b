"""Words by which names of secrets, people and places are told from settings."""

from __future__ import annotations

import functools
from collections.abc import Iterable

__all__ = [
    "ENDINGS",
    "GENERIC",
    "IN_URLS",
    "ONLY_AFTER",
    "SECRETS",
    "SETTINGS",
    "SYSTEM",
    "harmless",
]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SECRETS = _set("""
    auth authorization bearer cookie cookies credential credentials jwt key otp pass passcode
    passphrase passwd password passwords passwort pin psk pw pwd sas secret secrets token
""")
"""A name that ends in one of these words belongs to a secret."""

IN_URLS = SECRETS | _set("hmac sig signature")
"""The same for what is given in the query of a URL."""

ENDINGS = (
    *("accesskey", "apikey", "privatekey", "secretkey", "password", "passwd", "secret"),
    *("accesstoken", "authtoken", "ghtoken", "hftoken"),
)
"""Words that are written as one: PGPASSWORD."""

SETTINGS = {
    "key": _set("""
        attention batch cache class column data dataset dict encoder feature foreign group hash id
        image index input item json label layer lookup map metric model monitor name output
        partition primary prng query random registry rng row sample seed sort state target text
        train unique val
    """),
    "token": _set("""
        audio begin blank bos class cls decoder end eos image mask next oov pad padding sep special
        start stop text unk unknown video
    """),
    "pass": _set(
        "all backward band first forward high last low multi one second single two warmup"
    ),
}
"""Words before the last one that make a setting of it: the padding's token, a forward pass."""

ONLY_AFTER = {
    "keys": _set("access account api auth encryption private secret ssh"),
    "pat": _set("access azure devops git github gitlab personal"),
}
"""Words before the last one without which it is a setting: some keys, a pattern."""

GENERIC = _set("""
    admin codespace docker home jovyan localhost nobody python root runner ubuntu user users vscode
""")
"""Names of users and hosts that everybody has."""

SYSTEM = _set("""
    Applications Library System bin boot dev etc lib lib32 lib64 nix proc run sbin sys usr
""")
"""Folders at the root whose content everybody has."""

_FIELD = _set("""
    adam alpha attention auto batch beta bias bool cluster conv cpu data dense dropout elu embedding
    epoch epochs eval false float ftrl gamma gelu generator gpu gru host input int iteration jax
    keras kernel layer learning linux lion loss lstm main mask master max mean min model momentum
    moving nadam node none numpy output random rate recurrent relu seed selu server sigmoid slot
    softmax state step steps string sum tanh tensorflow test torch tpu train true variance velocity
    weight weights work worker
""")


@functools.cache
def harmless() -> frozenset[str]:
    """Return words that are no names by themselves: this field's, and those of the format.

    A user may be called adam. Then it is a name within a path or beside an ``@`` alone, lest the
    optimizer lose its own; and no field that chooses among words may get another.
    """
    from repro_audit_schemas import schema

    return _FIELD | frozenset(_choices(schema("manifest-2")))


def _choices(node: object) -> Iterable[str]:
    """Yield the words among which fields of a schema choose."""
    if isinstance(node, dict):
        for value in (*node.get("enum", ()), node.get("const")):
            if isinstance(value, str):
                yield value.lower()
        for value in node.values():
            yield from _choices(value)
    elif isinstance(node, list):
        for value in node:
            yield from _choices(value)
