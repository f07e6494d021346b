"""What decides the rounding of a computation."""

from __future__ import annotations

from repro_audit.compare.kinds.kind import VARIABLE, Kind, Stage

__all__ = ["KINDS"]

_COMPUTED: tuple[Stage, ...] = ("loss", "update")

KINDS = (
    Kind(
        "racing_op",
        "determinism",
        "racing operations",
        "bits",
        "their threads add in whatever order they come, op determinism or not",
        (r"determinism\.backend\.models\[\d+\]\.racing_ops",),
        acts_at=_COMPUTED,
    ),
    Kind(
        "threads",
        "determinism",
        "thread count",
        "bits",
        "sums are split among threads, and their order changes the rounding",
        (
            r"determinism\.backend\.threads",
            r"determinism\.usable_cores",
            VARIABLE + r"TF_NUM_INT(RA|ER)OP_THREADS",
        ),
        r"determinism\.backend\.threads\.intra_op\.in_force",
        acts_at=_COMPUTED,
        factor="threads",
    ),
    Kind(
        "op_determinism",
        "determinism",
        "op determinism",
        "bits",
        "TensorFlow then builds some gradients from other operations",
        (
            r"determinism\.backend\.op_determinism",
            r"determinism\.datasets\S*\.op_determinism",
            r"determinism\.backend\.functions_traced_before",
            VARIABLE + "TF_DETERMINISTIC_OPS",
        ),
        r"determinism\.backend\.op_determinism",
        acts_at=_COMPUTED,
        factor="op-determinism",
    ),
    Kind(
        "jit",
        "determinism",
        "XLA compilation (jit_compile)",
        "inputs",
        "XLA rounds differently and draws other random numbers for one seed",
        (r"determinism\.execution\[\d+\]\.jit", r"determinism\.execution\[\d+\]\.jit_requested"),
        r"determinism\.execution\[\d+\]\.jit",
        acts_at=_COMPUTED,
        factor="jit",
    ),
    Kind(
        "onednn",
        "determinism",
        "oneDNN",
        "bits",
        "its operations add in another order",
        (r"determinism\.backend\.onednn", VARIABLE + "TF_ENABLE_ONEDNN_OPTS"),
        r"determinism\.backend\.onednn\.in_force",
        acts_at=_COMPUTED,
        factor="onednn",
    ),
    Kind(
        "isa",
        "determinism",
        "instruction set",
        "bits",
        "wider vectors add in another order",
        (r"determinism\.backend\.isa", VARIABLE + "(ONEDNN|DNNL)_MAX_CPU_ISA"),
        acts_at=_COMPUTED,
        factor="isa",
    ),
    Kind(
        "xla_flags",
        "determinism",
        "XLA flags",
        "bits",
        "they choose how XLA computes",
        (r"determinism\.backend\.(tf_)?xla_flags", VARIABLE + "(TF_)?XLA_FLAGS"),
        acts_at=_COMPUTED,
    ),
    Kind(
        "execution",
        "determinism",
        "execution settings",
        "bits",
        "they choose which operations run",
        (r"determinism",),
        acts_at=_COMPUTED,
    ),
)
