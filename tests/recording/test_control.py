"""`control` sets what it says, and says when it comes too late."""

from __future__ import annotations

from typing import Any

import pytest

import repro_audit

pytestmark = pytest.mark.keras

ORDERS = ("first", "after_an_operation", "by_the_user_late")


@pytest.fixture(scope="module")
def controlled(start: Any, said: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("controlled")
    ends = {order: start("controlled.py", order, cwd=folder) for order in ORDERS}
    return {order: said(end) for order, end in ends.items()}, folder


def findings(controlled: Any, name: str) -> set[str]:
    judged = repro_audit.audit(repro_audit.load(controlled[1] / f"{name}.json"))
    return {finding.code for finding in judged.manifests[0].findings}


def test_control_sets_what_it_returns(controlled: Any) -> None:
    """Every value is read back from where it counts."""
    said = controlled[0]["first"]
    assert said["in_force"] == {
        "seed": 7,
        "op_determinism": "before_first_op",
        "intra_op_threads": 2,
        "inter_op_threads": 2,
        "hash_seed": "0",
    }
    assert (said["python"], said["numpy"], said["keras"]) == (True, True, 7)
    assert (said["op_determinism"], said["threads"]) == (True, [2, 2])


def test_fewer_than_one_thread_is_refused(controlled: Any) -> None:
    """Before anything is set."""
    message = "CaptureError: Expected threads to be 1 or more, received 0."
    assert controlled[0]["first"]["zero"] == message


def test_threads_asked_for_after_an_operation_are_refused_unless_they_are_in_force(
    controlled: Any,
) -> None:
    """TensorFlow cannot obey any more; the same number needs no obedience."""
    said = controlled[0]["first"]
    assert said["other_threads"].startswith("CaptureError: Expected to set 3 threads before")
    assert said["same_threads"] == ""


def test_a_run_controlled_first_is_controlled(controlled: Any) -> None:
    """No finding about seeds, op determinism or threads; the seed is known to be control's."""
    read = repro_audit.load(controlled[1] / "first.json")
    assert repro_audit.audit(read).verdict == "controlled"
    assert not findings(controlled, "first") & {
        "RA101",
        "RA102",
        "RA201",
        "RA202",
        "RA203",
        "RA205",
    }
    seeds, determinism = read.conditions.seeds, read.conditions.determinism
    assert seeds is not None
    assert determinism is not None
    assert (seeds.declared, seeds.declared_by) == (7, "repro_audit.control")
    assert (seeds.python.as_seeded, seeds.numpy.as_seeded) == (True, True)
    assert determinism.backend.op_determinism == "before_first_op"
    assert determinism.backend.threads.intra_op == (2, None, 2, "api")


def test_op_determinism_after_an_operation_is_found_late(controlled: Any) -> None:
    """It says so at once, and the audit counts what had been traced by then."""
    assert controlled[0]["after_an_operation"]["op_determinism"] == "later"
    assert "RA202" in findings(controlled, "after_an_operation")
    read = repro_audit.load(controlled[1] / "after_an_operation.json")
    assert read.conditions.determinism is not None
    assert read.conditions.determinism.backend.functions_traced_before == 1


def test_op_determinism_can_be_left_off_and_is_then_found(controlled: Any) -> None:
    """Asked not to, control leaves it alone; the audit says that it is off."""
    said = controlled[0]["by_the_user_late"]
    assert (said["op_determinism"], said["on"]) == ("off", False)
    assert "RA201" in findings(controlled, "off")


def test_op_determinism_that_the_user_turns_on_between_fits_is_found_late(controlled: Any) -> None:
    """Half of the run was not deterministic."""
    assert "RA202" in findings(controlled, "by_the_user_late")
    assert "RA202" not in findings(controlled, "off")
