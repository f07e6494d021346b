"""The records of a manifest's conditions: what was controlled.

See `repro_audit.manifest.records` for how records are made.
"""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.manifest.inputs import Read
from repro_audit.manifest.training import Json, Training


class Generator(NamedTuple):
    """The state of a shared random generator when recording began."""

    digest: str | None
    as_seeded: bool | None


class BackendGenerator(NamedTuple):
    """The backend's global seed, and the state of the generator it feeds."""

    seed: int | None
    digest: str | None


class HashSeed(NamedTuple):
    """What PYTHONHASHSEED asked for, and what Python does."""

    requested: str | None
    randomized: bool
    probe: str


class LayerSeed(NamedTuple):
    """The seed of one layer's own generator, drawn or given."""

    model: int
    layer: str
    seed: int
    given: bool


class NumpyGenerator(NamedTuple):
    """A generator of NumPy's that the project made for itself."""

    where: str
    bit_generator: str
    entropy: tuple[int, ...] | None
    spawn_key: tuple[int, ...]
    given: bool | None

    @property
    def is_left_to_chance(self) -> bool:
        """Whether the operating system gave its seed, of 128 bits, and no line of code did."""
        return self.given is False and max(self.entropy or (0,)) >= 2**64


class Seeds(NamedTuple):
    """Every seed, declared, in force and drawn."""

    declared: int | None
    declared_by: str | None
    python: Generator
    numpy: Generator
    backend: BackendGenerator
    hash_seed: HashSeed
    layers: tuple[LayerSeed, ...]
    generators: tuple[NumpyGenerator, ...]

    @property
    def in_force(self) -> int | None:
        """The run's seed: Keras's where one was declared, else the backend's; None for none."""
        return self.backend.seed if self.declared is None else self.declared


class ThreadPool(NamedTuple):
    """The size of one thread pool: requested, and in force."""

    requested: int
    environment: str | None
    in_force: int
    source: str


class Threads(NamedTuple):
    """TensorFlow's thread pools."""

    intra_op: ThreadPool
    inter_op: ThreadPool


class Onednn(NamedTuple):
    """Whether oneDNN's operations are used."""

    requested: str | None
    in_force: bool | None


class Isa(NamedTuple):
    """The instruction set oneDNN may use."""

    requested: str | None
    in_force: str | None


class Execution(NamedTuple):
    """How one model's steps are executed."""

    model: int
    jit_requested: bool | str | None
    jit: bool
    eager: bool
    steps_per_execution: int
    dtype_policy: str


class Function(NamedTuple):
    """A function, or several that act as one, by the digest of what its code does."""

    name: str
    digest: str | None


class RandomSource(NamedTuple):
    """Where the code that prepares data takes random numbers from."""

    source: str
    seeded: bool | None
    stateful: bool


class Stage(NamedTuple):
    """One transformation of a tf.data pipeline."""

    op: str
    num_parallel_calls: int | None
    deterministic: bool | str | None
    buffer_size: int | None
    seed: tuple[int, ...] | None
    reshuffle_each_iteration: bool | None
    random: tuple[RandomSource, ...]
    arguments: dict[str, Json] | None = None
    function: Function | None = None


class DatasetOptions(NamedTuple):
    """What was given to a fit as data, and how it is read."""

    fit: int
    argument: str
    kind: str
    op_determinism: bool
    deterministic: bool | None
    workers: int | None
    use_multiprocessing: bool | None
    random: tuple[RandomSource, ...]
    stages: tuple[Stage, ...]
    arguments: dict[str, Json] | None = None
    function: Function | None = None


class TensorFlowModel(NamedTuple):
    """What decides the bits of one model's steps on TensorFlow alone."""

    model: int
    strategy: str | None
    replicas: int | None
    racing_ops: tuple[str, ...] | None


class TensorFlowDeterminism(NamedTuple):
    """The switches that TensorFlow alone has."""

    name: str
    op_determinism: str
    functions_traced_before: int | None
    threads: Threads
    onednn: Onednn
    isa: Isa
    tf32: bool | None
    xla_flags: str | None
    tf_xla_flags: str | None
    models: tuple[TensorFlowModel, ...]


