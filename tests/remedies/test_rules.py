"""Each remedy of a rule is followed, as printed, in a script that brings it out.

What a rule says of a repository, of installed packages or of a file of another release is no
matter of a script, and not here; RA203 is about a recording that begins late.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from mending import Edit, Ran, Version, audited

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

NUMBER = "<number>"
"""Stands for a number that only the run knows."""

CONTROL = "repro_audit.control(seed=812, threads=2)"
PLAIN_CONTROL = "repro_audit.control(seed=812)"
IMPORT = "import repro_audit\n"
SEEDED = "keras.utils.set_random_seed(812)"
TENSORFLOW = "import tensorflow as tf\n"
SLICES = "from_tensor_slices((x, y))"
GENERATOR = (
    "from_generator(lambda: zip(x, y), "
    "output_signature=(tf.TensorSpec((8,)), tf.TensorSpec((), tf.int64)))"
)
"""What is fed is then not seen before it comes."""

UNSEEDED = Version("arrays.py", ((CONTROL, "\n# not controlled\n"),))
NOT_CONTROLLED = "# not controlled"
REPLICAS = f"""{TENSORFLOW}tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
{CONTROL}
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])"""


class Case(NamedTuple):
    """A script in which a rule finds something, the remedy, and how a user follows it.

    Attributes:
        code: The rule.
        faulty: The script.
        printed: The remedy, as it is printed.
        by: What of it is put into the script.
        change: Edits that do so, and nothing more.
        usual: Whether `nox -s tests` takes it.
        words: How the script is started instead; empty for as before.
    """

    code: str
    faulty: Version
    printed: str
    by: str
    change: tuple[Edit, ...]
    usual: bool = False
    words: str = ""


CASES = (
    Case(
        "RA101",
        UNSEEDED,
        f"{IMPORT}{PLAIN_CONTROL}  # first, before any layer or data set is made",
        PLAIN_CONTROL,
        ((NOT_CONTROLLED, PLAIN_CONTROL),),
        usual=True,
    ),
    Case(
        "RA102",
        Version("numpy_and_tensorflow.py"),
        f"{SEEDED}  # seeds Python, NumPy and TensorFlow together",
        SEEDED,
        (("np.random.seed(SEED)", f"import keras\n{SEEDED}"),),
    ),
    Case(
        "RA103",
        Version("arrays.py", ((CONTROL, f"{CONTROL}\nimport random\nrandom.seed(5)"),)),
        f"{PLAIN_CONTROL}  # after everything that seeds",
        PLAIN_CONTROL,
        (("random.seed(5)", f"random.seed(5)\n{PLAIN_CONTROL}"),),
    ),
    Case(
        "RA104",
        Version("arrays.py", ((CONTROL, f"{CONTROL}\nimport random\nrandom.random()"),)),
        "layer = keras.layers.Dense(64, kernel_initializer=keras.initializers.HeNormal(seed=1))",
        "kernel_initializer=keras.initializers.HeNormal(seed=1))",
        (
            (
                'activation="relu")',
                'activation="relu", kernel_initializer=keras.initializers.HeNormal(seed=1))',
            ),
            ("rate=0.2", "rate=0.2, seed=1"),
            (
                'activation="softmax")',
                'activation="softmax", kernel_initializer=keras.initializers.HeNormal(seed=1))',
            ),
        ),
    ),
    Case(
        "RA105",
        Version("PYTHONHASHSEED=random arrays.py"),
        "export PYTHONHASHSEED=0  # before Python starts",
        "",
        (),
        words="PYTHONHASHSEED=0 arrays.py",
    ),
    Case(
        "RA106",
        UNSEEDED,
        "keras.layers.Dropout(..., seed=1)",
        "seed=1)",
        (("rate=0.2", "rate=0.2, seed=1"),),
        usual=True,
    ),
    Case(
        "RA107",
        Version("own_generator.py"),
        "rng = np.random.default_rng(812)",
        "rng = np.random.default_rng(812)",
        (("default_rng()", "default_rng(812)"),),
    ),
    Case(
        "RA201",
        UNSEEDED,
        f"{IMPORT}{PLAIN_CONTROL}  # before the first operation",
        PLAIN_CONTROL,
        ((NOT_CONTROLLED, PLAIN_CONTROL),),
        usual=True,
    ),
    Case(
        "RA202",
        Version("late_op_determinism.py planted"),
        f"{PLAIN_CONTROL}  # before the first operation",
        PLAIN_CONTROL,
        (("repro_audit.control(seed=SEED, threads=2, op_determinism=not PLANTED)", PLAIN_CONTROL),),
    ),
    Case(
        "RA204",
        Version("arrays.py", (("jit_compile=False,", 'metrics=["accuracy"],'),)),
        "model.compile(..., jit_compile=False)",
        "jit_compile=False",
        (('metrics=["accuracy"],', 'metrics=["accuracy"], jit_compile=False,'),),
        usual=True,
    ),
    Case(
        "RA205",
        UNSEEDED,
        f"{IMPORT}repro_audit.control(seed=812, threads={NUMBER})",
        f"repro_audit.control(seed=812, threads={NUMBER})",
        ((NOT_CONTROLLED, f"repro_audit.control(seed=812, threads={NUMBER})"),),
    ),
    Case(
        "RA206",
        Version("weighted_bincount.py"),
        "tf.math.unsorted_segment_sum(weights, values, bins)  # in place of bincount",
        "tf.math.unsorted_segment_sum(",
        (
            (
                "tf.math.bincount(levels, ink, minlength=256, maxlength=256, dtype=tf.float32)",
                "tf.math.unsorted_segment_sum(ink, tf.minimum(levels, 255), 256)",
            ),
        ),
    ),
    Case(
        "RA301",
        Version("pipeline.py", (('    run.data("train", x, y)\n', ""), (SLICES, GENERATOR))),
        'run.data("train", x_train, y_train)  # inside the record block',
        'run.data("train", ',
        (("    model = ", '    run.data("train", x, y)\n    model = '),),
        usual=True,
    ),
    Case(
        "RA302",
        Version("pipeline_order.py"),
        "dataset.map(..., deterministic=True)",
        "deterministic=True)",
        (("deterministic=False", "deterministic=True"),),
    ),
    Case(
        "RA303",
        Version("parallel_map.py"),
        "dataset.map(augment)  # without num_parallel_calls",
        "dataset.map(augment)",
        ((", num_parallel_calls=4", ""),),
    ),
    Case(
        "RA304",
        Version("arrays.py"),
        "dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(16); "
        "model.fit(dataset, ...)",
        "dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(16)",
        (
            (
                "    model.fit(x, y, batch_size=16, ",
                (
                    f"    {TENSORFLOW}    dataset = tf.data.Dataset.from_tensor_slices((x, y))"
                    ".shuffle(len(x)).batch(16)\n    model.fit(dataset, "
                ),
            ),
        ),
        usual=True,
    ),
    Case(
        "RA305",
        Version("workers.py"),
        "rng = np.random.default_rng([812, index])  # in __getitem__; workers=1 where its code is "
        "Keras's",
        "rng = np.random.default_rng([812, index])",
        (
            (
                "        noise = np.random",
                "        rng = np.random.default_rng([812, index])\n        noise = rng",
            ),
        ),
    ),
    Case(
        "RA305",
        Version("workers.py"),
        "rng = np.random.default_rng([812, index])  # in __getitem__; workers=1 where its code is "
        "Keras's",
        "workers=1",
        (("workers=4", "workers=1"),),
    ),
    Case(
        "RA502",
        Version(
            "arrays.py",
            (
                (CONTROL, REPLICAS),
                ("with repro", "with strategy.scope(), repro"),
            ),
        ),
        'strategy = tf.distribute.OneDeviceStrategy("/cpu:0")  # one replica is traced',
        'strategy = tf.distribute.OneDeviceStrategy("/cpu:0")',
        (
            (
                'strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])',
                'strategy = tf.distribute.OneDeviceStrategy("/cpu:0")',
            ),
        ),
    ),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test of one case all that are taken."""
    if "case" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--all-remedies")
        taken = [case for case in CASES if whole or case.usual]
        names = [f"{case.code} {case.by}".strip() for case in taken]
        metafunc.parametrize("case", taken, ids=names)


