"""What a manifest records of how a run was controlled."""

from __future__ import annotations

import shlex

from repro_audit.audit.checklists.evidence import Evidence, Statement, reasons
from repro_audit.audit.checklists.wording import brief, configured, setting, settings, size
from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import Data, Requirements
from repro_audit.manifest.training import TrainedModel, optimizer_field
from repro_audit.wording import counted, listed

__all__ = [
    "ACCELERATORS", "CODE_FILES", "COMMAND", "COMMIT", "CORES", "CPU", "DATA", "DETERMINISM",
    "FITS", "LOSS", "MEMORY", "MODEL", "OPTIMIZER", "PACKAGES", "PIPELINE", "REQUIREMENTS",
    "SEEDS", "SYSTEM",
]  # fmt: skip

_MODELS = "$.conditions.training.models"
_OP_DETERMINISM = {
    "before_first_op": "on before the first operation",
    "later": "switched on only after operations had run",
    "off": "off",
}
_MAX_NAMES = 3
"""Models or fits that are described; the fields hold all."""


def _statement(parts: list[tuple[str, str]]) -> Statement | None:
    """Join sentences, each behind the path of the field it rests on."""
    if not parts:
        return None
    texts = dict.fromkeys(text for _, text in parts if text)
    return Statement(" ".join(texts), tuple(dict.fromkeys(path for path, _ in parts)))


def _seeds(manifest: Manifest) -> Statement | None:
    seeds = manifest.conditions.seeds
    if seeds is None:
        return None
    where = "$.conditions.seeds"
    parts = []
    if seeds.declared is not None:
        by = f", set by {seeds.declared_by}" if seeds.declared_by else ""
        parts.append(
            (f"{where}.declared", f"The declared seed is {brief(str(seeds.declared))}{by}.")
        )
        if by:
            parts.append((f"{where}.declared_by", ""))
    elif not reasons(manifest, f"{where}.declared"):
        parts.append((f"{where}.declared", "No seed was declared."))
    if seeds.declared is None and seeds.backend.seed is not None:
        seed = brief(str(seeds.backend.seed))
        parts.append((f"{where}.backend.seed", f"The backend's global seed is {seed}."))
    if seeds.layers:
        given = sum(item.given for item in seeds.layers)
        drawn = len(seeds.layers) - given
        text = (
            f"Recorded seeds of layers: {given:,} given, {drawn:,} drawn from Python's generator."
        )
        parts.append((f"{where}.layers", text))
    return _statement(parts)


def _determinism(manifest: Manifest) -> Statement | None:
    tensorflow = manifest.conditions.tensorflow
    if tensorflow is None:
        return None
    where = "$.conditions.determinism.backend"
    state = _OP_DETERMINISM.get(tensorflow.op_determinism)
    pools = tensorflow.threads
    parts = [(f"{where}.op_determinism", f"Op determinism was {state}.")] if state else []
    parts.append(
        (
            f"{where}.threads",
            (
                f"{counted(pools.intra_op.in_force, 'thread')} within operations and "
                f"{pools.inter_op.in_force:,} between them were in force."
            ),
        )
    )
    return _statement(parts)


def _model(manifest: Manifest) -> Statement | None:
    models = manifest.conditions.training.models if manifest.conditions.training else ()
    parts = []
    for index, model in enumerate(models[:_MAX_NAMES]):
        where = f"{_MODELS}[{index}]"
        text = f"Model {index} is a {brief(model.class_name)}"
        paths = [f"{where}.class_name"]
        inner = model.config.get("config") if isinstance(model.config, dict) else None
        layers = inner.get("layers") if isinstance(inner, dict) else None
        if isinstance(layers, list):
            text += f" of {counted(len(layers), 'layer')}"
            paths.append(f"{where}.config")
        if model.config_digest is not None:
            text += f"; its configuration has the digest {brief(model.config_digest, 19)}"
            paths.append(f"{where}.config_digest")
        parts += [(path, f"{text}.") for path in paths]
    return _statement([*parts, *_more(_MODELS, len(models), "model")])


def _optimizer(manifest: Manifest) -> Statement | None:
    models = manifest.conditions.training.models if manifest.conditions.training else ()
    return _statement(
        [
            (
                f"{_MODELS}[{index}].{optimizer_field(number)}",
                f"Optimizer{_of(index, models)}: {configured(optimizer)}.",
            )
            for index, model in enumerate(models[:_MAX_NAMES])
            for number, optimizer in enumerate(model.optimizers[:_MAX_NAMES])
            if optimizer is not None
        ]
    )


