"""RA1xx: where random numbers come from."""

from __future__ import annotations

from collections.abc import Iterator

from repro_audit.audit.rules import Seen, rule
from repro_audit.audit.sources import drawing_layers, random_sources
from repro_audit.errors import printable, shown
from repro_audit.manifest import Manifest
from repro_audit.replay import drawn_seeds, likely_small_seed, replay
from repro_audit.wording import counted

_KERAS_SEEDING = "Keras API: keras.utils.set_random_seed; keras-team/keras issue 22620"


@rule(
    "RA101",
    "error",
    "no seed is set",
    why="Initial weights, dropout masks and shuffling are other ones on every run.",
    remedy="repro_audit.control(seed={seed})  # first, before any layer or data set is made",
    source=_KERAS_SEEDING,
)
def no_seed(manifest: Manifest) -> Iterator[Seen]:
    """Neither Keras nor TensorFlow has a seed, and no small seed explains what layers drew."""
    seeds = manifest.conditions.seeds
    if seeds is None or seeds.in_force is not None:
        return
    drawn = drawn_seeds(manifest)
    if drawn and likely_small_seed(drawn) is not None:
        return
    yield Seen("Keras and TensorFlow hold no global seed.", "$.conditions.seeds.declared")


@rule(
    "RA102",
    "error",
    "Python's random is not seeded, and layers draw from it",
    why=(
        "A Keras layer without a seed draws one from Python's random when it is constructed. "
        "Seeding NumPy and TensorFlow alone leaves the initial weights different on every run."
    ),
    remedy="keras.utils.set_random_seed({seed})  # seeds Python, NumPy and TensorFlow together",
    source=_KERAS_SEEDING,
)
def python_not_seeded(manifest: Manifest) -> Iterator[Seen]:
    """The layers' drawn seeds are no draws of the seed that TensorFlow has."""
    seeds = manifest.conditions.seeds
    drawn = drawn_seeds(manifest)
    if seeds is None or seeds.declared is not None or seeds.backend.seed is None or not drawn:
        return
    seed = seeds.backend.seed
    if replay(seed, drawn).found or likely_small_seed(drawn) is not None:
        return
    yield Seen(
        f"TensorFlow's seed is {seed}, but none of the {len(drawn)} seeds that layers drew "
        f"is a draw of random.Random({seed}), nor of any seed from 0 to 1023.",
        "$.conditions.initializers.layers",
        f"keras.utils.set_random_seed({seed})  # seeds Python, NumPy and TensorFlow together",
    )


@rule(
    "RA103",
    "warning",
    "the layers' seeds do not come from the declared seed",
    why="Something else decides the initial weights, and it is not in this manifest.",
    remedy="repro_audit.control(seed={seed})  # after all that seeds, before the first layer",
    source="keras/src/random/seed_generator.py: make_default_seed",
)
def seeds_from_elsewhere(manifest: Manifest) -> Iterator[Seen]:
    """Some drawn seeds are not in the stream of the declared seed."""
    seeds = manifest.conditions.seeds
    drawn = drawn_seeds(manifest)
    if seeds is None or seeds.declared is None or not drawn:
        return
    found = replay(seeds.declared, drawn)
    if not found.complete:
        yield Seen(
            f"{found.drawn - found.found} of {found.drawn} seeds that layers drew are no draws "
            f"of random.Random({seeds.declared}).",
            "$.conditions.initializers.layers",
            f"repro_audit.control(seed={seeds.declared})  # after everything that seeds",
        )


