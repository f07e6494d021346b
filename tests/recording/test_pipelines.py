"""What is read of data and of steps is what decides whether a run repeats, and changes no bit."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

import repro_audit
from repro_audit.manifest import Manifest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(3)]

SCRIPT = "pipelines.py"
SEVERAL_CORES = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1
DEFINED = re.findall(
    r"^@(case|racing)\ndef (\w+)",
    (Path(__file__).parent / "scripts" / SCRIPT).read_text(encoding="utf-8"),
    re.MULTILINE,
)
CASES = [name for kind, name in DEFINED if kind == "case"]
RACING = [name for kind, name in DEFINED if kind == "racing"]
WATCHED = {"RA106", "RA107", "RA206", "RA302", "RA303", "RA304", "RA305", "RA306"}

FOUND = {
    "arrays_for_three_epochs": {"RA304"},
    "arrays_in_two_fits": {"RA304"},
    "tensorflow_in_a_parallel_map": {"RA303"},
    "keras_in_a_parallel_map": {"RA303"},
    "numpy_in_a_parallel_map": {"RA303"},
    "numpy_said_to_be_stateless": {"RA303"},
    "generator_in_a_parallel_map": {"RA303"},
    "tensorflow_in_an_interleave": {"RA303"},
    "map_in_any_order": {"RA302"},
    "pipeline_in_any_order": {"RA302"},
    "from_generator_without_a_seed": {"RA107"},
    "workers_that_share_numpy": {"RA305"},
    "workers_that_share_a_generator": {"RA305"},
    "python_generator_without_a_seed": {"RA107"},
    "module_with_a_generator_without_a_seed": {"RA107"},
    "weighted_bincount": {"RA206"},
    "embedding_by_sgd": {"RA206", "RA304"},
    "resumed_from_a_file": {"RA306"},
    "with_a_backup": {"RA306"},
    "nothing_seeded": {"RA106"},
}
STILL = {
    "numpy_said_to_be_stateless": {"RA303"},
    "from_generator_without_a_seed": {"RA107"},
    "workers_that_share_numpy": {"RA305"},
    "workers_that_share_a_generator": {"RA305"},
    "python_generator_without_a_seed": {"RA107"},
    "weighted_bincount": {"RA206"},
    "embedding_by_sgd": {"RA304"},
}
"""What is still found where op determinism is on."""


@pytest.fixture(scope="module")
def ends(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the script three ways; return what each said, and its folder."""
    ways = [("bare", "off"), ("recorded", "off"), ("recorded", "on")]
    folders = {way: tmp_path_factory.mktemp("-".join(way)) for way in ways}
    runs = {way: start(SCRIPT, *way, cwd=folder) for way, folder in folders.items()}
    return {way: (said(run), folders[way]) for way, run in runs.items()}


def manifest(ends: Any, name: str, determinism: str = "off") -> Manifest:
    return repro_audit.load(ends["recorded", determinism][1] / f"{name}.json")


def codes(read: Manifest) -> set[str]:
    found = repro_audit.audit(read).manifests[0].findings
    return {finding.code for finding in found} & WATCHED


def data(read: Manifest, at: int = 0) -> Any:
    assert read.conditions.determinism is not None
    return read.conditions.determinism.datasets[at]


@pytest.mark.parametrize("name", CASES)
def test_reading_changes_no_bit_of_a_run(ends: Any, name: str) -> None:
    """Every variable and every shared generator ends as it does without a recording."""
    assert ends["recorded", "off"][0][name]["all"] == ends["bare", "off"][0][name]["all"]


@pytest.mark.parametrize("name", [*CASES, *RACING])
def test_reading_gives_no_warning(ends: Any, name: str) -> None:
    """Everything could be read."""
    assert ends["recorded", "off"][0][name]["warnings"] == []