def _loss(manifest: Manifest) -> Statement | None:
    models = manifest.conditions.training.models if manifest.conditions.training else ()
    parts = []
    for index, model in enumerate(models[:_MAX_NAMES]):
        where, of = f"{_MODELS}[{index}]", _of(index, models)
        if model.loss is not None:
            parts.append((f"{where}.loss", f"Loss{of}: {setting(model.loss)}."))
        if model.metrics:
            parts.append((f"{where}.metrics", f"Metrics{of}: {setting(model.metrics)}."))
    return _statement(parts)


def _fits(manifest: Manifest) -> Statement | None:
    training = manifest.conditions.training
    fits = training.fits if training else ()
    parts = []
    for index, fit in enumerate(fits[:_MAX_NAMES]):
        where = f"$.conditions.training.fits[{index}]"
        arguments = settings(fit.arguments) or "none"
        parts.append((f"{where}.arguments", f"Arguments of fit {index}: {arguments}."))
        callbacks = listed(map(brief, fit.callbacks)) or "none"
        parts.append((f"{where}.callbacks", f"Callbacks of fit {index}: {callbacks}."))
    return _statement([*parts, *_more("$.conditions.training.fits", len(fits), "fit")])


def _of(index: int, models: tuple[TrainedModel, ...]) -> str:
    """Return whose it is, where there are several."""
    return f" of model {index}" if len(models) > 1 else ""


def _more(path: str, count: int, noun: str) -> list[tuple[str, str]]:
    """Say how many there are beside those described."""
    rest = count - _MAX_NAMES
    return [(path, f"The manifest describes {counted(rest, noun)} more.")] if rest > 0 else []


def _data(manifest: Manifest) -> Statement | None:
    data = manifest.conditions.data
    if not data:
        return None
    roles = listed((_role(role, item) for role, item in data.items()), most=6)
    return Statement(f"Data sets by their recorded role: {roles}.", ("$.conditions.data",))


def _role(role: str, item: Data) -> str:
    samples = f"{counted(item.samples, 'sample')}, " if item.samples is not None else ""
    return f"{brief(role)} ({samples}digest {brief(item.digest, 19)})"


def _pipeline(manifest: Manifest) -> Statement | None:
    determinism = manifest.conditions.determinism
    datasets = determinism.datasets if determinism else ()
    parts = [
        (
            f"$.conditions.determinism.datasets[{index}]",
            (
                f"Argument {brief(dataset.argument)} of fit {dataset.fit} went through "
                f"{listed(brief(stage.op) for stage in dataset.stages)}."
            ),
        )
        for index, dataset in enumerate(datasets)
        if dataset.stages
    ]
    return _statement(parts[:6])


def _system(manifest: Manifest) -> Statement | None:
    environment = manifest.conditions.environment
    if environment is None:
        return None
    where, python = "$.conditions.environment", environment.python
    system = " ".join(map(brief, (environment.system, environment.release)))
    parts = [
        (f"{where}.system", ""),
        (f"{where}.release", f"Operating system: {system}."),
        (f"{where}.python", f"{brief(python.implementation)} {brief(python.version)}."),
    ]
    if environment.backend is not None:
        parts.append((f"{where}.backend", f"Keras's backend: {brief(environment.backend)}."))
    return _statement(parts)


def _cpu(manifest: Manifest) -> Statement | None:
    environment = manifest.conditions.environment
    if environment is None or environment.cpu.model is None:
        return None
    where, cpu = "$.conditions.environment.cpu", environment.cpu
    text = f"Processor: {brief(environment.cpu.model)}"
    parts = [(f"{where}.model", "")]
    for name, count in (("physical", cpu.physical_cores), ("logical", cpu.logical_cores)):
        if count is not None:
            text += f", {counted(count, f'{name} core')}"
            parts.append((f"{where}.{name}_cores", ""))
    return _statement([*parts, (f"{where}.model", f"{text}.")])


def _cores(manifest: Manifest) -> Statement | None:
    determinism = manifest.conditions.determinism
    if determinism is None:
        return None
    cores = counted(determinism.usable_cores, "core")
    path = "$.conditions.determinism.usable_cores"
    return Statement(f"The process could use {cores}.", (path,))


def _memory(manifest: Manifest) -> Statement | None:
    environment = manifest.conditions.environment
    if environment is None or environment.memory_bytes is None:
        return None
    text = f"Memory of the machine: {size(environment.memory_bytes)}."
    return Statement(text, ("$.conditions.environment.memory_bytes",))


