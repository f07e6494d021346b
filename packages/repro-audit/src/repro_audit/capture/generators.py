"""NumPy generators of the run's own code: where they are, and from which seed they were made.

A generator tells the entropy it was made from even where nobody gave it one. What the
operating system gives has 128 bits; a number that long is taken as given only where it stands
in the code or on the command line. Reading advances no generator.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from repro_audit.capture.code import own_modules
from repro_audit.capture.kernel import cell_of_variable, cells_run
from repro_audit.capture.privacy import scrub
from repro_audit.manifest.conditions import NumpyGenerator

if TYPE_CHECKING:
    import numpy as np

__all__ = ["capture_generators", "generators_in"]

_MAX_GIVEN_BITS = 64
"""A longer seed that nobody gave comes from the operating system; so short a one by chance once
in 2^64 times."""

_FIXED = {"PCG64": "inc", "PCG64DXSM": "inc", "Philox": "key"}
"""Part of a bit generator's state that follows from its seed and that no draw changes."""

_MAX_SOURCE_BYTES = 2**20


def capture_generators(
    others: Iterable[tuple[str, Any]] = (),
    known: Iterable[NumpyGenerator] = (),
) -> tuple[NumpyGenerator, ...]:
    """Read the generators in the modules of the run's own code, and others.

    Args:
        others: Generators found elsewhere, each behind the place it was found in. Anything
            else is passed over.
        known: What was read before; whether these seeds were given is not looked up again.

    Returns:
        One record a generator, modules by name first; empty while ``numpy.random`` is not imported.

    Source:
        Measured on NumPy 2.4: ``bit_generator.seed_seq.entropy`` tells the seed even of a generator
        that was given none.
    """
    # A generator that no module has made needs no search.
    if "numpy.random" not in sys.modules:
        return ()
    found: dict[int, tuple[str, Any]] = {}
    for where, value in (*_in_modules(), *others):
        if _is_generator(value):
            found.setdefault(id(value), (where, value))
    text = _Text({item.entropy[0]: bool(item.given) for item in known if item.entropy})
    return tuple(_read(where, value, text) for where, value in found.values())


def generators_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the generators that an object or its class holds, or the locals of a generator.

    Yields:
        The place, ``Class.attribute`` or ``function.variable``, and the generator.
    """
    if isinstance(value, types.GeneratorType):
        frame = value.gi_frame
        title, held = value.__qualname__, {} if frame is None else dict(frame.f_locals)
    else:
        title, held = type(value).__qualname__, dict(getattr(value, "__dict__", {}))
        for base in type(value).__mro__:
            for name, attribute in vars(base).items():
                held.setdefault(name, attribute)
    for name, attribute in held.items():
        if _is_generator(attribute):
            yield f"{title}.{name}", attribute


def _in_modules() -> Iterator[tuple[str, Any]]:
    modules = {name: module for name, module, _ in own_modules()}
    main = sys.modules.get("__main__")
    if main is not None:  # a notebook has no file
        modules = {"__main__": main, **modules}
    for name in sorted(modules):
        for variable, value in list(vars(modules[name]).items()):
            yield _where(name, variable) if _is_generator(value) else name, value


def _where(module: str, variable: str) -> str:
    """Return where a variable is: its module, or the cell of a notebook."""
    cell = cell_of_variable(variable) if module == "__main__" else None
    return f"{module}.{variable}" if cell is None else f"{variable} (cell {cell})"


def _is_generator(value: Any) -> bool:
    numpy = sys.modules.get("numpy.random")
    return numpy is not None and isinstance(value, numpy.Generator)


def _read(where: str, generator: np.random.Generator, text: _Text) -> NumpyGenerator:
    bits = generator.bit_generator
    entropy = _entropy(bits)
    given = None
    if entropy is not None:
        given = len(entropy) != 1 or _is_short(entropy[0]) or text.holds(entropy[0])
    sequence = getattr(bits, "seed_seq", None)
    return NumpyGenerator(
        where=scrub(where)[:200],
        bit_generator=type(bits).__name__,
        entropy=entropy,
        spawn_key=tuple(map(int, getattr(sequence, "spawn_key", ()))),
        given=given,
    )


def _is_short(entropy: int) -> bool:
    return entropy.bit_length() <= _MAX_GIVEN_BITS


def _entropy(bits: Any) -> tuple[int, ...] | None:
    """Return what a bit generator was seeded with; None where its state is another by now."""
    import numpy as np

    sequence = getattr(bits, "seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    # That of np.random was seeded again by np.random.seed, which its sequence does not show.
    if entropy is None or bits is np.random.mtrand._rand._bit_generator:  # noqa: SLF001 - the shared one
        return None
    fixed = _FIXED.get(type(bits).__name__)
    if fixed is not None:
        fresh = type(bits)(sequence).state["state"][fixed]
        if not np.array_equal(fresh, bits.state["state"][fixed]):
            return None
    numbers = entropy if isinstance(entropy, list | tuple | np.ndarray) else [entropy]
    return tuple(int(number) for number in np.ravel(np.array(numbers, dtype=object)))


class _Text:
    """The text of the run's own code, and what it was started with. Read when needed."""

    def __init__(self, known: dict[int, bool]) -> None:
        self._known = known
        self._read: str | None = None

    def holds(self, number: int) -> bool:
        """Whether a number stands in the text, in decimal or hexadecimal digits."""
        if number in self._known:
            return self._known[number]
        if self._read is None:
            parts = [*sys.orig_argv, *cells_run(), *self._files()]
            self._read = "\n".join(parts).replace("_", "").lower()
        return str(number) in self._read or f"{number:x}" in self._read

    def _files(self) -> Iterator[str]:
        for _, _, path in own_modules():
            try:
                if path.stat().st_size <= _MAX_SOURCE_BYTES:
                    yield path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
