"""A remedy is code with the expected run's values; what a stranger wrote is never code."""

from __future__ import annotations

import pytest
from manifests import changed, document, record

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies import REMEDIES
from repro_audit.compare.remedies.expected_code import constructor, literal, stage_call
from repro_audit.installing import NAMES, RELEASED

FIT = "$.conditions.training.fits[0]"
MODEL = "$.conditions.training.models[0]"
STAGE = "$.conditions.determinism.datasets[0].stages[1]"
DIGEST = "sha256:" + "ab" * 32
SEEDS = "conditions/seeds"

# Of which kind, where the two runs differ, what the expected run has there, and what is printed.
TABLE = [
    ("fit", f"{FIT}.arguments.batch_size", 64, "model.fit(..., batch_size=64)"),
    ("fit", f"{FIT}.arguments.x", "ndarray", "model.fit(...)"),
    (
        "sample_weight",
        f"{FIT}.arguments.class_weight",
        {"0": 1.0, "1": 2.5},
        "model.fit(..., class_weight={0: 1.0, 1: 2.5})",
    ),
    ("training_length", f"{FIT}.arguments.epochs", 5, "model.fit(..., epochs=5)"),
    ("loss", f"{MODEL}.loss", "mse", 'model.compile(..., loss="mse")'),
    ("metrics", f"{MODEL}.metrics", ["mae"], 'model.compile(..., metrics=["mae"])'),
    (
        "optimizer",
        f"{MODEL}.optimizer.config.learning_rate",
        0.009999999776482582,
        "keras.optimizers.Adam(..., learning_rate=0.01)",
    ),
    (
        "model",
        f"{MODEL}.config.config.layers[3].config.rate",
        0.25,
        "keras.layers.Dropout(..., rate=0.25)",
    ),
    ("pipeline", f"{STAGE}.seed", [812, 3], "dataset.shuffle(..., seed=3)"),
    ("pipeline", f"{STAGE}.buffer_size", 64, "dataset.shuffle(..., buffer_size=64)"),
    (
        "execution",
        "$.conditions.determinism.execution[0].dtype_policy",
        "mixed_bfloat16",
        'keras.config.set_dtype_policy("mixed_bfloat16")',
    ),
    (
        "execution",
        "$.conditions.determinism.execution[0].eager",
        True,
        "model.compile(..., run_eagerly=True)",
    ),
    (
        "jit",
        "$.conditions.determinism.execution[0].jit",
        True,
        "model.compile(..., jit_compile=True)",
    ),
]


def place(path):
    """Return the keys of a JSONPath, as `changed` takes them."""
    return tuple(
        int(key) if key.isdecimal() else key
        for key in path.removeprefix("$.").replace("[", ".").replace("]", "").split(".")
    )


def printed(kind, path, expected, manifest=None):
    """Return the remedy of a kind, without its comment."""
    manifest = manifest or record(document())
    difference = ConditionDifference(path, expected, None)
    return REMEDIES[kind](manifest, [difference]).partition("  # ")[0]


@pytest.mark.parametrize(("kind", "path", "expected", "code"), TABLE)
def test_a_remedy_is_the_line_with_the_value_of_the_expected_run(kind, path, expected, code):
    manifest = record(changed(document(), {place(path): expected}))
    told = path + "[1]" if path.endswith(".seed") else path
    assert printed(kind, told, expected, manifest) == code


LAYER = "$.conditions.initializers.layers[1]"
FILE = "$.conditions.code.files['the net.py']"
COMMIT = {"conditions/code/git/commit": "0123abcd"}
NO_COMMIT = {"conditions/code/git": None}


