import random

import pytest
from manifests import OTHER_DIGEST, changed, clean, record, value_at

from repro_audit.audit import all_rules, audit, exit_code
from repro_audit.audit.rules import Seen, check, rule

SEEDS = "conditions/seeds"
DETERMINISM = "conditions/determinism"
HASH_SEED = f"{SEEDS}/hash_seed"
GIT = "conditions/code/git"
REQUIREMENTS = "conditions/packages/requirements"
PACKAGE = ("conditions", "packages", "distributions", "keras", "source")
INTRA_OP = f"{DETERMINISM}/threads/intra_op/source"
FLIP = {"step": 3, "model": 0, "position": 0, "element": 0, "bit": 12}
NOT_SEEDED = {f"{SEEDS}/declared": None, f"{SEEDS}/declared_by": None}


def drawn_by(stream):
    """Return the changes that give every layer the seed it draws from a generator."""
    value, seeds, changes = clean(), {}, {}
    for part in ("initializers", "seeds"):
        for index, item in enumerate(value["conditions"][part]["layers"]):
            if item["seed"] is not None and item["given"] is False:
                new = seeds.setdefault(item["seed"], stream.randint(1, 10**9))
                changes["conditions", part, "layers", index, "seed"] = new
    return changes


def after(calls):
    stream = random.Random(812)
    for _ in range(calls):
        stream.random()
    return stream


def editable(url):
    return {PACKAGE: {"editable": url is None, "url": url, "commit": None}}


def pinned(loose):
    return {
        REQUIREMENTS: [
            {"file": "requirements.txt", "digest": OTHER_DIGEST, "pinned": 1, "loose": loose}
        ]
    }


def missing(path):
    return {"missing": [{"path": path, "reason": "it was not there"}]}


DATASETS = f"{DETERMINISM}/datasets"
STAGE = {
    "op": "map",
    "num_parallel_calls": 4,
    "deterministic": "default",
    "buffer_size": None,
    "seed": None,
    "reshuffle_each_iteration": None,
    "random": [],
}
GENERATOR = {
    "where": "__main__.rng",
    "bit_generator": "PCG64",
    "entropy": [f"{2**100:#x}"],
    "spawn_key": [],
    "given": False,
}


def given(kind, *stages, **changes):
    """Return the change that gives the first fit such data, while op determinism is off."""
    data = {
        "fit": 0,
        "argument": "x",
        "kind": kind,
        "op_determinism": False,
        "deterministic": None,
        "workers": 4 if kind == "PyDataset" else None,
        "use_multiprocessing": False if kind == "PyDataset" else None,
        "random": [],
        "stages": [STAGE | stage for stage in stages],
    }
    return {DATASETS: [data | changes]}


def draws(source, *, seeded=None, stateful=True):
    return {"random": [{"source": source, "seeded": seeded, "stateful": stateful}]}


def epochs(count, *, fits=1, shuffle=True):
    """Return the change that trains on arrays, in several fits of so many epochs each."""
    value = clean()
    condition = value["conditions"]["training"]["fits"][0]
    condition["arguments"]["shuffle"] = shuffle
    outcome = value["outcomes"]["fits"][0]
    for name in ("epochs", "trace"):
        outcome[name] = outcome[name][:1] * count
    data = [given("arrays")[DATASETS][0] | {"fit": fit} for fit in range(fits)]
    return {
        DATASETS: data,
        "conditions/training/fits": [condition] * fits,
        "outcomes/fits": [outcome] * fits,
    }


def still():
    """Return the change after which no generator of a layer has drawn anything."""
    value = clean()["outcomes"]
    pairs = enumerate(zip(value["initial_weights"][0], value["final_state"][0], strict=False))
    return {
        ("outcomes", "final_state", 0, at, "digest"): before["digest"]
        for at, (before, _) in pairs
        if "seed_generator" in before["role"]
    }


def restored():
    """Return the change after which the generators stood elsewhere than at their beginning."""
    value = clean()["outcomes"]["initial_weights"][0]
    return {
        ("outcomes", "initial_weights", 0, at, "digest"): "sha256:" + "1" * 64
        for at, tensor in enumerate(value)
        if "seed_generator" in tensor["role"]
    }


