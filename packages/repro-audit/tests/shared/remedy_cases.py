"""Pairs of runs that differ, the remedy printed first for each, and how a user follows it."""

from __future__ import annotations

from typing import NamedTuple

from mending import Edit, Version

NUMBER = "<number>"
"""Stands in a case for a number that only the run knows."""

DIGEST = "<digest>"
"""The same for a digest."""


class Case(NamedTuple):
    """Two runs that differ, the remedy printed first, and how a user follows it.

    Attributes:
        name: What makes them differ.
        expected: The run compared with.
        actual: The other.
        printed: The remedy, as it is printed.
        change: Edits of the script that follow it.
        both: Whether they are made in both runs.
        here: Edits of the expected run alone.
        words: How the actual run is started by whoever follows the remedy; empty for as before.
        names: What the script calls what the remedy calls otherwise.
        usual: Whether `nox -s tests` takes it.
        gone: The verdict, or its reason, where the difference is gone.
    """

    name: str
    expected: Version
    actual: Version
    printed: str
    change: tuple[Edit, ...] = ()
    both: bool = False
    here: tuple[Edit, ...] = ()
    words: str = ""
    names: tuple[Edit, ...] = ()
    usual: bool = False
    gone: str = "identical"


def planted(script: str, *faults: Edit) -> tuple[Version, Version]:
    """Return a script and its version with faults."""
    return Version(script), Version(script, faults)


def alike(script: str, *faults: Edit) -> tuple[Version, Version]:
    """Return two runs of a script with faults."""
    return Version(script, faults), Version(script, faults)


def worded(script: str, words: str = "") -> tuple[Version, Version]:
    """Return a script and the same started by other words."""
    return Version(script), Version(words or f"{script} planted")


DROPOUT = "    dropout = keras"
CONTROL = "repro_audit.control(seed=812, threads=2)"
EVALUATED = "verbose=0)\n    model.evaluate(x{0}, y{0}, verbose=0)"
METRIC = (
    "jit_compile=False, metrics=[keras.metrics.SparseTopKCategoricalAccuracy(name='top', k={})]"
)
WEIGHTED = "jit_compile=False, loss_weights=[{}]"
VALIDATED = "validation_data=(x, y), validation_freq={}, verbose=0)"
SCALED = """class Scaled(keras.layers.Layer):
    def call(self, x):
        return x * {}


rng = np"""
WIDTH = ("rng = np", "import os\nrng = np"), ("y = rng", "x *= float(os.environ['WIDTH'])\ny = rng")
RNG = "rng = np.random.default_rng(1)"
SAVED = (
    'np.savez("train.npz", x_train, y_train)  # in the expected run\n'
    'x_train, y_train = np.load("train.npz").values()  # in the other run'
)
OF_ARRAYS = (("x_train", "x"), ("y_train", "y"))
OF_DIGITS = (("x_train", "images"), ("y_train", "labels"))
EXPECTED = "  # as in the expected run"
RESEEDED = "keras.utils.set_random_seed(812)"
LONGER = ("epochs=2", "epochs=3")
FIT_END = "verbose=0)"
STOPPING = 'keras.callbacks.EarlyStopping("loss", min_delta=9)'
LOSS = '"sparse_categorical_crossentropy"'

