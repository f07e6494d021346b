"""RA2xx: switches that decide which bits an operation returns."""

from __future__ import annotations

from collections.abc import Iterator

from repro_audit.audit.rules import Hit, rule
from repro_audit.manifest import Manifest
from repro_audit.wording import counted

_TF_DETERMINISM = "TensorFlow API: tf.config.experimental.enable_op_determinism"


@rule(
    "RA201",
    "error",
    "op determinism is off",
    why=(
        "Operations may then return other bits for equal inputs, and parallel tf.data maps may "
        "hand out their random numbers in another order."
    ),
    remedy="repro_audit.control(seed={seed})  # turns it on, before the first operation",
    source=_TF_DETERMINISM,
)
def op_determinism_off(manifest: Manifest) -> Iterator[Hit]:
    """Op determinism was off when training began."""
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is not None and tensorflow.op_determinism == "off":
        yield Hit(
            "Op determinism was off when training began.",
            "$.conditions.determinism.backend.op_determinism",
            "repro_audit.control(seed={seed})  # before the first operation",
        )


@rule(
    "RA202",
    "error",
    "op determinism was enabled too late",
    why=(
        "Functions traced before keep the operations they were traced with, and existing data "
        "sets stay as they are: half the run is deterministic."
    ),
    remedy="repro_audit.control(seed={seed})  # first, before any layer, data set or operation",
    source=_TF_DETERMINISM,
)
def op_determinism_late(manifest: Manifest) -> Iterator[Hit]:
    """Op determinism was turned on after TensorFlow's first operation."""
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is None or tensorflow.op_determinism != "later":
        return
    traced = tensorflow.functions_traced_before
    functions = "" if not traced else f", when {traced} functions had been traced"
    yield Hit(
        f"Op determinism was turned on late: after TensorFlow's first operation{functions}.",
        "$.conditions.determinism.backend.op_determinism",
        "repro_audit.control(seed={seed})  # before the first operation",
    )


@rule(
    "RA203",
    "warning",
    "op determinism is on, but since when is not known",
    why="Where it came after the first trace or data set, part of the run is not deterministic.",
    remedy="repro_audit.control(seed={seed})  # in place of enable_op_determinism: it notes when",
    source=_TF_DETERMINISM,
)
def op_determinism_unknown(manifest: Manifest) -> Iterator[Hit]:
    """Op determinism is on and an operation had run before recording began."""
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is None or tensorflow.op_determinism != "unknown":
        return
    traced = tensorflow.functions_traced_before
    functions = f"; {traced} functions had been traced by then" if traced else ""
    yield Hit(
        "Op determinism was on when recording began, after TensorFlow's first operation"
        f"{functions}. It may have come late.",
        "$.conditions.determinism.backend.op_determinism",
        "repro_audit.control(seed={seed})  # in place of enable_op_determinism",
    )


@rule(
    "RA204",
    "warning",
    "jit_compile is left to Keras",
    why=(
        '"auto" is off on CPU, on for most GPUs, and off again under op determinism; XLA rounds '
        "differently and draws other random numbers for one seed."
    ),
    remedy="model.compile(..., jit_compile=False)",
    source="tensorflow/tensorflow issues 117644 and 121243",
)
def jit_auto(manifest: Manifest) -> Iterator[Hit]:
    """The model was compiled with jit_compile="auto"."""
    determinism = manifest.conditions.determinism
    for index, execution in enumerate(determinism.execution if determinism else ()):
        if execution.jit_requested == "auto":
            in_force = "on" if execution.jit else "off"
            yield Hit(
                f'Model {execution.model} was compiled with jit_compile="auto", which is '
                f"{in_force} here.",
                f"$.conditions.determinism.execution[{index}].jit_requested",
            )


@rule(
    "RA205",
    "warning",
    "the thread count is not pinned",
    why=(
        "TensorFlow then takes the number of usable cores, and many operations round "
        "differently on another number: the run does not repeat on another machine."
    ),
    remedy="repro_audit.control(seed={seed}, threads=2)",
    source="measured: a CNN's weights differ between one and two threads",
)
def threads_not_pinned(manifest: Manifest) -> Iterator[Hit]:
    """The size of the intra-op pool follows from the number of cores."""
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is None:
        return
    pool = tensorflow.threads.intra_op
    if pool.source == "cores":
        yield Hit(
            f"Operations use {counted(pool.in_force, 'thread')}, the number of usable cores.",
            "$.conditions.determinism.backend.threads.intra_op",
            f"repro_audit.control(seed={{seed}}, threads={pool.in_force})",
        )


@rule(
    "RA206",
    "warning",
    "an operation races",
    why=(
        "Each thread adds a part of the sum, and which part differs from run to run: so does the "
        "rounding. Op determinism leaves weighted bincounts as they are."
    ),
    remedy="repro_audit.control(seed={seed}, threads=1)",
    source="measured: TensorFlow 2.21, 2 to 75 distinct results in 100 calls from 2 threads on",
)
def racing_operation(manifest: Manifest) -> Iterator[Hit]:
    """The traced step holds an operation that races, and there is more than one thread."""
    determinism, tensorflow = manifest.conditions.determinism, manifest.conditions.tensorflow
    if determinism is None or tensorflow is None or tensorflow.threads.intra_op.in_force < 2:
        return
    # XLA makes one loop of it.
    in_one_loop = {item.model for item in determinism.execution if item.jit}
    for index, model in enumerate(tensorflow.models):
        if not model.racing_ops or model.model in in_one_loop:
            continue
        names = ", ".join(model.racing_ops[:8])
        bincount = all(name.endswith("Bincount") for name in model.racing_ops)
        yield Hit(
            f"The step of model {model.model} holds {names}, and operations use "
            f"{tensorflow.threads.intra_op.in_force} threads.",
            f"$.conditions.determinism.backend.models[{index}].racing_ops",
            "tf.math.unsorted_segment_sum(weights, values, bins)  # in place of bincount"
            if bincount
            else "repro_audit.control(seed={seed}, threads=1)",
        )