def racing(*names, threads=2, jit=False):
    return {
        f"{DETERMINISM}/execution/0/racing_ops": list(names),
        f"{DETERMINISM}/execution/0/jit": jit,
        f"{DETERMINISM}/threads/intra_op/in_force": threads,
    }


FIRST_EPOCH = "outcomes/fits/0/first_epoch"
CALLBACKS = "conditions/training/fits/0/callbacks"
UNRELATED = drawn_by(random.Random(10**6))
# For each rule: a change that it must find, and one near it that it must not.
TABLE = {
    "RA101": (
        NOT_SEEDED | {f"{SEEDS}/backend/seed": None} | UNRELATED,
        NOT_SEEDED | {f"{SEEDS}/backend/seed": None} | drawn_by(random.Random(7)),
    ),
    # NumPy and TensorFlow alone were seeded: TensorFlow's seed explains no layer's.
    "RA102": (NOT_SEEDED | UNRELATED, NOT_SEEDED),
    "RA103": (UNRELATED, NOT_SEEDED | UNRELATED),
    "RA104": (drawn_by(after(1)), drawn_by(after(0))),
    "RA105": (
        {f"{HASH_SEED}/randomized": True, f"{HASH_SEED}/requested": None},
        {f"{HASH_SEED}/randomized": True, f"{HASH_SEED}/requested": "7"},
    ),
    "RA106": (UNRELATED, UNRELATED | still()),
    "RA107": (
        {f"{SEEDS}/generators": [GENERATOR]},
        {f"{SEEDS}/generators": [GENERATOR | {"entropy": [812], "given": True}]},
    ),
    "RA201": ({f"{DETERMINISM}/op_determinism": "off"}, {f"{DETERMINISM}/tf32": False}),
    "RA202": (
        {f"{DETERMINISM}/op_determinism": "later", f"{DETERMINISM}/functions_traced_before": 3},
        {f"{DETERMINISM}/op_determinism": "unknown"},
    ),
    "RA203": (
        {f"{DETERMINISM}/op_determinism": "unknown"},
        {f"{DETERMINISM}/op_determinism": "later"},
    ),
    "RA204": (
        {f"{DETERMINISM}/execution/0/jit_requested": "auto"},
        {f"{DETERMINISM}/execution/0/jit_requested": True},
    ),
    "RA205": ({INTRA_OP: "cores"}, {INTRA_OP: "environment"}),
    "RA206": (racing("DenseBincount"), racing("DenseBincount", threads=1)),
    "RA301": ({"conditions/data": None}, {"conditions/data": None, "status": "running"}),
    "RA302": (
        given("tf.data", deterministic=False),
        given("tf.data", deterministic=False, op_determinism=True),
    ),
    "RA303": (
        given("tf.data", draws("RandomUniform")),
        given("tf.data", draws("RandomUniform"), op_determinism=True),
    ),
    "RA304": (epochs(2), epochs(1)),
    "RA305": (
        given("PyDataset", **draws("numpy.random", stateful=False)),
        given("PyDataset", **draws("numpy.random", stateful=False), workers=1),
    ),
    "RA306": ({FIRST_EPOCH: 3}, {FIRST_EPOCH: 3} | restored()),
    "RA401": ({GIT: None}, {"conditions/code": None}),
    "RA402": ({f"{GIT}/dirty": True}, {f"{GIT}/diff_digest": OTHER_DIGEST}),
    "RA403": (editable(None), editable("https://example.org/x")),
    "RA404": (pinned(["numpy"]), pinned([])),
    "RA501": ({"status": "failed"}, {"information/duration_s": None}),
    "RA502": (missing("$.outcomes.final_state"), missing("$.conditions.seeds.numpy")),
    "RA503": ({"outcomes/fits/0/epochs/0": None}, {"outcomes/initial_weights": [None]}),
    "RA504": (missing("$.conditions.packages"), missing("$.conditions.packages.requirements")),
    "RA505": ({"control_run": FLIP}, {"control_run": None}),
    "RA601": (
        {"outcomes/digests/final_state": OTHER_DIGEST},
        {"outcomes/digests/final_state": None},
    ),
    "RA602": ({"outcomes/fits/0/history/loss": [1.0] * 9}, {"outcomes/fits/0/history": {}}),
    "RA603": ({f"{HASH_SEED}/randomized": True}, {f"{HASH_SEED}/requested": "1"}),
    "RA604": (UNRELATED, UNRELATED | {f"{SEEDS}/python/as_seeded": False}),
    "RA605": ({"conditions/training/fits": []}, {"conditions/training": None}),
}