def test_reading_takes_next_to_no_time(ends: Any) -> None:
    """Time of this thread alone, in milliseconds: others may be busy."""
    times = sorted(ends["recorded", "off"][0]["reading_ms"])
    assert times[len(times) // 2] < 10
    assert times[-1] < 50


@pytest.mark.parametrize("name", [*CASES, *RACING])
def test_a_rule_finds_what_does_not_repeat_and_nothing_else(ends: Any, name: str) -> None:
    """Near each case that is found there is a sound one that is not."""
    assert codes(manifest(ends, name)) == FOUND.get(name, set())


@pytest.mark.parametrize("name", sorted({*RACING, "weighted_bincount"} - {"nothing_seeded"}))
def test_what_op_determinism_mends_is_found_no_more(ends: Any, name: str) -> None:
    """TensorFlow then keeps the order and lets one element at a time draw."""
    assert codes(manifest(ends, name, "on")) == STILL.get(name, set())


@pytest.mark.skipif(not SEVERAL_CORES, reason="threads take turns by chance on several cores")
@pytest.mark.parametrize("name", RACING)
def test_what_is_found_does_differ_from_run_to_run(ends: Any, name: str) -> None:
    """A case that is called racing ends in other weights when it is run again."""
    assert ends["bare", "off"][0][name]["ends"] > 1


@pytest.mark.parametrize("name", sorted(set(RACING) - {"nothing_seeded"}))
def test_what_is_not_found_under_op_determinism_repeats(ends: Any, name: str) -> None:
    """Silence is right: four runs end in the same weights."""
    if name not in STILL or name == "embedding_by_sgd":
        assert ends["recorded", "on"][0][name]["ends"] == 1


@pytest.mark.skipif(not SEVERAL_CORES, reason="one core adds in one order")
@pytest.mark.parametrize("way", [("bare", "off"), ("recorded", "on")])
def test_a_weighted_bincount_races_with_op_determinism_and_without(ends: Any, way: Any) -> None:
    """And what its finding recommends does not."""
    results = ends[way][0]["sums"]
    assert results["bincount"] > 1
    assert results["unsorted_segment_sum"] == 1


def test_the_stages_of_a_pipeline_are_read_from_its_source_on(ends: Any) -> None:
    """With the arguments they were given, and no options among them."""
    train, validation = (data(manifest(ends, "sound_pipeline"), at) for at in (0, 1))
    assert (train.kind, train.argument, validation.argument) == ("tf.data", "x", "validation_data")
    assert [stage.op for stage in train.stages] == [
        "from_tensor_slices",
        "shuffle",
        "batch",
        "map",
        "prefetch",
    ]
    _, shuffle, batch, mapping, prefetch = train.stages
    assert (shuffle.buffer_size, shuffle.seed, shuffle.reshuffle_each_iteration) == (
        64,
        (31, 3),
        True,
    )
    assert (batch.num_parallel_calls, batch.deterministic) == (2, "default")
    assert (mapping.num_parallel_calls, mapping.random) == (-1, ())
    assert prefetch.buffer_size == 2
    assert [stage.op for stage in validation.stages] == ["from_tensor_slices", "batch"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("tensorflow_in_a_serial_map", ("RandomStandardNormal", True, True)),
        ("keras_in_a_serial_map", ("keras.random.SeedGenerator", None, True)),
        ("numpy_in_a_serial_map", ("numpy.random", None, True)),
        ("numpy_said_to_be_stateless", ("numpy.random", None, False)),
        ("generator_in_a_parallel_map", ("numpy.random.Generator", None, True)),
        ("tensorflow_in_an_interleave", ("RandomStandardNormal", True, True)),
        ("from_generator_without_a_seed", ("numpy.random.default_rng()", False, True)),
    ],
)
def test_the_random_source_of_a_stage_is_read(ends: Any, name: str, source: Any) -> None:
    """Out of the graph of its function, and out of the Python code that it calls."""
    found = [item for stage in data(manifest(ends, name)).stages for item in stage.random]
    assert found == [source]