CASES = (
    Case(
        "another seed",
        *planted("arrays.py", ("seed=812", "seed=7")),
        printed=f"{CONTROL}  # in place of what sets another seed",
        change=(("repro_audit.control(seed=7, threads=2)", CONTROL),),
    ),
    Case(
        "the seed is the time",
        *alike(
            "arrays.py",
            (CONTROL, "import time\nkeras.utils.set_random_seed(time.time_ns() % 2**32)"),
        ),
        printed=f"keras.utils.set_random_seed({NUMBER})  # in place of what sets another seed",
        change=(("set_random_seed(time.time_ns() % 2**32)", f"set_random_seed({NUMBER})"),),
    ),
    Case(
        "an extra draw before the model",
        *worded("extra_draw.py"),
        printed=f"{RESEEDED}  # in both runs, right before the model is built",
        change=(("    network()", f"    import keras\n    {RESEEDED}\n    network()"),),
        both=True,
        usual=True,
    ),
    Case(
        "an unused layer within the model",
        *planted("arrays.py", (DROPOUT, f"    keras.layers.Dense(4)\n{DROPOUT}")),
        printed=f"{RESEEDED}  # in both runs, right before the first of these is made: "
        "Dropout, Dense",
        change=((DROPOUT, f"    {RESEEDED}\n{DROPOUT}"),),
        both=True,
    ),
    Case(
        "Python is not seeded",
        *alike("numpy_and_tensorflow.py"),
        printed=f"{RESEEDED}  # in both runs, first: Python, NumPy and TensorFlow",
        change=(("np.random.seed(SEED)", f"import keras\n{RESEEDED}"),),
        both=True,
        usual=True,
    ),
    Case(
        "another seed given to a layer",
        Version("arrays.py", (("rate=0.2", "rate=0.2, seed=1"),)),
        Version("arrays.py", (("rate=0.2", "rate=0.2, seed=2"),)),
        printed=f"keras.layers.Dropout(..., seed=1){EXPECTED}",
        change=(("seed=2", "seed=1"),),
    ),
    Case(
        "default_rng() without a seed",
        *alike("own_generator.py"),
        printed="rng = np.random.default_rng(812)  # in both runs",
        change=(("default_rng()", "default_rng(812)"),),
        both=True,
        usual=True,
    ),
    Case(
        "data drawn before the seed is set",
        *alike(
            "arrays.py",
            (CONTROL, f"noise = np.random.rand(64, 8)\n{CONTROL}"),
            ("y = rng", "x += noise.astype('float32')\ny = rng"),
        ),
        printed=f"{RESEEDED}  # in both runs, first: before data are drawn or split\n"
        "rng = np.random.default_rng(812)  # so for each generator of its own",
        change=(("noise = np", f"{RESEEDED}\nnoise = np"),),
        both=True,
        usual=True,
    ),
    Case(
        "one number of the data",
        *planted("arrays.py", (RNG, f"{RNG}\nnudge = 1"), ("y = rng", "x[3, 3] += nudge\ny = rng")),
        printed=SAVED,
        here=(("with repro", 'np.savez("train.npz", x, y)\nwith repro'),),
        change=(("with repro", 'x, y = np.load("train.npz").values()\nwith repro'),),
        names=OF_ARRAYS,
        usual=True,
    ),
    Case(
        "two samples swapped",
        *worded("two_samples.py"),
        printed=SAVED,
        here=(
            ("with repro", 'import numpy as np\nnp.savez("train.npz", images, labels)\nwith repro'),
        ),
        change=(
            (
                "with repro",
                'import numpy as np\nimages, labels = np.load("train.npz").values()\nwith repro',
            ),
        ),
        names=OF_DIGITS,
    ),
    Case(
        "files in another order",
        *worded("file_order.py"),
        printed="files = sorted(files)  # in both runs, right before they are read",
        change=(("parts = [", "paths = sorted(paths)\nparts = ["),),
        both=True,
        names=(("files", "paths"),),
    ),
    Case(
        "another seed of a shuffle",
        *planted("pipeline.py", ("seed=1)", "seed=2)")),
        printed=f"dataset.shuffle(..., seed=1){EXPECTED}",
        change=(("seed=2)", "seed=1)"),),
        usual=True,
    ),
    Case(
        "a map in any order",
        *alike("pipeline_order.py"),
        printed="dataset.map(..., deterministic=True)",
        change=(("deterministic=False", "deterministic=True"),),
        both=True,
    ),
    Case(
        "np.random in a parallel map",
        *alike("parallel_map.py"),
        printed="dataset.map(augment)  # without num_parallel_calls",
        change=((", num_parallel_calls=4", ""),),
        both=True,
    ),
    Case(
        "another learning rate",
        *planted("arrays.py", ("learning_rate=0.01", "learning_rate=0.011")),
        printed=f"keras.optimizers.Adam(..., learning_rate=0.01){EXPECTED}",
        change=(("learning_rate=0.011", "learning_rate=0.01"),),
        usual=True,
    ),
    Case(
        "another rate of a layer",
        *planted("arrays.py", ("rate=0.2", "rate=0.3")),
        printed=f"keras.layers.Dropout(..., rate=0.2){EXPECTED}",
        change=(("rate=0.3", "rate=0.2"),),
        usual=True,
    ),
    Case(
        "another loss",
        *planted(
            "arrays.py",
            (LOSS, "keras.losses.SparseCategoricalCrossentropy(ignore_class=2)"),
        ),
        printed=f"model.compile(..., loss={LOSS}){EXPECTED}",
        change=(("keras.losses.SparseCategoricalCrossentropy(ignore_class=2)", f"loss={LOSS}"),),
    ),
    Case(
        "another batch size",
        *planted("arrays.py", ("batch_size=16", "batch_size=8")),
        printed=f"model.fit(..., batch_size=16){EXPECTED}",
        change=(("batch_size=8", "batch_size=16"),),
        usual=True,
    ),
    Case(
        "weights of classes",
        Version("arrays.py", (("verbose=0", "verbose=0, class_weight={0: 1.0, 1: 2.0, 2: 1.0}"),)),
        Version("arrays.py", (("verbose=0", "verbose=0, class_weight={0: 1.0, 1: 3.0, 2: 1.0}"),)),
        printed=f"model.fit(..., class_weight={{0: 1.0, 1: 2.0, 2: 1.0}}){EXPECTED}",
        change=(("1: 3.0", "1: 2.0"),),
        usual=True,
    ),
    Case(
        "one more epoch",
        *planted("arrays.py", ("epochs=2", "epochs=3")),
        printed=f"model.fit(..., epochs=2){EXPECTED}",
        change=(("epochs=3", "epochs=2"),),
    ),
    Case(
        "a callback that ends training",
        Version("arrays.py", (LONGER, (FIT_END, f"verbose=0, callbacks=[{STOPPING}])"))),
        Version("arrays.py", (LONGER,)),
        printed=f"model.fit(..., callbacks=[EarlyStopping(...)]){EXPECTED}",
        change=((FIT_END, f"verbose=0, callbacks=[{STOPPING}])"),),
        names=(("EarlyStopping", "keras.callbacks.EarlyStopping"),),
    ),
    Case(
        "jit_compile=True",
        *worded("jit.py"),
        printed="model.compile(..., jit_compile=False)",
        change=(("jit_compile=jit_compile", "jit_compile=False"),),
    ),
    Case(
        "run_eagerly=True",
        *worded("eager.py"),
        printed=f"model.compile(..., run_eagerly=False){EXPECTED}",
        change=(
            ("    model.run_eagerly = PLANTED\n", ""),
            ("jit_compile=jit_compile,", "jit_compile=jit_compile, run_eagerly=False,"),
        ),
    ),
    Case(
        "one thread",
        *worded("cnn.py 2", "cnn.py 1"),
        printed=CONTROL,
        change=(("repro_audit.control(seed=SEED, threads=int(sys.argv[1]))", CONTROL),),
    ),
    Case(
        "op determinism comes late",
        *worded("late_op_determinism.py"),
        printed=f"{CONTROL}  # first, before any layer or operation",
        change=(
            ("repro_audit.control(seed=SEED, threads=2, op_determinism=not PLANTED)", CONTROL),
        ),
        usual=True,
    ),
    Case(
        "a weighted bincount",
        *alike("weighted_bincount.py"),
        printed="tf.math.unsorted_segment_sum(weights, values, bins)  # in place of bincount",
        change=(
            (
                "tf.math.bincount(levels, ink, minlength=256, maxlength=256, dtype=tf.float32)",
                "tf.math.unsorted_segment_sum(ink, tf.minimum(levels, 255), 256)",
            ),
        ),
        both=True,
        names=(
            ("weights", "ink"),
            ("values", "tf.minimum(levels, 255)"),
            ("bins", "256"),
        ),
    ),
    Case(
        "labels from a set",
        *worded("label_order.py", "PYTHONHASHSEED=1 label_order.py"),
        printed="export PYTHONHASHSEED=0",
        words="PYTHONHASHSEED=0 label_order.py",
    ),
    Case(
        "a cap on instructions",
        *worded("cnn.py 2", "ONEDNN_MAX_CPU_ISA=SSE41 cnn.py 2"),
        printed="unset ONEDNN_MAX_CPU_ISA",
        words="cnn.py 2",
    ),
    Case(
        "np.random in the workers of a PyDataset",
        *alike("workers.py"),
        printed="rng = np.random.default_rng([812, index])  # in __getitem__; workers=1 where its "
        "code is Keras's",
        change=(
            (
                "        noise = np.random",
                "        rng = np.random.default_rng([812, index])\n        noise = rng",
            ),
        ),
        both=True,
    ),
    Case(
        "resumed with Dropout",
        *worded("resume.py 4", "resume.py 2; resume.py 4"),
        printed="dropout.seed_generator.state.assign([seed, steps_done])  # before the first step",
        change=(
            (
                "    network().fit(",
                "    model = network()\n    dropout = model.layers[-2]\n    model.fit(",
            ),
            (
                "delete_checkpoint=False)]",
                (
                    "delete_checkpoint=False), keras.callbacks.LambdaCallback(on_epoch_begin="
                    "lambda epoch, _: dropout.seed_generator.state.assign("
                    "[dropout.seed_generator.state[0], 8 * epoch]))]"
                ),
            ),
        ),
        gone="nothing differs from epoch 3 on, and one run has nothing before it",
        names=(("[seed, steps_done]", "[dropout.seed_generator.state[0], 8 * epoch]"),),
    ),
    Case(
        "other samples to evaluate on",
        Version("arrays.py", ((FIT_END, EVALUATED.format("[:32]")),)),
        Version("arrays.py", ((FIT_END, EVALUATED.format("[32:]")),)),
        printed=SAVED.replace("train", "test"),
        here=(("with repro", 'np.savez("test.npz", x[:32], y[:32])\nwith repro'),),
        change=(
            ("    model.evaluate", '    a, b = np.load("test.npz").values()\n    model.evaluate'),
            ("x[32:], y[32:]", "a, b"),
        ),
        names=(("x_test, y_test =", "a, b ="), ("x_test", "x[:32]"), ("y_test", "y[:32]")),
    ),
    Case(
        "another initializer",
        *planted("arrays.py", ('n="relu")', 'n="relu", kernel_initializer="he_normal")')),
        printed="Dense(..., kernel_initializer=keras.initializers.GlorotUniform(...))" + EXPECTED,
        change=(('"he_normal"', "keras.initializers.GlorotUniform()"),),
    ),
    Case(
        "a metric with another argument",
        Version("arrays.py", (("jit_compile=False", METRIC.format(1)),)),
        Version("arrays.py", (("jit_compile=False", METRIC.format(2)),)),
        printed=f"keras.metrics.SparseTopKCategoricalAccuracy(..., k=1){EXPECTED}",
        change=(("k=2", "k=1"),),
        usual=True,
    ),
    Case(
        "weights of losses",
        Version("arrays.py", (("jit_compile=False", WEIGHTED.format(0.5)),)),
        Version("arrays.py", (("jit_compile=False", WEIGHTED.format(0.25)),)),
        printed=f"model.compile(..., loss_weights=[0.5]){EXPECTED}",
        change=(("[0.25]", "[0.5]"),),
    ),
    Case(
        "other code of a layer",
        Version("arrays.py", (("rng = np", SCALED.format(2.0)), ("hidden, d", "Scaled(), d"))),
        Version("arrays.py", (("rng = np", SCALED.format(3.0)), ("hidden, d", "Scaled(), d"))),
        printed="# restore the code of Scaled, as in the expected run",
        change=(("x * 3.0", "x * 2.0"),),
    ),
    Case(
        "validation every second epoch",
        Version("arrays.py", ((FIT_END, VALIDATED.format(1)),)),
        Version("arrays.py", ((FIT_END, VALIDATED.format(2)),)),
        printed=f"model.fit(..., validation_freq=1){EXPECTED}",
        change=(("validation_freq=2", "validation_freq=1"),),
    ),
    Case(
        "oneDNN is off",
        *worded("cnn.py 2", "TF_ENABLE_ONEDNN_OPTS=0 cnn.py 2"),
        printed="export TF_ENABLE_ONEDNN_OPTS=1",
        words="TF_ENABLE_ONEDNN_OPTS=1 cnn.py 2",
    ),
    Case(
        "a variable that the script reads",
        Version("WIDTH=1 arrays.py", WIDTH),
        Version("WIDTH=2 arrays.py", WIDTH),
        printed=f"export WIDTH=...{EXPECTED}: digest {DIGEST}",
        words="WIDTH=1 arrays.py",
    ),
    Case(
        "a file that the script reads",
        *worded("table.py 1; table.py", "table.py 2; table.py"),
        printed=f"echo '{DIGEST}  table.csv' | sha256sum --check  "
        "# restore the file until it says OK",
        words="table.py 1; table.py",
    ),
    Case(
        "the size that a generator makes batches of",
        *worded("stream.py 1 16", "stream.py 1 8"),
        printed="# restore the function that dataset.from_generator calls, as in the expected run",
        words="stream.py 1 16",
    ),
)