def findings(changes):
    return check(record(changed(clean(), changes)))


def codes(changes):
    return {finding.code for finding in findings(changes)}


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
    found = [finding for finding in findings(TABLE[code][0]) if finding.code == code]
    assert found
    for finding in found:
        assert finding.seen.endswith((".", "…"))
        assert finding.remedy
        assert finding.path.startswith("$.")


@pytest.mark.parametrize("code", TABLE)
def test_a_rule_finds_nothing_in_what_is_only_near_it(code):
    assert code not in codes(TABLE[code][1])


@pytest.mark.parametrize("code", TABLE)
def test_the_path_of_a_finding_leads_to_a_field(code):
    value = changed(clean(), TABLE[code][0])
    for finding in findings(TABLE[code][0]):
        if finding.code == code and code not in {"RA502", "RA504"}:
            path = finding.path.removeprefix("$.").replace("[", ".").replace("]", "")
            value_at(value, path.replace(".", "/"))


@pytest.mark.parametrize("item", all_rules(), ids=lambda item: item.code)
def test_a_rule_says_why_it_matters_how_to_mend_it_and_where_the_fact_is_from(item):
    assert item.severity in {"error", "warning", "info"}
    assert item.code[2] in "123456"
    assert min(len(item.title), len(item.why), len(item.remedy), len(item.source)) > 4
    assert item.why.endswith(".")
    assert not item.title.endswith(".")


def test_a_code_is_given_once():
    with pytest.raises(ValueError, match="RA101 is registered twice"):
        rule("RA101", "error", "t", why="w", remedy="r", source="s")(lambda _: iter(()))


def test_the_gravest_findings_come_first():
    changes = TABLE["RA104"][0] | TABLE["RA205"][0] | TABLE["RA201"][0]
    assert [item.severity for item in findings(changes)] == ["error", "warning", "info"]


def test_a_rule_that_sees_a_remedy_for_this_run_prints_that_one():
    (finding,) = findings(TABLE["RA201"][0] | {f"{SEEDS}/declared": 812})
    assert "seed=812" in finding.remedy
    assert Seen("x", "$.y").remedy is None


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


# Near each rule of what is seen in data and steps


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("RA106", drawn_by(random.Random(7)) | NOT_SEEDED),
        ("RA107", {f"{SEEDS}/generators": [GENERATOR | {"entropy": None, "given": None}]}),
        ("RA107", given("tf.data", draws("numpy.random"))),
        ("RA206", racing("DenseBincount", jit=True)),
        ("RA206", racing()),
        ("RA206", {f"{DETERMINISM}/execution/0/racing_ops": None}),
        ("RA302", given("tf.data", {"deterministic": True}, {"deterministic": "default"})),
        ("RA302", given("tf.data", {"deterministic": False}, op_determinism=True)),
        ("RA303", given("tf.data", draws("RandomUniform") | {"num_parallel_calls": 1})),
        ("RA303", given("tf.data", draws("RandomUniform") | {"num_parallel_calls": None})),
        ("RA303", given("tf.data", draws("numpy.random.default_rng()", seeded=False))),
        ("RA303", given("tf.data", {"num_parallel_calls": -1})),
        ("RA304", epochs(3, shuffle=False)),
        ("RA304", epochs(3) | {f"{SEEDS}/backend/seed": None}),
        ("RA304", epochs(3) | {"conditions/environment/backend": "jax"}),
        ("RA304", epochs(3) | given("tf.data")),
        ("RA305", given("PyDataset", workers=8)),
        ("RA305", given("PyDataset", **draws("numpy.random.default_rng()"), workers=8)),
        ("RA305", given("generator", **draws("numpy.random", stateful=False))),
        ("RA306", {FIRST_EPOCH: 3} | still()),
        ("RA306", {FIRST_EPOCH: 3, f"{SEEDS}/layers": []}),
        ("RA306", {FIRST_EPOCH: 1, CALLBACKS: ["ModelCheckpoint"]}),
        ("RA306", {FIRST_EPOCH: None}),
        ("RA306", {CALLBACKS: ["BackupAndRestore"]} | still()),
        ("RA306", {CALLBACKS: ["EarlyStopping"]}),
    ],
)
def test_a_run_that_is_sound_has_no_finding_of_its_data(code, changes):
    assert code not in codes(changes)


