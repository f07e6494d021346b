"""Functions within a configuration: Keras keeps the code of a lambda, with where its file lies."""

from __future__ import annotations

import base64
import marshal
import types
from typing import Any

from repro_audit.canonical import digest_json

__all__ = ["with_digests_of_code"]

_LAMBDA = "__lambda__"


def with_digests_of_code(config: Any) -> Any:
    """Return a configuration with a digest in the place of each lambda's code.

    The code holds the path of its file and the lines in it, so that it would name whose folder it
    lies in, and differ in another one.

    Args:
        config: What Keras has made of a model in this process: its code is read, and not run.

    Source:
        ``serialize_lambda`` of Keras 3.15: base64 of the code object as ``marshal`` writes it.
    """
    if isinstance(config, list):
        return [with_digests_of_code(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: with_digests_of_code(item) for key, item in config.items()}
    inner = config.get("config")
    if config.get("class_name") == _LAMBDA and isinstance(inner, dict) and "code" in inner:
        code = marshal.loads(base64.b64decode(str(inner["code"])))  # noqa: S302 - this process's
        config["config"] = {**inner, "code": digest_json(_content(code))}
    return config


def _content(constant: Any) -> Any:
    """Return what of a code object, or of a constant in one, decides what is computed."""
    if isinstance(constant, types.CodeType):
        names = constant.co_names, constant.co_varnames, constant.co_freevars, constant.co_cellvars
        counts = constant.co_argcount, constant.co_posonlyargcount, constant.co_kwonlyargcount
        return [
            constant.co_code.hex(),
            [_content(item) for item in constant.co_consts],
            [list(group) for group in names],
            [*counts, constant.co_flags],
        ]
    # A set has no order of its own.
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
