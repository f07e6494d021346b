"""`repeat --vary`, `--spread` and `--perturb` around a reference trainer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from forking import Server

from repro_audit.noise.ensemble import load_ensemble

pytestmark = [pytest.mark.keras, pytest.mark.minutes(5)]

APP = ("-m", "mnist_cnn", "--epochs", "1", "--data")
SOME = "threads", "op-determinism", "jit", "hash-seed"
WAYS = {
    "grouped": ("--vary", "all"),
    "one at a time": ("--vary", ",".join(SOME), "--one-at-a-time"),
    "spread": ("--spread", "2", "--perturb", "5"),
}


@pytest.fixture(scope="module")
def varied(repeat: Any, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Vary it in groups, and some factors one at a time, two repeats at a time."""
    generator = np.random.default_rng(3)
    digits = {
        f"{kind}_{part}": generator.integers(0, high, (count, *shape), dtype=np.uint8)
        for part, count in (("train", 320), ("test", 64))
        for kind, high, shape in (("x", 256, (28, 28)), ("y", 10, ()))
    }
    folder = tmp_path_factory.mktemp("varied")
    np.savez(folder / "digits.npz", **digits)

    def one(way: str) -> tuple[Any, Any]:
        own = folder / way
        own.mkdir()
        data = str(folder / "digits.npz")
        done = repeat(
            "-d", "out", *WAYS[way], *APP, data, cwd=own, timeout=900, python=server.python
        )
        return done, json.loads((own / "out/audit.json").read_text(encoding="utf-8"))

    with ThreadPoolExecutor(2) as workers:
        return {**dict(zip(WAYS, workers.map(one, WAYS), strict=True)), "folder": folder}


def found(said: Any) -> dict[str, str]:
    """Return the factors that change a run, and why only in company, if so."""
    return {
        item["name"]: item["reason"]
        for item in said["sensitivity"]["factors"]
        if item["verdict"] == "changes the run"
    }


def test_in_groups_the_same_factors_are_found_as_one_at_a_time(varied: Any) -> None:
    """In fewer runs; what acts only in company no run of one factor can show."""
    done, grouped = varied["grouped"]
    assert done.returncode == 0, done.stderr
    _, one_by_one = varied["one at a time"]
    alone = {name for name, reason in found(grouped).items() if not reason}
    assert alone & set(SOME) == set(found(one_by_one))
    assert "threads" in alone
    runs = grouped["sensitivity"]["runs"]
    assert runs < len(grouped["sensitivity"]["factors"])
    assert f"{runs} runs beyond the repeat" in done.stdout


def test_what_was_not_in_force_is_not_cleared(varied: Any) -> None:
    """Every factor without effect shows two states; the others say why they show none."""
    for way in ("grouped", "one at a time"):
        for item in varied[way][1]["sensitivity"]["factors"]:
            if item["verdict"] == "not varied":
                assert item["reason"]
                assert item["actual"] is None
            else:
                assert None not in (item["expected"], item["actual"])
                assert item["expected"] != item["actual"]


def test_op_determinism_hides_xla_and_is_said_to(varied: Any) -> None:
    """One at a time XLA is refused; together with the others it changes the run."""
    _, one_by_one = varied["one at a time"]
    (jit,) = (item for item in one_by_one["sensitivity"]["factors"] if item["name"] == "jit")
    assert jit["verdict"] == "not varied"
    assert jit["hidden_by"] == ["op determinism refuses XLA: vary both"]
    _, grouped = varied["grouped"]
    assert found(grouped)["jit"].startswith("seen only together with")
    assert grouped["sensitivity"]["complete"] is True


def test_other_seeds_scatter_beside_a_verdict_that_is_identical(varied: Any) -> None:
    """A run that repeats bit for bit says nothing of how robust its result is."""
    done, said = varied["spread"]
    assert (done.returncode, said["verdict"]) == (0, "identical"), done.stderr
    assert said["spread"]["seeds"] == [812, 812 + 10_007, 812 + 20_014]
    metrics = {item["name"]: item for item in said["spread"]["metrics"]}
    loss = metrics["loss"]
    assert len(set(loss["values"])) == 3
    assert loss["least"] == min(loss["values"]) < loss["mean"] < max(loss["values"])
    assert loss["deviation"] == pytest.approx(float(np.std(loss["values"], ddof=1)))
    assert "Spread: 3 seeds: 812, 10819, 20826" in done.stdout


def test_rounding_scatters_beside_it_and_far_less(varied: Any) -> None:
    """Only what began with weights moved by one unit in the last place counts."""
    _, said = varied["spread"]
    rounding, spread = (
        {item["name"]: item for item in said[name]["metrics"]} for name in ("rounding", "spread")
    )
    assert len(rounding["loss"]["values"]) == 6
    assert rounding["loss"]["deviation"] < spread["loss"]["deviation"] / 100
    assert said["ladder"] == [], "the runs themselves have the same bits"


def test_each_run_of_the_ensemble_is_kept_with_its_values_and_its_distance(varied: Any) -> None:
    """So a reader needs none of the runs."""
    _, said = varied["spread"]
    ensemble = load_ensemble(varied["folder"] / "spread/out/ensemble.json")
    assert [item.moved for item in ensemble.members] == [
        "nothing", *["rounding"] * 5, *["seed"] * 2
    ]  # fmt: skip
    assert ensemble.base.digest == said["manifests"][0]["digest"]
    apart = [item.distance for item in ensemble.members]
    assert apart[0] == 0
    assert all(0 < item < 1e-3 for item in apart[1:6])
    assert all(item > 1e-2 for item in apart[6:])
