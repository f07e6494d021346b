"""For each rule a manifest that it must find something in, and one near it that it must not.

Each is written as the changes to a manifest in which nothing is found; see `manifests.clean`.
"""

import functools
import random

from manifests import EXAMPLES, OTHER_DIGEST, changed, clean, document, record, sealed

from repro_audit.audit.rules import Finding, Hit, all_rules, check
from repro_audit.manifest import parse
from repro_audit.manifest.records import NOT_UNDERSTOOD, UNRECORDED
from repro_audit.trace import find_trace
from repro_audit.trace.summary import summarize_trace

SEEDS = "conditions/seeds"
DETERMINISM = "conditions/determinism"
HASH_SEED = f"{SEEDS}/hash_seed"
GIT = "conditions/code/git"
REQUIREMENTS = "conditions/packages/requirements"
PACKAGE = ("conditions", "packages", "distributions", "keras", "source")
INTRA_OP = f"{DETERMINISM}/backend/threads/intra_op/source"
FLIP = {"step": 3, "model": 0, "position": 0, "element": 0, "bit": 12}
TRAIN = "conditions/data/train"
RESTORED = "conditions/initializers/restored"
LAST_BIAS = "outcomes/initial_weights/0/12/digest"
OPTIMIZER = "conditions/training/models/0/optimizer/config"
ARGUMENTS = "conditions/training/fits/0/arguments"
CALLBACKS = "conditions/training/fits/0/callbacks"
STEPS = "outcomes/fits/0/steps"
ROWS = "outcomes/trace/rows"
LOSS = "outcomes/fits/0/history/loss"
NOT_SEEDED = {f"{SEEDS}/declared": None, f"{SEEDS}/declared_by": None}


def drawn_by(stream):
    """Return the changes that give every layer the seed it draws from a generator."""
    # The states that the generators begin with stay those of other seeds, as if loaded.
    value, seeds, changes = clean(), {}, {RESTORED: True}
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


def missing(path, reason="it was not there"):
    return {"missing": [{"path": path, "reason": reason}]}


def on_arrays():
    """Return the changes by which the run was fitted on its 4,000 samples, 64 at a time."""
    return {
        f"{TRAIN}/of_call": True,
        f"{ARGUMENTS}/batch_size": 64,
        f"{DETERMINISM}/datasets/0/kind": "arrays",
    }


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
        f"{DETERMINISM}/backend/models/0/racing_ops": list(names),
        f"{DETERMINISM}/execution/0/jit": jit,
        f"{DETERMINISM}/backend/threads/intra_op/in_force": threads,
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
    "RA201": (
        {f"{DETERMINISM}/backend/op_determinism": "off"},
        {f"{DETERMINISM}/backend/tf32": False},
    ),
    "RA202": (
        {
            f"{DETERMINISM}/backend/op_determinism": "later",
            f"{DETERMINISM}/backend/functions_traced_before": 3,
        },
        {f"{DETERMINISM}/backend/op_determinism": "unknown"},
    ),
    "RA203": (
        {f"{DETERMINISM}/backend/op_determinism": "unknown"},
        {f"{DETERMINISM}/backend/op_determinism": "later"},
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
    "RA505": ({"positive_control": FLIP}, {"positive_control": None}),
    "RA506": (missing("$.rank", UNRECORDED), missing("$.rank")),
    "RA507": (missing("$.later", NOT_UNDERSTOOD), missing("$.later", UNRECORDED)),
    "RA601": (
        {"outcomes/digests/final_state": OTHER_DIGEST},
        {"outcomes/digests/final_state": None},
    ),
    "RA602": ({"outcomes/fits/0/history/loss": [1.0] * 9}, {"outcomes/fits/0/history": {}}),
    "RA603": ({f"{HASH_SEED}/randomized": True}, {f"{HASH_SEED}/requested": "1"}),
    "RA604": (UNRELATED, UNRELATED | {f"{SEEDS}/python/as_seeded": False}),
    "RA605": ({"conditions/training/fits": []}, {"conditions/training": None}),
    "RA606": ({f"{TRAIN}/samples": 60_000}, {f"{TRAIN}/unordered_digest": None}),
    "RA607": (
        {RESTORED: False, LAST_BIAS: OTHER_DIGEST},
        {RESTORED: True, LAST_BIAS: OTHER_DIGEST},
    ),
    "RA608": (
        {f"{OPTIMIZER}/learning_rate": 5.0},
        {f"{OPTIMIZER}/learning_rate": 5.0, CALLBACKS: ["LearningRateScheduler"]},
    ),
    "RA609": (
        {f"{ARGUMENTS}/epochs": 50},
        {f"{ARGUMENTS}/epochs": 50, CALLBACKS: ["EarlyStopping"]},
    ),
    "RA610": (
        on_arrays() | {STEPS: 64, ROWS: 64},
        on_arrays() | {STEPS: 64, ROWS: 64, f"{ARGUMENTS}/steps_per_epoch": 64},
    ),
    "RA611": ({STEPS: 100_000}, {STEPS: 100_000, ROWS: 100_000, CALLBACKS: ["Own"]}),
    "RA612": (
        {STEPS: 64, ROWS: 64},
        {STEPS: 64, ROWS: 64, f"{DETERMINISM}/execution/0/dtype_policy": "mixed_float16"},
    ),
    "RA613": ({LOSS: [0.5]}, {LOSS: [0.5], CALLBACKS: ["Own"]}),
    "RA614": (
        {"outcomes/fits/0/history/val_accuracy": [1.7]},
        {"outcomes/fits/0/history/val_accuracy": [1.0]},
    ),
    "RA615": (
        {"information/started": "2036-01-01T00:00:00+00:00"},
        {"information/duration_s": 1e6},
    ),
}

# The trace of the run that all these are changes of.
with_trace = parse(sealed(document()), "the example")
TRACE = summarize_trace(find_trace(EXAMPLES / "threads-2.json", with_trace), with_trace)


def findings(changes) -> tuple[Finding, ...]:
    """Return what the rules find after some changes, with the trace of the run unchanged."""
    return check(record(changed(clean(), changes)), TRACE)


def seen_by(code, changes) -> list[Hit]:
    """Return what one rule sees after some changes, and no other is asked."""
    (rule,) = [rule for rule in all_rules() if rule.code == code]
    return list(rule.see(record(changed(clean(), changes)), TRACE))


@functools.cache
def found(code) -> tuple[Finding, ...]:
    """Return what the rules find where the table says that one of them must, computed once."""
    return findings(TABLE[code][0])


def codes(changes) -> set[str]:
    """Return the codes of what the rules find after some changes."""
    return {finding.code for finding in findings(changes)}