@rule(
    "RA104",
    "info",
    "something drew from Python's random before or between the layers",
    why=(
        "Every later layer gets another seed when such a draw comes or goes: one unused layer "
        "or one random.random() changes the whole run."
    ),
    remedy="layer = keras.layers.Dense(64, kernel_initializer=keras.initializers.HeNormal(seed=1))",
    source="replay of random.Random(seed) against the recorded seeds",
)
def extra_draws(manifest: Manifest) -> Iterator[Seen]:
    """The layers' draws are not the first ones of the seed, or not consecutive."""
    seeds = manifest.conditions.seeds
    drawn = drawn_seeds(manifest)
    if seeds is None or not drawn:
        return
    seed = seeds.in_force
    found = None if seed is None else replay(seed, drawn)
    if found is None or not found.complete:
        return
    for words, where in (
        (found.offset_words, "before the first layer's draw"),
        (found.gap_words, "between the layers' draws"),
    ):
        if words:
            calls = words / 2
            yield Seen(
                f"{counted(words, 'word')} of random.Random({seed}) were taken "
                f"{where}: an offset of {counted(words, 'layer seed')}, or "
                f"{calls:g} random.random().",
                "$.conditions.initializers.layers",
            )


@rule(
    "RA105",
    "warning",
    "PYTHONHASHSEED is not fixed",
    why="The order of a set of strings changes from run to run: labels or files may follow it.",
    remedy="export PYTHONHASHSEED=0  # before Python starts",
    source="Python documentation: PYTHONHASHSEED",
)
def hash_seed(manifest: Manifest) -> Iterator[Seen]:
    """Python hashes strings with a random key."""
    seeds = manifest.conditions.seeds
    if seeds is None or not seeds.hash_seed.randomized:
        return
    requested = seeds.hash_seed.requested
    if requested is None or not requested.isdigit():
        said = "is not set" if requested is None else f"is {shown(requested)}"
        yield Seen(f"PYTHONHASHSEED {said}.", "$.conditions.seeds.hash_seed.requested")


@rule(
    "RA106",
    "warning",
    "a random layer has no seed",
    why=(
        "It drew one from Python's random, which nobody seeded: its masks are other ones on every "
        "run. Op determinism does not see that, as Keras's random operations carry a seed."
    ),
    remedy="keras.layers.Dropout(0.5, seed=1)",
    source=_KERAS_SEEDING,
)
def unseeded_layer(manifest: Manifest) -> Iterator[Seen]:
    """A layer that draws while it trains has a drawn seed that no known seed explains."""
    seeds = manifest.conditions.seeds
    if seeds is None:
        return
    drawing = drawing_layers(manifest)
    layers = [item for item in seeds.layers if not item.given and item.layer in drawing[item.model]]
    drawn = tuple(dict.fromkeys(item.seed for item in layers))
    known = seeds.in_force
    found = 0 if known is None else replay(known, drawn).found
    if found == len(drawn):
        return
    if seeds.declared is None and likely_small_seed(drawn) is not None:
        return
    classes = list(dict.fromkeys(item.layer for item in layers))
    names = ", ".join(map(printable, classes[:8]))
    several = len(drawn) - found > 1
    yield Seen(
        f"{names} drew {counted(len(drawn) - found, 'seed')} that "
        + (
            "no known seed explains."
            if known is None
            else f"{'are no draws' if several else 'is no draw'} of random.Random({known})."
        ),
        "$.conditions.seeds.layers",
        f"keras.layers.{layers[0].layer}(..., seed=1)" if layers[0].layer.isidentifier() else None,
    )


@rule(
    "RA107",
    "warning",
    "default_rng() has no seed",
    why="It takes one from the operating system, whatever else is seeded: other numbers each run.",
    remedy="rng = np.random.default_rng({seed})",
    source="keras-team/keras issue 19322; NumPy documentation: numpy.random.default_rng",
)
def unseeded_generator(manifest: Manifest) -> Iterator[Seen]:
    """A NumPy generator was made without a seed, or code that prepares data makes one."""
    conditions = manifest.conditions
    for index, item in enumerate(conditions.seeds.generators if conditions.seeds else ()):
        if item.given is False:
            yield Seen(
                f"{printable(item.where)} has a seed that stands neither in the code nor among the "
                "arguments.",
                f"$.conditions.seeds.generators[{index}].given",
            )
    for path, source in random_sources(manifest):
        if source.seeded is False and source.source.endswith("()"):
            yield Seen(f"The code that prepares data calls {printable(source.source)}.", path)
