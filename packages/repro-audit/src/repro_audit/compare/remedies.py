"""Code that makes two runs agree in one kind of condition.

A manifest is a stranger's: whatever of it enters a remedy is quoted as a literal, and printable: a
new line would end a comment, and begin a command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.errors import printable
from repro_audit.manifest import Manifest
from repro_audit.manifest.fields import path_below
from repro_audit.wording import EXAMPLE_SEED

__all__ = ["REMEDIES"]

_READ = "$.conditions.read"

_Remedy = Callable[[Manifest, Sequence[ConditionDifference]], str]


def _seed(manifest: Manifest) -> int:
    return EXAMPLE_SEED if manifest.seed is None else manifest.seed


def _control(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    return f"repro_audit.control(seed={_seed(manifest)})  # first, before any layer or operation"


def _seed_again(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    seed = _seed(manifest)
    return f"keras.utils.set_random_seed({seed})  # again, right before the layers of each model"


def _threads(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    tensorflow = manifest.conditions.tensorflow
    count = 1 if tensorflow is None else tensorflow.threads.intra_op.in_force
    return f"repro_audit.control(seed={_seed(manifest)}, threads={count})"


def _threads_one(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    return f"repro_audit.control(seed={_seed(manifest)}, threads=1)  # one thread cannot race"


def _python_seed(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    seed = _seed(manifest)
    return f"keras.utils.set_random_seed({seed})  # Python, NumPy and TensorFlow together"


def _generators(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    return f"rng = np.random.default_rng({_seed(manifest)})"


def _op_determinism(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is not None and tensorflow.op_determinism == "off":
        return "tf.config.experimental.enable_op_determinism()  # in both runs, or in neither"
    return _control(manifest, ())


def _variable(name: str, wanted: Callable[[Manifest], str | None]) -> _Remedy:
    def remedy(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
        value = wanted(manifest)
        return (
            f"unset {name}" if value is None else f"export {name}={shlex.quote(printable(value))}"
        )

    return remedy


def _onednn(manifest: Manifest) -> str | None:
    tensorflow = manifest.conditions.tensorflow
    return "0" if tensorflow is not None and tensorflow.onednn.in_force is False else "1"


def _isa(manifest: Manifest) -> str | None:
    tensorflow = manifest.conditions.tensorflow
    return None if tensorflow is None else tensorflow.isa.requested


def _xla_flags(manifest: Manifest) -> str | None:
    tensorflow = manifest.conditions.tensorflow
    return None if tensorflow is None else tensorflow.xla_flags


def _hash_seed(manifest: Manifest) -> str | None:
    seeds = manifest.conditions.seeds
    return (seeds.hash_seed.requested if seeds is not None else None) or "0"


def _jit(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    determinism = manifest.conditions.determinism
    jit = bool(determinism and determinism.execution and determinism.execution[0].jit)
    return f"model.compile(..., jit_compile={jit})"


def _packages(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return the line that installs the expected versions."""
    packages = manifest.conditions.packages
    names = dict.fromkeys(
        re.split(
            r"[.'\]]", re.sub(r"^\$\.conditions\.packages\.distributions(\.|\[')", "", item.path)
        )[0]
        for item in differences
    )
    pins = [
        f"{name}=={packages.distributions[name].version}"
        for name in names
        if packages is not None and name in packages.distributions
    ]
    # A name or version that no package can have might be an option of pip.
    pins = [pin for pin in pins if re.fullmatch(r"\w[\w.-]*==\w[\w.+!-]*", pin, re.ASCII)]
    shown = pins[:8] + (["…"] if len(pins) > 8 else [])
    return (
        "pip install " + " ".join(shown) if pins else "# install the packages of the expected run"
    )