@pytest.mark.parametrize(
    ("code", "changes", "said", "remedy"),
    [
        ("RA106", UNRELATED, "(Dropout)", "Dropout(..., seed=1)"),
        (
            "RA107",
            given("generator", **draws("numpy.random.default_rng()", seeded=False)),
            "calls numpy.random.default_rng()",
            "default_rng(812)",
        ),
        ("RA206", racing("SparseBincount"), "2 threads", "unsorted_segment_sum"),
        ("RA206", racing("ResourceScatterSub"), "ResourceScatterSub", "threads=1"),
        (
            "RA302",
            given("tf.data", {"op": "batch", "deterministic": False}),
            "A batch of the pipeline given as x to fit 1",
            "dataset.batch(..., deterministic=True)",
        ),
        ("RA303", given("tf.data", draws("RandomUniform")), "4 calls at once", "stateless"),
        (
            "RA303",
            given("tf.data", draws("keras.random.SeedGenerator") | {"num_parallel_calls": -1}),
            "several calls at once",
            "in the model",
        ),
        (
            "RA303",
            given(
                "tf.data",
                draws("numpy.random", stateful=False) | {"num_parallel_calls": None},
                op_determinism=True,
            ),
            "says that it does not",
            "without stateful=False",
        ),
        ("RA304", epochs(1, fits=2), "2 epochs", "shuffle(len(x))"),
        (
            "RA305",
            given("PyDataset", **draws("random"), use_multiprocessing=True),
            "4 workers (processes) and draws from random",
            "default_rng([812, index])",
        ),
        ("RA306", {FIRST_EPOCH: 3}, "began with epoch 3", "state.assign"),
        ("RA306", {CALLBACKS: ["BackupAndRestore"]}, "BackupAndRestore", "state.assign"),
    ],
)
def test_a_finding_of_data_says_what_was_seen_and_what_mends_it(code, changes, said, remedy):
    (finding,) = [finding for finding in findings(changes) if finding.code == code]
    assert said in finding.seen
    assert remedy in finding.remedy


def test_a_run_that_could_be_resumed_weighs_less_than_one_that_was():
    for changes, severity in (
        ({FIRST_EPOCH: 3}, "warning"),
        ({CALLBACKS: ["BackupAndRestore"]}, "info"),
    ):
        (finding,) = [item for item in findings(changes) if item.code == "RA306"]
        assert finding.severity == severity


def test_a_fit_that_goes_on_in_the_same_process_is_not_resumed():
    """Its generators stand where the fit before left them."""
    twice = epochs(1, fits=2, shuffle=False)
    second = twice["outcomes/fits"][0] | {"first_epoch": 3}
    assert "RA306" not in codes(twice | {"outcomes/fits": [twice["outcomes/fits"][0], second]})
    assert "RA306" in codes(twice | {"outcomes/fits": [second, second]})


def test_a_layer_of_a_run_that_did_not_end_counts_as_one_that_draws():
    assert "RA106" in codes(UNRELATED | still() | {"outcomes/final_state": [None]})
    assert "RA106" in codes(UNRELATED | still() | {"outcomes/initial_weights": []})


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
    history = record(changed(clean(), TABLE["RA503"][0]))
    assert audit(history).verdict == "inconclusive"
    assert audit(history, require="history").verdict == "controlled"
    weights = record(changed(clean(), {"outcomes/digests/trace": None}))
    assert audit(weights, require="trace").verdict == "inconclusive"
    assert audit(record(clean()), require="trace").verdict == "controlled"


def test_no_manifest_is_an_error_and_no_verdict():
    with pytest.raises(ValueError, match="at least one"):
        audit()