@pytest.mark.parametrize(
    ("kind", "path", "changes", "line"),
    [
        (
            "layer_initializers",
            f"{LAYER}.initializer",
            {},
            "Conv2D(..., kernel_initializer=keras.initializers.GlorotUniform(...))",
        ),
        (
            "layer_initializers",
            f"{LAYER}.initializer",
            {"conditions/initializers/layers/1/layer": "f(), g"},
            "# give each layer the initializers of the expected run: conditions.initializers",
        ),
        (
            "layer_initializers",
            "$.conditions.initializers.layers[999].initializer",
            {},
            "# give each layer the initializers of the expected run: conditions.initializers",
        ),
        (
            "model_code",
            f"{MODEL}.code.Scaled",
            NO_COMMIT,
            "# restore the code of Scaled, as in the expected run",
        ),
        (
            "model_code",
            f"{MODEL}.code['net.Scaled']",
            COMMIT,
            "git checkout 0123abcd  # or restore the code of net.Scaled alone",
        ),
        ("model_code", MODEL, NO_COMMIT, "# restore the code, as in the expected run"),
        ("code", FILE, COMMIT, "git checkout 0123abcd"),
        ("code", "$.conditions.code.git.commit", COMMIT, "git checkout 0123abcd"),
        (
            "code",
            FILE,
            {**COMMIT, "conditions/code/git/dirty": True},
            "# run 'the net.py' as in the expected run, whose code no commit holds",
        ),
        (
            "code",
            "$.conditions.code.git.commit",
            NO_COMMIT,
            "# run the files as in the expected run, whose code no commit holds",
        ),
        (
            "pipeline",
            f"{STAGE}.arguments.function.digest",
            NO_COMMIT,
            "# restore the function that dataset.shuffle calls, as in the expected run",
        ),
    ],
)
def test_what_no_line_sets_is_named_with_what_brings_it_back(kind, path, changes, line):
    manifest = record(changed(document(), changes))
    said = REMEDIES[kind](manifest, [ConditionDifference(path, 1, 2)])
    assert said.removesuffix("  # as in the expected run") == line


def test_files_in_another_order_are_sorted_though_the_arrays_from_them_differ_too():
    path = "$.conditions.data.train.digest"
    differences = [ConditionDifference(path, DIGEST, None)]
    line = "files = sorted(files)  # in both runs, right before they are read"
    files = {"conditions/data/train/arrays/0/dtype": "file"}
    assert REMEDIES["sample_order"](record(changed(document(), files)), differences) == line
    assert "np.savez" in REMEDIES["sample_order"](record(document()), differences)


def test_of_another_class_of_optimizer_the_class_is_named_and_no_setting():
    differences = [
        ConditionDifference(f"{MODEL}.optimizer.{field}", value, None)
        for field, value in (("config.learning_rate", 0.001), ("class_name", "Adam"))
    ]
    for told, code in (
        (differences, "keras.optimizers.Adam(...)"),
        (differences[:1], "keras.optimizers.Adam(..., learning_rate=0.001)"),
    ):
        line = REMEDIES["optimizer"](record(document()), told)
        assert line == f"{code}  # as in the expected run"


def test_the_first_seed_of_a_stage_is_the_program_s_and_no_argument():
    assert stage_call(record(document()), f"{STAGE}.seed[0]") is None


def test_a_callback_is_printed_with_its_name_and_the_setting_that_differs():
    manifest = record(changed(document(), {place(f"{FIT}.callbacks"): ["EarlyStopping"]}))
    for path, expected, code in (
        ("callbacks[0]", "EarlyStopping", "callbacks=[EarlyStopping(...)]"),
        ("callbacks", ["EarlyStopping"], "callbacks=[EarlyStopping(...)]"),
        ("callback_settings[0].patience", 3, "callbacks=[EarlyStopping(..., patience=3)]"),
    ):
        assert code in printed("callbacks", f"{FIT}.{path}", expected, manifest)
    assert "conditions.training.fits" in printed("callbacks", f"{FIT}.callbacks[7]", "x", manifest)


def test_a_file_is_restored_until_its_digest_is_the_expected_one():
    path = "$.conditions.read.files['a b/config.json'].digest"
    line = REMEDIES["read_files"](record(document()), [ConditionDifference(path, DIGEST, None)])
    assert line.startswith(f"echo '{'ab' * 32}  a b/config.json' | sha256sum --check")


def test_arrays_are_carried_over_by_their_role_and_number_and_files_are_copied():
    array = {"dtype": "float32", "shape": [4], "digest": DIGEST}
    for role, dtypes, said in (
        ("train", ["float32"], 'np.savez("train.npz", x_train)'),
        ("test", ["float32", "int64"], 'np.savez("test.npz", x_test, y_test)'),
        (
            "train",
            ["file"],
            "# copy the files of the expected run; of the first, sha256sum prints ab",
        ),
    ):
        data = {
            "arrays": [array | {"dtype": dtype} for dtype in dtypes],
            "samples": 4,
            "of_call": False,
            "digest": DIGEST,
            "unordered_digest": None,
        }
        manifest = record(changed(document(), {"conditions/data": {role: data}}))
        path = f"$.conditions.data.{role}.digest"
        line = REMEDIES["data"](manifest, [ConditionDifference(path, DIGEST, None)])
        assert line.startswith(said)