class Determinism(NamedTuple):
    """Every switch that decides which bits an operation returns.

    What a backend alone has is its own record, told from others by its ``name``.
    """

    usable_cores: int
    backend: TensorFlowDeterminism | None
    execution: tuple[Execution, ...]
    datasets: tuple[DatasetOptions, ...]


class Cpu(NamedTuple):
    """The processor."""

    model: str | None
    vendor: str | None
    microarchitecture: str | None
    features: str | None
    physical_cores: int | None
    logical_cores: int | None


class Accelerator(NamedTuple):
    """One accelerator and its driver."""

    name: str
    memory_bytes: int | None
    driver: str | None


class Python(NamedTuple):
    """The interpreter."""

    version: str
    implementation: str
    build: str
    compiler: str


class Environment(NamedTuple):
    """The machine, the operating system and the interpreter."""

    system: str
    release: str
    machine: str
    libc: str | None
    memory_bytes: int | None
    cpu: Cpu
    accelerators: tuple[Accelerator, ...] | None
    devices: tuple[str, ...] | None
    python: Python
    backend: str | None
    backend_build: str | None
    timezone: str | None
    locale: str | None
    file_order: str | None
    variables: dict[str, str]


class Source(NamedTuple):
    """Where a distribution came from when it was not a package index."""

    editable: bool
    url: str | None
    commit: str | None


class Package(NamedTuple):
    """One installed distribution."""

    version: str
    digest: str | None
    source: Source | None


class Requirements(NamedTuple):
    """One file beside the code that names the packages it needs."""

    file: str
    digest: str
    pinned: int
    loose: tuple[str, ...]


class Packages(NamedTuple):
    """The installed distributions, and the files that say which are wanted."""

    distributions: dict[str, Package]
    requirements: tuple[Requirements, ...]

    @property
    def stack(self) -> dict[str, str]:
        """The versions of what computes, by name: frameworks first."""
        names = ("keras", "tensorflow", "jax", "torch", "numpy")
        known = self.distributions
        return {name: known[name].version for name in names if name in known}


class Git(NamedTuple):
    """The state of the repository."""

    commit: str | None
    dirty: bool
    diff_digest: str | None


class Code(NamedTuple):
    """What was run."""

    argv: tuple[str, ...]
    entry_point: str | None
    git: Git | None
    files: dict[str, str]


class Array(NamedTuple):
    """One array of a data set."""

    dtype: str
    shape: tuple[int, ...]
    digest: str


class Data(NamedTuple):
    """The content of one data set."""

    arrays: tuple[Array, ...]
    samples: int | None
    of_call: bool | None
    digest: str
    unordered_digest: str | None


class InitializerSample(NamedTuple):
    """What one built-in initializer gives for seed 42."""

    initializer: str
    shape: tuple[int, ...]
    values: tuple[float, ...]
    digest: str


class LayerInitializer(NamedTuple):
    """The initializer of one weight, and the seed it holds."""

    model: int
    layer: str
    role: str
    initializer: str
    seed: int | None
    given: bool | None


class Initializers(NamedTuple):
    """Samples of the built-in initializers, and every layer's own."""

    builtin: tuple[InitializerSample, ...]
    layers: tuple[LayerInitializer, ...]
    restored: bool | None


class Conditions(NamedTuple):
    """What was controlled. Conditions explain a mismatch."""

    data: dict[str, Data] | None = None
    seeds: Seeds | None = None
    training: Training | None = None
    determinism: Determinism | None = None
    packages: Packages | None = None
    environment: Environment | None = None
    code: Code | None = None
    initializers: Initializers | None = None
    read: Read | None = None

    @property
    def tensorflow(self) -> TensorFlowDeterminism | None:
        """TensorFlow's switches; None where they were not read, or another backend ran."""
        return None if self.determinism is None else self.determinism.backend
