"""Of two libraries one decides and the other words: both must judge alike."""

from __future__ import annotations

import pytest
from manifests import NAMES, document
from mutated import mutated

from repro_audit.manifest.records import VERSION
from repro_audit.manifest.validation import _deciding, _wording

COUNT, MANY = 300, 100_000


@pytest.mark.parametrize("strict", [False, True], ids=["read", "written"])
def test_both_validators_judge_a_damaged_manifest_alike(strict, pytestconfig):
    many = pytestconfig.getoption("--many-documents")
    decides, words = (make(VERSION, strict=strict) for make in (_deciding, _wording))
    valid = 0
    for name in NAMES:
        assert decides.is_valid(document(name)) == words.is_valid(document(name))
        for value in mutated(document(name), (MANY if many else COUNT) // 4, seed=int(strict)):
            judged = decides.is_valid(value)
            assert judged == words.is_valid(value), value
            valid += judged
    assert valid > 0, "some changes must be allowed, or nothing is shown of what is valid"