@pytest.mark.parametrize(
    ("name", "workers", "sources"),
    [
        ("workers_that_share_numpy", 4, ["numpy.random"]),
        ("workers_that_share_a_generator", 4, ["numpy.random.Generator"]),
        ("one_worker", 1, ["numpy.random"]),
        ("keyed_workers", 4, []),
        ("workers_without_noise", 4, []),
        ("python_generator", None, ["numpy.random.Generator"]),
        ("arrays_in_order", None, []),
    ],
)
def test_the_code_of_python_data_is_read(
    ends: Any, name: str, workers: int | None, sources: list[str]
) -> None:
    """Through the methods that it calls; a generator from the batch's index is no source."""
    read = data(manifest(ends, name))
    assert (read.workers, [item.source for item in read.random]) == (workers, sources)
    assert read.use_multiprocessing is (None if workers is None else False)


def test_op_determinism_is_read_where_the_data_is(ends: Any) -> None:
    """It counts when a pipeline is iterated."""
    for determinism, expected in (("off", False), ("on", True)):
        assert data(manifest(ends, "map_in_any_order", determinism)).op_determinism is expected


def test_generators_are_read_back_with_their_seeds(ends: Any) -> None:
    """Those of a module by their names, spawned ones by their places, and those of data."""
    seeds = manifest(ends, "module_with_generators").conditions.seeds
    assert seeds is not None
    assert {
        item.where: (item.entropy, item.spawn_key, item.given) for item in seeds.generators
    } == {
        "__main__.rng": ((23,), (), True),
        "__main__.first": ((19,), (0,), True),
        "__main__.second": ((19,), (1,), True),
    }
    for name, where, entropy in (
        ("python_generator", "batches.rng", (17,)),
        ("workers_that_share_a_generator", "FromItsOwn.rng", (13,)),
        ("generator_in_a_parallel_map", "self.rng", (7,)),
    ):
        seeds = manifest(ends, name).conditions.seeds
        assert seeds is not None
        (item,) = seeds.generators
        assert item.where.endswith(where)
        assert (item.entropy, item.given, item.bit_generator) == (entropy, True, "PCG64")


@pytest.mark.parametrize(
    ("name", "determinism", "operations"),
    [
        ("weighted_bincount", "off", ("DenseBincount",)),
        ("weighted_bincount", "on", ("DenseBincount",)),
        ("short_bincount", "off", ()),
        ("embedding_by_sgd", "off", ("ResourceScatterSub",)),
        ("embedding_by_sgd", "on", ()),
        ("arrays_in_order", "off", ()),
        ("eager_step", "off", None),
    ],
)
def test_operations_that_race_are_read_out_of_the_traced_step(
    ends: Any, name: str, determinism: str, operations: Any
) -> None:
    """As op determinism stood; short sums are not split, and a step that is not traced says so."""
    read = manifest(ends, name, determinism)
    assert read.conditions.determinism is not None
    assert read.conditions.determinism.backend.models[0].racing_ops == operations
    reasons = {item.path: item.reason for item in read.missing}
    path = "$.conditions.determinism.backend.models[0].racing_ops"
    assert reasons.get(path) == ("no step has been traced" if operations is None else None)


def test_a_run_that_was_resumed_ends_elsewhere_unless_its_generators_are_set(ends: Any) -> None:
    """What the rule says happens, and what it recommends mends it to the last bit."""
    bare = ends["bare", "off"][0]
    whole = bare["never_interrupted"]["weights"]
    assert bare["resumed_from_a_file"]["weights"] != whole
    assert bare["resumed_with_its_generators"]["weights"] == whole


def test_no_run_contradicts_itself(ends: Any, contradicted: Any) -> None:
    """None of the checks of the evidence against itself is a false alarm."""
    for way, (_, folder) in ends.items():
        if way[0] == "recorded":
            kind = f"{SCRIPT}, op determinism {way[1]}"
            assert contradicted(kind, folder.glob("*.json")) == []
