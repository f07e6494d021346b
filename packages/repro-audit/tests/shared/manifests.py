"""Two real manifests, and ways to change one of them in one place.

The examples are runs of one script with one and with two threads; see `examples/`.
"""

from __future__ import annotations

import copy
import functools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from repro_audit.canonical import digest_json
from repro_audit.manifest import Manifest, structure
from repro_audit.manifest.fields import fill_absent
from repro_audit.manifest.records import VERSION
from repro_audit_schemas import schema

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "examples"
NAMES = ("threads-2", "threads-1")
OTHER_DIGEST = "sha256:" + "0" * 64

Place = tuple[str | int, ...]


@functools.cache
def _content(name: str) -> str:
    value = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    fill_absent(value, schema(VERSION))
    del value["digest"]
    return json.dumps({**value, "digest": digest_json(value)})


def document(name: str = NAMES[0]) -> dict[str, Any]:
    """Return a real manifest as a JSON value that the caller may change.

    What has been added to the format since it was recorded is null, as where nothing was read.
    """
    value: dict[str, Any] = json.loads(_content(name))
    return value


def run_id(number: int) -> str:
    """Return the id of one more run that began when the first example did."""
    return f"{number:020x}{document()['run_id'][20:]}"


def place(path: str | Place) -> Place:
    """Return a path as keys and indices: ``"outcomes/fits/0"`` is ``("outcomes", "fits", 0)``."""
    if isinstance(path, tuple):
        return path
    return tuple(int(part) if part.isdigit() else part for part in path.split("/"))


def value_at(value: Any, path: str | Place) -> Any:
    """Return what stands at a path."""
    for part in place(path):
        value = value[part]
    return value


def changed(value: dict[str, Any], changes: dict[str | Place, Any]) -> dict[str, Any]:
    """Return a copy of a JSON value with other values at some paths."""
    result = copy.deepcopy(value)
    for path, new in changes.items():
        *parents, last = place(path)
        value_at(result, tuple(parents))[last] = new
    return result


def rerun(value: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the manifest of another run that did the same, and took a little longer."""
    again = copy.deepcopy(document() if value is None else value)
    again["information"]["duration_s"] = round((again["information"]["duration_s"] or 0) + 0.125, 3)
    return {**again, "run_id": OTHER_RUN, **changes}


OTHER_RUN = run_id(0)


def record(value: dict[str, Any]) -> Manifest:
    """Return the record of a JSON value."""
    return structure(Manifest, value)


def sealed(value: dict[str, Any]) -> bytes:
    """Return the file of a JSON value, its digest computed anew."""
    rest = {key: item for key, item in value.items() if key != "digest"}
    return json.dumps({**rest, "digest": digest_json(rest)}).encode()


def leaves(value: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the path of each scalar and of each empty array or object."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def consistent(value: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a manifest in which every digest is that of the values beside it."""
    result = copy.deepcopy(value)
    outcomes = result["outcomes"]
    history = [
        [fit["history"] for fit in outcomes["fits"]],
        [item["results"] for item in outcomes["evaluations"]],
    ]
    digests = {
        "initial_weights": digest_json(outcomes["initial_weights"]),
        "epochs": [epoch for fit in outcomes["fits"] for epoch in fit["epochs"] if epoch],
        "history": digest_json(history),
        "final_state": digest_json(outcomes["final_state"]),
    }
    outcomes["digests"].update(
        {name: new for name, new in digests.items() if outcomes["digests"][name] is not None}
    )
    return result


def parted(value: dict[str, Any], since: str) -> dict[str, Any]:
    """Return a rerun whose outcomes differ from ``initial weights`` or from ``epoch 1`` on."""
    outcomes: dict[str | Place, Any] = {
        "outcomes/digests/trace": OTHER_DIGEST,
        "outcomes/final_state/0/0/digest": OTHER_DIGEST,
        "outcomes/fits/0/history/loss/0": 2.5,
    }
    for epoch in range(len(value["outcomes"]["fits"][0]["epochs"])):
        for part in ("epochs", "trace"):
            outcomes[("outcomes", "fits", 0, part, epoch)] = OTHER_DIGEST
    if since == "initial weights":
        outcomes["outcomes/initial_weights/0/0/digest"] = OTHER_DIGEST
    return consistent(changed(rerun(value), outcomes))


def two_models(*, seeded_again: bool, value: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a run whose script builds and trains the model of an example twice.

    Args:
        seeded_again: Whether it seeds before each; else the second model draws on from Python's
            generator where the first has ended, and all that it comes to is another.
        value: The run that trains it once; the first example where not given.
    """
    result = copy.deepcopy(document() if value is None else value)
    conditions, outcomes = result["conditions"], result["outcomes"]
    second = copy.deepcopy(result)
    if not seeded_again:
        second = parted(second, "initial weights")
        _draw_on(second["conditions"])
    for part, field in (
        (("conditions", "seeds", "layers"), "model"),
        (("conditions", "initializers", "layers"), "model"),
        (("conditions", "determinism", "execution"), "model"),
        (("conditions", "determinism", "backend", "models"), "model"),
        (("conditions", "determinism", "datasets"), "fit"),
        (("conditions", "training", "models"), ""),
        (("conditions", "training", "fits"), "model"),
        (("outcomes", "fits"), "model"),
        (("outcomes", "evaluations"), "model"),
        (("outcomes", "initial_weights"), ""),
        (("outcomes", "final_state"), ""),
        (("information", "labels"), ""),
        (("trace", "strides"), ""),
    ):
        items = value_at(second, part)
        value_at(result, part).extend([{**item, field: 1} for item in items] if field else items)
    outcomes["evaluations"][1]["after_fits"] = 2
    outcomes["trace"] = {name: 2 * count for name, count in outcomes["trace"].items()}
    for fit in outcomes["fits"]:
        fit["trace"] = [OTHER_DIGEST for _ in fit["trace"]]
    outcomes["digests"]["trace"] = OTHER_DIGEST
    conditions["data"] = {role: dict(item) for role, item in conditions["data"].items()}
    return consistent(result)


def _draw_on(conditions: dict[str, Any]) -> None:
    """Replace every drawn seed by one that comes after them all in the stream of the run's seed."""
    items = [*conditions["initializers"]["layers"], *conditions["seeds"]["layers"]]
    drawn = dict.fromkeys(
        item["seed"] for item in items if item["seed"] is not None and not item["given"]
    )
    stream = random.Random(conditions["seeds"]["declared"])
    left = set(drawn)
    while left:
        left.discard(stream.randint(1, 10**9))
    later = {seed: stream.randint(1, 10**9) for seed in drawn}
    for item in items:
        item["seed"] = later.get(item["seed"], item["seed"])


def clean() -> dict[str, Any]:
    """Return a real manifest, brought to the state in which no rule finds anything."""
    value = changed(
        document(),
        {
            "conditions/seeds/hash_seed": {"requested": "0", "randomized": False, "probe": "0x1"},
            "conditions/code/git": {"commit": "a" * 40, "dirty": False, "diff_digest": None},
            "conditions/packages/requirements": [
                {"file": "constraints.txt", "digest": OTHER_DIGEST, "pinned": 9, "loose": []}
            ],
            "missing": [],
        },
    )
    for pool in ("intra_op", "inter_op"):
        value["conditions"]["determinism"]["backend"]["threads"][pool]["source"] = "api"
    for package in value["conditions"]["packages"]["distributions"].values():
        package["source"] = None
    return value
