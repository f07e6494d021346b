import pytest
from manifests import ROOT, changed, clean, consistent, document, record, value_at
from rule_cases import SEEDS, TABLE, codes, findings, found

from repro_audit.audit import all_rules, audit, exit_code, seeding
from repro_audit.audit.rules import Hit, check, check_with_trace, rule
from repro_audit.errors import TraceError


def test_nothing_is_found_in_a_run_that_is_in_order():
    assert check(record(clean())) == ()
    result = audit(record(clean()))
    assert (result.verdict, exit_code(result), exit_code(result, strict=True)) == (
        "controlled",
        0,
        0,
    )


def test_every_rule_is_in_the_table():
    assert list(TABLE) == [item.code for item in all_rules()]


@pytest.mark.parametrize("code", TABLE)
def test_a_rule_finds_what_it_is_for(code):
    of_rule = [finding for finding in found(code) if finding.code == code]
    assert of_rule
    for finding in of_rule:
        assert finding.seen.endswith((".", "…"))
        assert finding.remedy
        assert finding.path.startswith("$.")


@pytest.mark.parametrize("code", TABLE)
def test_a_rule_finds_nothing_in_what_is_only_near_it(code):
    assert code not in codes(TABLE[code][1])


@pytest.mark.parametrize("code", TABLE)
def test_the_path_of_a_finding_leads_to_a_field(code):
    value = changed(clean(), TABLE[code][0])
    for finding in found(code):
        if finding.code == code and code not in {"RA502", "RA504"}:
            path = finding.path.removeprefix("$.").replace("[", ".").replace("]", "")
            value_at(value, path.replace(".", "/"))


@pytest.mark.parametrize("item", all_rules(), ids=lambda item: item.code)
def test_a_rule_says_why_it_matters_how_to_mend_it_and_where_the_fact_is_from(item):
    assert item.severity in {"error", "warning", "info"}
    assert item.code[2] in "123456"
    assert min(len(item.title), len(item.why), len(item.remedy), len(item.source)) > 4
    assert not item.source.startswith("docs/") or (ROOT / item.source).is_file()
    assert item.why.endswith(".")
    assert not item.title.endswith(".")


def test_a_code_is_given_once():
    with pytest.raises(ValueError, match="RA101 is registered twice"):
        rule("RA101", "error", "t", why="w", remedy="r", source="s")(lambda _: iter(()))


def test_a_rule_is_still_the_function_that_it_was():
    assert list(seeding.no_seed(record(clean()))) == []


def test_the_gravest_findings_come_first():
    changes = TABLE["RA104"][0] | TABLE["RA205"][0] | TABLE["RA201"][0]
    assert [item.severity for item in findings(changes)] == ["error", "warning", "info"]


def test_a_rule_that_sees_a_remedy_for_this_run_prints_that_one():
    (finding,) = findings(TABLE["RA201"][0] | {f"{SEEDS}/declared": 812})
    assert "seed=812" in finding.remedy
    assert Hit("x", "$.y").remedy is None


SEEDS_AS_THE_RUN = [
    ("RA102", "backend/seed", "set_random_seed(7)"),
    ("RA103", "declared", "control(seed=7)"),
    *(
        (code, where, remedy)
        for code, remedy in (
            ("RA107", "default_rng(7)"),
            ("RA201", "control(seed=7)"),
            ("RA202", "control(seed=7)"),
            ("RA203", "control(seed=7)"),
            ("RA205", "control(seed=7, threads="),
            ("RA305", "default_rng([7, index])"),
        )
        for where in ("declared", "backend/seed")
    ),
]


@pytest.mark.parametrize(("code", "where", "remedy"), SEEDS_AS_THE_RUN)
def test_a_remedy_seeds_as_the_run_does(code, where, remedy):
    """Whoever follows it must not change the experiment."""
    seeds = {f"{SEEDS}/declared": None, f"{SEEDS}/backend/seed": None, f"{SEEDS}/{where}": 7}
    remedies = [item.remedy for item in findings(TABLE[code][0] | seeds) if item.code == code]
    assert remedies
    assert all(remedy in item for item in remedies), remedies


@pytest.mark.parametrize("code", TABLE)
def test_a_remedy_of_a_run_without_a_seed_seeds_as_the_documentation_does(code):
    """And no placeholder is left in one, of whatever rule."""
    seeds = {f"{SEEDS}/declared": None, f"{SEEDS}/backend/seed": None}
    for item in findings(TABLE[code][0] | seeds):
        assert "{seed}" not in item.remedy
        assert "repro_audit.control(" not in item.remedy or "seed=812" in item.remedy