def remedies(run: Ran, code: str) -> list[str]:
    """Return what a rule advises for a run."""
    return [item.remedy for item in audited(run).manifests[0].findings if item.code == code]


def test_a_rule_s_remedy_is_followed_to_the_letter_and_its_finding_is_gone(
    case: Case, run: Callable[..., Any]
) -> None:
    printed = remedies(run(case.faulty), case.code)[0]
    found = re.fullmatch(re.escape(case.printed).replace(re.escape(NUMBER), r"(\d+)"), printed)
    assert found is not None, f"printed: {printed}"
    number = "".join(found.groups())
    edits = tuple((old, new.replace(NUMBER, number)) for old, new in case.change)
    mended = run(Version(case.words or case.faulty.words, (*case.faulty.edits, *edits)))
    by = case.by.replace(NUMBER, number)
    assert by in printed
    assert by in mended.source
    assert remedies(mended, case.code) == []


def test_a_finding_that_stays_is_noticed(run: Callable[..., Any]) -> None:
    """A seed for TensorFlow alone does not seed the layers."""
    edits = ((NOT_CONTROLLED, f"{TENSORFLOW}tf.random.set_seed(812)"),)
    mended = run(Version(UNSEEDED.words, (*UNSEEDED.edits, *edits)))
    assert remedies(mended, "RA106") != []
