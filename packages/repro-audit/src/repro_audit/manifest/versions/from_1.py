"""From ``manifest-1`` to ``manifest-2``.

What TensorFlow alone has moved below ``conditions.determinism.backend``. The strategy of a run
became one of each model, and the files that a run read are no part of a manifest any more. The
field ``control_run`` is called ``positive_control``.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from repro_audit.manifest.records import UNRECORDED

__all__ = ["upgrade"]

_SWITCHES = (
    "op_determinism",
    "functions_traced_before",
    "threads",
    "onednn",
    "isa",
    "tf32",
    "xla_flags",
    "tf_xla_flags",
)
_OF_TENSORFLOW = "strategy", "replicas", "racing_ops"
_MOVED = re.compile(rf"^(\$\.conditions\.determinism\.)(?=({'|'.join(_SWITCHES)})\b)")
_OF_MODEL = re.compile(
    rf"^(\$\.conditions\.determinism\.)execution(?=\[\d+\]\.({'|'.join(_OF_TENSORFLOW)})$)"
)
_UNDATED = "in manifest-1 its last digits need not say when the run began"
_LATER_LISTS = (
    "$.conditions.seeds.generators",
    "$.conditions.training.models[*].more_optimizers",
    "$.conditions.determinism.datasets[*].random",
    "$.conditions.determinism.datasets[*].stages",
    "$.outcomes.fits[*].trace",
)
"""Lists, never null, that the earlier files of ``manifest-1`` lack."""


def upgrade(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of ``manifest-2`` that says what one of ``manifest-1`` says.

    Lists that the earlier files of ``manifest-1`` lack are empty in it, and named in
    ``missing``. Fields that may be null and that they lack stay absent.

    Returns:
        A new document; the one given stays as it is.
    """
    new = copy.deepcopy(document)
    new["schema"] = "repro-audit/manifest-2"
    new["positive_control"] = new.pop("control_run")
    new["information"].pop("files_read", None)
    determinism = new["conditions"]["determinism"]
    if determinism is not None:
        _move_switches(determinism)
    for item in new["missing"]:
        item["path"] = _MOVED.sub(r"\1backend.", _OF_MODEL.sub(r"\1backend.models", item["path"]))
    new["missing"] += [
        {"path": path, "reason": UNRECORDED} for path in _LATER_LISTS if _fill(new, path)
    ]
    new["missing"].append({"path": "$.run_id", "reason": _UNDATED})
    return new


def _fill(document: dict[str, Any], path: str) -> bool:
    """Put an empty list wherever the last field of a path is absent; return whether it was."""
    *names, last = path.removeprefix("$.").split(".")
    parts = [document]
    for name in names:
        values = [part[name.removesuffix("[*]")] for part in parts]
        parts = [item for value in values for item in (value if name.endswith("[*]") else [value])]
        parts = [part for part in parts if part is not None]
    absent = [part for part in parts if last not in part]
    for part in absent:
        part[last] = []
    return bool(absent)


def _move_switches(determinism: dict[str, Any]) -> None:
    """Move what TensorFlow alone has below ``backend``."""
    strategy = determinism.pop("strategy", None)
    backend: dict[str, Any] = {"name": "tensorflow"}
    backend |= {name: determinism.pop(name) for name in _SWITCHES}
    determinism["usable_cores"] = backend["threads"].pop("usable_cores")
    backend["models"] = [
        # While the strategy was the run's, every distributed run was taken for a plain one.
        {"model": item["model"], "strategy": strategy}
        | {name: item.pop(name) for name in _OF_TENSORFLOW if name in item}
        for item in determinism["execution"]
    ]
    determinism["backend"] = backend
    for dataset in determinism["datasets"]:
        dataset.setdefault("kind", "other")
        dataset.setdefault("op_determinism", backend["op_determinism"] != "off")