def test_seeds_of_numpy_and_tensorflow_alone_are_told_apart_from_no_seed():
    assert "RA101" not in codes(TABLE["RA102"][0])
    assert "RA102" not in codes(TABLE["RA101"][0])


def test_an_extra_draw_says_its_offset_in_words_and_in_calls():
    (finding,) = findings(TABLE["RA104"][0])
    assert "2 words of random.Random(812) were taken before the first layer's draw" in finding.seen
    assert "1 random.random()" in finding.seen


def test_late_op_determinism_says_how_many_functions_were_traced():
    (finding,) = findings(TABLE["RA202"][0])
    assert "when 3 functions had been traced" in finding.seen


PARTS = [part for part, value in clean()["conditions"].items() if value is not None]


READ_SEVERAL = ("RA104", "RA206", "RA304", "RA306", "RA604", "RA607", "RA610", "RA614")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("code", READ_SEVERAL)
def test_a_part_that_was_not_recorded_is_no_finding_but_that_of_missing_data(code, part):
    known = {finding.code for finding in found(code)}
    assert codes(TABLE[code][0] | {("conditions", part): None}) <= known | {"RA301"}


NOTHING = {
    "outcomes/fits": {"RA601", "RA605", "RA611"},
    "outcomes/initial_weights": {"RA601", "RA605"},
    "outcomes/final_state": {"RA503", "RA601"},
    "outcomes/evaluations": {"RA601"},
    "conditions/training/models": {"RA605"},
    "conditions/training/fits": {"RA605"},
    "conditions/data/train/arrays": {"RA606"},
    "conditions/determinism/execution": set(),
    "conditions/determinism/datasets": set(),
    "conditions/determinism/backend/models": set(),
}


@pytest.mark.parametrize("place", NOTHING)
def test_a_list_that_is_empty_contradicts_its_digest_and_what_counts_it_and_no_more(place):
    assert codes({place: []}) == NOTHING[place]


# Verdicts


@pytest.mark.parametrize(
    ("changes", "verdict", "code", "strict"),
    [
        ({}, "controlled", 0, 0),
        (TABLE["RA104"][0], "controlled", 0, 0),
        (TABLE["RA205"][0], "controlled", 0, 1),
        (TABLE["RA201"][0], "uncontrolled", 1, 1),
        (TABLE["RA202"][0], "uncontrolled", 1, 1),
        (TABLE["RA501"][0], "inconclusive", 2, 2),
        (TABLE["RA503"][0], "inconclusive", 2, 2),
        (TABLE["RA505"][0], "inconclusive", 2, 2),
        (TABLE["RA501"][0] | TABLE["RA201"][0], "inconclusive", 2, 2),
    ],
)
def test_a_verdict_and_its_exit_code_follow_from_the_gravest(changes, verdict, code, strict):
    result = audit(record(changed(clean(), changes)))
    assert result.verdict == verdict
    assert exit_code(result) == code
    assert exit_code(result, strict=True) == strict


def test_evidence_below_what_is_required_is_inconclusive():
    history = record(consistent(changed(clean(), TABLE["RA503"][0])))
    assert audit(history).verdict == "inconclusive"
    assert audit(history, require="history").verdict == "controlled"
    weights = record(changed(clean(), {"outcomes/digests/trace": None}))
    assert audit(weights, require="trace").verdict == "inconclusive"
    assert audit(record(clean()), require="trace").verdict == "controlled"


def test_no_manifest_is_an_error_and_no_verdict():
    with pytest.raises(ValueError, match="at least one"):
        audit()


class Damaged:
    """A trace that is not the one that its manifest tells of."""

    def verify(self):
        message = "it is another file"
        raise TraceError(message)


class Whole:
    """A trace that is."""

    def verify(self):
        """Find nothing."""


@pytest.mark.parametrize("status", ["running", "failed"])
def test_of_a_run_that_did_not_complete_the_trace_is_checked_against_its_digest(status):
    manifest = record(changed(document(), {"status": status}))
    assert check_with_trace(manifest, Whole()) == check_with_trace(manifest, None)
    with pytest.raises(TraceError, match="another file"):
        check_with_trace(manifest, Damaged())
