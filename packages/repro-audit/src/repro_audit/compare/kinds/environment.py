"""Packages, machine, and the program itself."""

from __future__ import annotations

from repro_audit.compare.kinds.kind import Kind, Stage

__all__ = ["KINDS"]

_COMPUTED: tuple[Stage, ...] = ("loss", "update")

KINDS = (
    Kind(
        "numeric_packages",
        "packages",
        "numerical packages",
        "bits",
        "another release may compute or draw differently",
        (r"packages\.distributions\W+(tensorflow|keras|numpy|ml-dtypes|jax|jaxlib)\b",),
    ),
    Kind(
        "packages",
        "packages",
        "other packages",
        "rarely",
        "another release may behave differently",
        (r"packages\.distributions",),
    ),
    Kind(
        "processor",
        "environment",
        "processor",
        "bits",
        "other processors use other instructions",
        (r"environment\.(cpu|machine|accelerators|devices)",),
        acts_at=("start", *_COMPUTED),
    ),
    Kind(
        "python",
        "environment",
        "Python",
        "rarely",
        "another release may hash, sort or draw differently",
        (r"environment\.python",),
    ),
    Kind(
        "read_variables",
        "environment",
        "environment variables read",
        "inputs",
        "the program reads it",
        (r"read\.variables",),
    ),
    Kind(
        "environment", "environment", "environment", "rarely", "code may read it", (r"environment",)
    ),
    Kind(
        "arguments",
        "code",
        "arguments",
        "rarely",
        "the program was asked for something else",
        (r"code\.argv",),
    ),
    Kind(
        "code", "code", "code", "rarely", "other code may do anything", (r"code",), r"code\.files.*"
    ),
)
