"""Conditions side by side: what is said to be the same is the same."""

from __future__ import annotations

import pytest
from manifests import changed, document, record, rerun

from repro_audit.audit import audit
from repro_audit.report.condition_table import side_by_side
from repro_audit.report.html import render_html

THREADS = "determinism.backend.threads.intra_op.in_force"


def sides(*changes, **header):
    """Return the sides of the example and of reruns of it with changed conditions."""
    values = [document(), *(rerun(changed(document(), change), **header) for change in changes)]
    return side_by_side([record(value) for value in values])


def test_what_differs_is_shown_with_the_value_of_each_run():
    two = {"conditions/determinism/backend/threads/intra_op/in_force": 1}
    found = dict(sides(two, {}).differing)
    assert found == {THREADS: (("2", False), ("1", True), ("2", False))}
    assert sides({}, {}).differing == ()


@pytest.mark.parametrize("status", ["complete", "running", "failed"])
def test_a_run_that_cannot_be_compared_is_shown_all_the_same(status):
    two = {"conditions/determinism/backend/threads/intra_op/in_force": 1}
    assert THREADS in dict(sides(two, status=status).differing)
    runs = record(document()), record(rerun(changed(document(), two), status=status))
    page = render_html(audit(*runs), runs)
    assert "No recorded condition differs" not in page
    assert "No recorded condition differs" in render_html(audit(runs[0], runs[0]), [runs[0]] * 2)


def test_of_runs_that_recorded_no_condition_none_is_said_to_be_equal():
    none = record(changed(document(), {"conditions": dict.fromkeys(document()["conditions"])}))
    page = render_html(audit(none, none), [none, none])
    assert "No condition was recorded." in page
    assert "No recorded condition differs" not in page


def test_what_is_said_to_be_the_same_is_the_same():
    argv = {"conditions/code/argv": ["another", "list", "of", "words"]}
    packages = {"conditions/packages/distributions/numpy/version": "0"}
    fewer = {"conditions/determinism/execution": []}
    different = {path for path, _ in sides(argv, packages, fewer).differing}
    assert "code.argv" in different
    assert "packages.distributions.numpy" in different
    assert any(path.startswith("determinism.execution") for path in different)
    for part in sides(argv, packages, fewer).equal:
        assert not different & {f"{part.name}.{path}" for path, _ in part.rows}
        assert "config_digest" not in str(part.rows)


def test_two_long_values_that_differ_look_other():
    long = ["word"] * 200
    (row,) = sides(
        {"conditions/code/argv": long}, {"conditions/code/argv": [*long, "more"]}
    ).differing
    cells = [cell for cell, _ in row[1]]
    assert len(set(cells)) == 3
    assert all(len(cell) < 200 for cell in cells)


def test_what_is_left_out_is_counted():
    many = {f"role-{number}": None for number in range(1000)}
    data = document()["conditions"]["data"]["train"]
    value = changed(document(), {"conditions/data": dict.fromkeys(many, data)})
    found = side_by_side([record(document()), record(value)])
    assert len(found.differing) == 300
    assert found.left > 2000
    assert sides({}).left == 0
