"""Which process of a distributed run this one is, by what its launcher says."""

import json
from pathlib import Path

import pytest

from repro_audit.capture.rank import capture_rank, rank_path


def cluster(kind, index, **tasks):
    return {"TF_CONFIG": json.dumps({"cluster": tasks, "task": {"type": kind, "index": index}})}


WORKERS = {"worker": ["a:1", "b:1", "c:1"]}
KNOWN = {
    "first worker": (cluster("worker", 0, **WORKERS), 0, 3),
    "last worker": (cluster("worker", 2, **WORKERS), 2, 3),
    "worker beside a chief": (cluster("worker", 0, chief=["a:1"], worker=["b:1"]), 1, 2),
    "torchrun": ({"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "a"}, 1, 4),
    "Horovod": ({"HOROVOD_RANK": "0", "HOROVOD_SIZE": "2"}, 0, 2),
    "Open MPI": ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"}, 3, 4),
    "MPICH": ({"PMI_RANK": "1", "PMI_SIZE": "2"}, 1, 2),
    "Slurm": ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"}, 1, 2),
}
NONE = {
    "nothing": {},
    "one worker": cluster("worker", 0, worker=["a:1"]),
    "a task that is not in the cluster": cluster("evaluator", 0, **WORKERS),
    "no cluster": {"TF_CONFIG": "{}"},
    "no JSON": {"TF_CONFIG": "worker"},
    "a job of one process": {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"},
    "a rank without a size": {"RANK": "1"},
    "no number": {"RANK": "one", "WORLD_SIZE": "4"},
}


@pytest.mark.parametrize("case", KNOWN)
def test_the_launcher_says_which_process_this_is(case):
    variables, number, size = KNOWN[case]
    rank = capture_rank(variables)
    assert (rank.number, rank.size) == (number, size)


@pytest.mark.parametrize("case", NONE)
def test_a_process_that_is_the_only_one_has_no_rank(case):
    assert capture_rank(NONE[case]) is None


def test_processes_of_one_run_are_one_group_and_those_of_another_are_not():
    first, second = (capture_rank(cluster("worker", at, **WORKERS)) for at in (0, 1))
    assert first.group == second.group
    assert capture_rank(cluster("worker", 0, worker=["a:2", "b:2", "c:2"])).group != first.group


def test_no_address_is_recorded():
    assert "a:1" not in repr(capture_rank(cluster("worker", 0, **WORKERS)))


def test_only_the_first_process_writes_to_the_path_that_was_asked_for(monkeypatch):
    path = Path("out/manifest.json")
    assert rank_path(path) == path
    for index, name in enumerate(["manifest.json", "manifest.rank-1.json", "manifest.rank-2.json"]):
        monkeypatch.setenv("TF_CONFIG", cluster("worker", index, **WORKERS)["TF_CONFIG"])
        assert rank_path(path) == Path("out") / name