def _accelerators(manifest: Manifest) -> Statement | None:
    environment = manifest.conditions.environment
    if environment is None or environment.accelerators is None:
        return None
    names = [
        brief(item.name)
        + (f", {size(item.memory_bytes)}" if item.memory_bytes is not None else "")
        + (f", driver {brief(item.driver)}" if item.driver is not None else "")
        for item in environment.accelerators
    ]
    text = f"Accelerators: {listed(names)}." if names else "No driver reported an accelerator."
    return Statement(text, ("$.conditions.environment.accelerators",))


def _packages(manifest: Manifest) -> Statement | None:
    packages = manifest.conditions.packages
    if packages is None or not packages.distributions:
        return None
    known = packages.distributions
    stack = [f"{name} {brief(version)}" for name, version in packages.stack.items()]
    among = f", among them {', '.join(stack)}" if stack else ""
    text = f"{counted(len(known), 'installed distribution')} with the version of each{among}."
    return Statement(text, ("$.conditions.packages.distributions",))


def _requirements(manifest: Manifest) -> Statement | None:
    packages = manifest.conditions.packages
    if packages is None or not packages.requirements:
        return None
    files = " ".join(map(_pins, packages.requirements[:_MAX_NAMES]))
    return Statement(files, ("$.conditions.packages.requirements",))


def _pins(file: Requirements) -> str:
    loose = listed(map(brief, file.loose)) or "none"
    pins = counted(file.pinned, "requirement")
    return f"{brief(file.file)} pins {pins} to one version and leaves open: {loose}."


def _command(manifest: Manifest) -> Statement | None:
    code = manifest.conditions.code
    if code is None:
        return None
    parts = []
    if code.entry_point is not None:
        text = f"Entry point: {brief(code.entry_point)}."
        parts.append(("$.conditions.code.entry_point", text))
    if code.argv:
        text = f"Arguments of the process: {brief(shlex.join(code.argv), 200)}."
        parts.append(("$.conditions.code.argv", text))
    return _statement(parts)


def _commit(manifest: Manifest) -> Statement | None:
    code = manifest.conditions.code
    if code is None or code.git is None or code.git.commit is None:
        return None
    state = (
        "dirty: files differed from the commit, or were not in it" if code.git.dirty else "clean"
    )
    text = f"Git commit {brief(code.git.commit)}; the working tree was {state}."
    return Statement(text, ("$.conditions.code.git.commit", "$.conditions.code.git.dirty"))


def _code_files(manifest: Manifest) -> Statement | None:
    code = manifest.conditions.code
    if code is None or not code.files:
        return None
    text = f"Digests of {counted(len(code.files), 'source file')}."
    return Statement(text, ("$.conditions.code.files",))


_TRAINING = "$.conditions.training"
_ENVIRONMENT = "$.conditions.environment"
_CODE = "$.conditions.code"

SEEDS = Evidence("seeds", "$.conditions.seeds", _seeds)
DETERMINISM = Evidence("op determinism and threads", "$.conditions.determinism", _determinism)
MODEL = Evidence("the model", _TRAINING, _model)
OPTIMIZER = Evidence("the optimizer", _TRAINING, _optimizer)
LOSS = Evidence("loss and metrics", _TRAINING, _loss)
FITS = Evidence("the arguments of fit", _TRAINING, _fits)
DATA = Evidence("data sets", "$.conditions.data", _data)
PIPELINE = Evidence(
    "the stages of a tf.data pipeline", "$.conditions.determinism.datasets", _pipeline
)
SYSTEM = Evidence("operating system and Python", _ENVIRONMENT, _system)
CPU = Evidence("the processor", f"{_ENVIRONMENT}.cpu", _cpu)
CORES = Evidence("usable cores", "$.conditions.determinism", _cores)
MEMORY = Evidence("memory", f"{_ENVIRONMENT}.memory_bytes", _memory)
ACCELERATORS = Evidence("accelerators", f"{_ENVIRONMENT}.accelerators", _accelerators)
PACKAGES = Evidence("packages", "$.conditions.packages", _packages)
REQUIREMENTS = Evidence(
    "a requirements file beside the code", "$.conditions.packages", _requirements
)
COMMAND = Evidence("the command", _CODE, _command)
COMMIT = Evidence("a git commit", f"{_CODE}.git", _commit)
CODE_FILES = Evidence("source files", f"{_CODE}.files", _code_files)
