"""What is to be explained: two runs, where they diverge, and the conditions that differ."""

from __future__ import annotations

import re
from typing import NamedTuple

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.kinds import Kind, Strength
from repro_audit.compare.symptom import Symptom
from repro_audit.manifest import Manifest

__all__ = ["Case", "generators_are_random", "hash_seed_is_random", "orders_pipelines"]

_NOT_TRAINED_ON = ("test", "validation")
_READ = "$.conditions.read"
_OF_DATA = frozenset({"data", "sample_order", "test_data"})
_MAKES_DATA = frozenset(
    {"arguments", "code", "model_code", "pipeline", "read_files", "read_variables", "seed"}
    | {"given_seeds", "numeric_packages", "packages", "python", "processor"}
)
"""Kinds by which a program may make other data of its own, and by no chance."""


class Case(NamedTuple):
    """What is to be explained, and by what.

    Attributes:
        expected: The run compared with.
        actual: The run compared.
        symptom: What the first difference looks like.
        kinds: Conditions that differ and may act by then, by the kind of cause they belong to.
        told: The kind of cause that the steps tell of; empty where they point nowhere.
    """

    expected: Manifest
    actual: Manifest
    symptom: Symptom
    kinds: dict[Kind, list[ConditionDifference]]
    told: str = ""

    def strength(self, kind: Kind) -> Strength:
        """Return what a kind can do by the conditions of it that differ."""
        effective = kind.is_effective(item.path for item in self.kinds[kind])
        return kind.strength if effective else "rarely"

    def has(self, *names: str) -> bool:
        """Whether one of these kinds differs, in a condition that has an effect."""
        return any(kind.name in names and self.strength(kind) != "rarely" for kind in self.kinds)

    def decides(self, stage: str, besides: Kind | None = None) -> bool:
        """Whether something differs that is known to act at a stage, more than by rounding.

        Args:
            stage: The stage.
            besides: A kind that does not count.
        """
        return any(
            stage in kind.acts_at and self.strength(kind) in {"seeds", "inputs"}
            for kind in self.kinds
            if kind != besides
        )

    def is_of_first_model(self, kind: Kind) -> bool:
        """Whether what differs is of the first model whose initial weights do, or of none."""
        found = (re.search(r"\.models\[(\d+)\]", item.path) for item in self.kinds[kind])
        models = {int(match[1]) for match in found if match}
        differing = self.symptom.models
        return not models or not differing or min(models) <= min(differing)

    def is_of_validation(self, kind: Kind) -> bool:
        """Whether a pipeline that differs is one that a fit validates on."""
        found = (re.search(r"\.datasets\[(\d+)\]", item.path) for item in self.kinds[kind])
        places = {int(match[1]) for match in found if match}
        determinism = self.expected.conditions.determinism
        datasets = () if determinism is None else determinism.datasets
        return any(
            place < len(datasets) and datasets[place].argument.startswith("validation")
            for place in places
        )

    def is_of_one_run(self, kind: Kind) -> bool:
        """Whether all that differs is there in one run alone, such as another fit."""
        return all(item.state.startswith("only in") for item in self.kinds[kind])

    def is_same_program(self) -> bool:
        """Whether the same code ran with the same arguments, as far as is recorded."""
        return not any(
            kind.name == "arguments"
            or (kind.name == "code" and kind.is_effective(item.path for item in items))
            for kind, items in self.kinds.items()
        )

    def made_data_by_chance(self, kind: Kind) -> bool:
        """Whether one program made other arrays of the same that it was given.

        Then it draws before a seed is set, or from what has none. Files in another order are in
        the order in which they were listed.
        """
        of_arrays = kind.name in _OF_DATA and not _has_file_data(self.expected, self.actual)
        known = all(
            manifest.conditions.code is not None
            and manifest.conditions.read is not None
            and not any(item.path.startswith(_READ) for item in manifest.missing)
            for manifest in (self.expected, self.actual)
        )
        other = any(
            kind.name in _MAKES_DATA and kind.is_effective(item.path for item in items)
            for kind, items in self.kinds.items()
        )
        return of_arrays and known and not other

    def other_keras(self) -> bool:
        """Whether the runs have another Keras each."""
        return any(
            "distributions.keras." in item.path for items in self.kinds.values() for item in items
        )

    def has_hash_seed(self) -> bool:
        """Whether strings are hashed otherwise in the two runs."""
        seeds = [manifest.conditions.seeds for manifest in (self.expected, self.actual)]
        probes = {None if item is None else item.hash_seed.probe for item in seeds}
        return len(probes) == 2 and None not in probes

    def is_random_in_both(self, kind: Kind) -> bool:
        """Whether a condition that differs was left to chance in both runs.

        It stands in each of them, and says nothing of what tells one from the other.
        """
        if kind.name == "generators":
            return generators_are_random(self.expected, self.actual)
        return kind.name == "hash_seed" and hash_seed_is_random(self.expected, self.actual)

    def has_racing_pipeline(self) -> bool:
        """Whether op determinism may order what a pipeline of one of the runs does."""
        return orders_pipelines(self.expected) or orders_pipelines(self.actual)

    def lacks_data(self) -> tuple[str, ...]:
        """Return which of the runs recorded no data that it was trained on."""
        return tuple(
            name
            for name, manifest in (("expected", self.expected), ("actual", self.actual))
            if all(role.startswith(_NOT_TRAINED_ON) for role in manifest.conditions.data or ())
        )

    def differs(self, kind: Kind, pattern: str) -> bool:
        """Whether both runs have the condition that the pattern names, and differ in it."""
        return any(
            re.fullmatch(pattern, item.path.removeprefix("$.conditions."))
            and item.expected is not None
            and item.actual is not None
            for item in self.kinds.get(kind, ())
        )


def hash_seed_is_random(*manifests: Manifest) -> bool:
    """Return whether each run left it to Python how strings are hashed."""
    seeds = [manifest.conditions.seeds for manifest in manifests]
    return all(item is not None and item.hash_seed.randomized for item in seeds)


def generators_are_random(*manifests: Manifest) -> bool:
    """Return whether each run made a generator of NumPy's without a seed."""
    seeds = [manifest.conditions.seeds for manifest in manifests]
    return all(
        item is not None and any(made.is_left_to_chance for made in item.generators)
        for item in seeds
    )


def _has_file_data(*manifests: Manifest) -> bool:
    return any(
        array.dtype == "file"
        for manifest in manifests
        for data in (manifest.conditions.data or {}).values()
        for array in data.arrays
    )


def orders_pipelines(manifest: Manifest) -> bool:
    """Whether op determinism orders what a pipeline of a run does, where it is on."""
    determinism = manifest.conditions.determinism
    return any(
        stage.random or stage.num_parallel_calls not in {None, 1}
        for dataset in (() if determinism is None else determinism.datasets)
        for stage in dataset.stages
    )