def test_a_seed_is_set_as_the_expected_run_set_it_and_nothing_that_it_left_alone():
    for declared_by, determinism, said in (
        ("repro_audit.control", "before_first_op", "repro_audit.control(seed=812, threads=2)"),
        (
            "repro_audit.control",
            "off",
            "repro_audit.control(seed=812, threads=2, op_determinism=False)",
        ),
        ("keras.utils.set_random_seed", "off", "keras.utils.set_random_seed(812)"),
    ):
        changes = {
            f"{SEEDS}/declared_by": declared_by,
            "conditions/determinism/backend/op_determinism": determinism,
            "conditions/determinism/backend/threads/intra_op/source": "api",
        }
        assert printed("seed", "$", 812, record(changed(document(), changes))) == said


def test_draws_are_seeded_again_before_the_model_or_before_the_layers_that_drew_otherwise():
    manifest = record(document())
    every = [
        ConditionDifference(f"$.conditions.{part}.layers[{index}].seed", 1, 2)
        for part in ("seeds", "initializers")
        for index, item in enumerate(getattr(manifest.conditions, part).layers)
        if item.seed is not None
    ]
    for differences, place in (
        (every, "the model is built"),
        ([], "the model is built"),
        (every[1:2] + every[-1:], "the first of these is made: Dropout, Dense"),
    ):
        remedy = REMEDIES["drawn_seeds"](manifest, differences)
        assert remedy == f"keras.utils.set_random_seed(812)  # in both runs, right before {place}"


def test_a_generator_is_made_with_the_expected_runs_seed_unless_that_was_left_to_chance():
    made = {
        "where": "train.py:3", "bit_generator": "PCG64", "entropy": [17], "spawn_key": [],
        "given": False,
    }  # fmt: skip
    path = "$.conditions.seeds.generators[0].entropy[0]"
    for changes, said in (
        ({}, "rng = np.random.default_rng(17)"),
        ({"entropy": [1, 2]}, "rng = np.random.default_rng([1, 2])"),
        ({"entropy": [2**127]}, "rng = np.random.default_rng(812)"),
        ({"entropy": [2**127], "given": True}, f"rng = np.random.default_rng({2**127})"),
        ({"bit_generator": "MT19937"}, "rng = np.random.default_rng(812)"),
    ):
        manifest = record(changed(document(), {f"{SEEDS}/generators": [made | changes]}))
        assert printed("generators", path, 17, manifest) == said


@pytest.mark.parametrize(
    "value", ["x" * 100, ["y"] * 100, {"a": object()}, {str(key): 1 for key in range(99)}]
)
def test_what_is_long_or_no_plain_value_is_no_literal(value):
    assert literal(value) is None


def test_a_text_of_a_stranger_is_a_literal_or_nothing():
    assert literal('"\n; import os') == '"\\"\\n; import os"'
    hostile = "Adam(); import os"
    manifest = record(changed(document(), {place(f"{MODEL}.optimizer.class_name"): hostile}))
    assert constructor(manifest, f"{MODEL}.optimizer.config.learning_rate") is None
    assert constructor(record(document()), f"{MODEL}.class_name") is None
    module = changed(document(), {place(f"{MODEL}.optimizer.module"): "os; x"})
    code = constructor(record(module), f"{MODEL}.optimizer.config.learning_rate")
    assert code is not None
    assert code.startswith("Adam(..., learning_rate=")


@pytest.mark.parametrize("kind", REMEDIES)
def test_a_remedy_is_code_or_a_comment_and_no_line_of_it_comes_from_a_manifest(kind):
    hostile = ConditionDifference("$.conditions.nothing[9].at\n", "a\nb", None)
    plain, other = (
        REMEDIES[kind](record(document()), differences).split("\n")
        for differences in ([], [hostile])
    )
    assert len(plain) == len(other) <= 2
    assert all(line and line.isprintable() for line in (*plain, *other))


@pytest.mark.parametrize("name", [*NAMES, "a-package-of-theirs"])
def test_no_package_is_pinned_that_the_run_had_from_elsewhere_than_an_index(name):
    path = ("conditions", "packages", "distributions", name)
    elsewhere = {"editable": False, "url": "file:", "commit": None}
    for source, pinned in ((elsewhere, False), (None, name not in NAMES or RELEASED)):
        run = record(
            changed(document(), {path: {"version": "1", "digest": None, "source": source}})
        )
        differs = ConditionDifference(f"$.conditions.packages.distributions['{name}']", 1, 2)
        remedy = REMEDIES["packages"](run, [differs])
        assert (remedy == f"pip install {name}==1") is pinned
        assert pinned or remedy.startswith("# ")