def _optimizer(_: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        name = item.path.rpartition(".")[2]
        plain = isinstance(item.expected, int | float | bool)
        if (
            re.search(r"\.(more_)?optimizer(s\[\d+\])?\.config\.", item.path)
            and plain
            and name.isidentifier()
        ):
            return f"optimizer.{name} = {item.expected!r}  # as in the expected run"
    return "model.compile(optimizer=...)  # the expected run's"


def _git(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    git = None if manifest.conditions.code is None else manifest.conditions.code.git
    if git is not None and re.fullmatch(r"[0-9a-f]{7,64}", git.commit or ""):
        return f"git checkout {git.commit}"
    return "# run the same files with the same arguments"


def _compile(_: Manifest, differences: Sequence[ConditionDifference]) -> str:
    names = [item.path.rpartition(".compile.")[2].partition(".")[0] for item in differences]
    known = [name for name in dict.fromkeys(names) if name.isidentifier()]
    shown = ", ".join(f"{name}=..." for name in known) or "..."
    return f"model.compile({shown})  # the expected run's"


def _length(_: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        name = item.path.rpartition(".")[2]
        if name in {"epochs", "initial_epoch"} and isinstance(item.expected, int):
            return f"model.fit(..., {name}={item.expected})"
    return "model.fit(..., epochs=...)  # the expected run's"


def _arguments(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    code = manifest.conditions.code
    return "# run it as: " + printable(shlex.join(code.argv if code is not None else ()))


def _read_files(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Name the first file that differs as the expected run read it."""
    read = manifest.conditions.read
    for name, file in () if read is None else read.files.items():
        if _differs(f"{_READ}.files", name, differences):
            what = f"{file.bytes:,} bytes" + (f", {file.digest}" if file.digest else "")
            return f"# put back {printable(name)} as the expected run read it: {what}"
    return "# run without these files: the expected run read none of them"


def _read_variables(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return what sets the variables that differ as they were; a manifest tells few values."""
    conditions = manifest.conditions
    known = {} if conditions.environment is None else conditions.environment.variables
    commands = []
    for name, digest in () if conditions.read is None else conditions.read.variables.items():
        plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)
        if plain is None or not _differs(f"{_READ}.variables", name, differences):
            continue
        if digest is None:
            commands.append(f"unset {name}")
        elif name in known:
            commands.append(f"export {name}={shlex.quote(printable(known[name]))}")
        else:
            commands.append(f"export {name}=...  # as in the expected run: digest {digest}")
    return "\n".join(commands[:8]) or "# set the variables that the program reads as they were"


def _differs(path: str, name: str, differences: Sequence[ConditionDifference]) -> bool:
    """Whether what an object holds by a name differs, or something in it."""
    below = path_below(path, name)
    return any(re.match(re.escape(below) + r"(?!\w)", item.path) for item in differences)


def _fixed(text: str) -> _Remedy:
    return lambda _manifest, _differences: text


REMEDIES: dict[str, _Remedy] = {
    "data": _fixed('run.data("train", x_train, y_train)  # check this digest before training'),
    "test_data": _fixed('run.data("test", x_test, y_test)  # check this digest before evaluating'),
    "batch": _fixed("# give the model batches of the expected run's size and element type"),
    "read_files": _read_files,
    "read_variables": _read_variables,
    "seed": _control,
    "drawn_seeds": _seed_again,
    "python_seed": _python_seed,
    "given_seeds": _fixed("layer = Dropout(..., seed=...)  # the expected run's: conditions.seeds"),
    "unrecorded_data": _fixed(
        'run.data("train", x, y)  # in the block of repro_audit.record(), before training'
    ),
    "layer_initializers": _fixed("# give each layer the expected run's: conditions.initializers"),
    "generators": _generators,
    "sample_order": _fixed("files = sorted(files)  # and nothing that orders by hash or by disk"),
    "pipeline_order": _fixed(
        "options = tf.data.Options(); options.deterministic = True; "
        "dataset = dataset.with_options(options)"
    ),
    "parallel_map": _fixed(
        "dataset.map(augment)  # not parallel; or stateless ops, seeded by index"
    ),
    "pipeline": _fixed("# build the pipeline of the expected run"),
    "resume": _fixed(
        "dropout.seed_generator.state.assign([seed, steps_done])  # before the first step"
    ),
    "callbacks": _fixed("model.fit(..., callbacks=...)  # the expected run's"),
    "racing_op": _threads_one,
    "initializers": _fixed("# install the Keras of the expected run: conditions.packages"),
    "generator_state": _control,
    "hash_seed": _variable("PYTHONHASHSEED", _hash_seed),
    "optimizer": _optimizer,
    "loss": _fixed("model.compile(loss=...)  # the expected run's"),
    "model": _fixed("# build the model of the expected run: conditions.training.models"),
    "metrics": _fixed("model.compile(metrics=...)  # the expected run's"),
    "compile": _compile,
    "model_code": _fixed("# run the code of the expected run: conditions.training.models"),
    "sample_weight": _fixed("model.fit(..., sample_weight=..., class_weight=...)  # the same"),
    "training_length": _length,
    "validation": _fixed("model.fit(..., validation_data=...)  # the expected run's"),
    "fit": _fixed("model.fit(...)  # with the expected run's arguments"),
    "training": _fixed("# train as the expected run did: conditions.training"),
    "threads": _threads,
    "op_determinism": _op_determinism,
    "jit": _jit,
    "onednn": _variable("TF_ENABLE_ONEDNN_OPTS", _onednn),
    "isa": _variable("ONEDNN_MAX_CPU_ISA", _isa),
    "xla_flags": _variable("XLA_FLAGS", _xla_flags),
    "execution": _fixed("# execute as the expected run did: conditions.determinism"),
    "numeric_packages": _packages,
    "packages": _packages,
    "processor": _fixed("export ONEDNN_MAX_CPU_ISA=AVX2  # narrows, but does not close, the gap"),
    "python": _fixed("# use the Python of the expected run: conditions.environment.python"),
    "environment": _fixed("# run in the environment of the expected run"),
    "arguments": _arguments,
    "code": _git,
}
"""Code for each kind of cause, given the expected run and the conditions that differ."""
