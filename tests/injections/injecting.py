"""Train one model again and again, recorded, and flip one bit in each run."""

from __future__ import annotations

import filecmp
import functools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from judging import BATCH, EPOCHS, PLACES, STEPS, Injection, Outcome, judge, named_by
from models import MODELS, Training

import repro_audit
from repro_audit.manifest import Manifest
from repro_audit.trace import Trace, find_trace, trace_path

PARTS = {
    "sign": range(31, 32),
    "exponent": range(23, 31),
    "high mantissa": range(16, 23),
    "mid mantissa": range(8, 16),
    "low mantissa": range(8),
}
"""Parts of a float32, each as likely to be chosen, and their bits."""

SEED = 812
Step = tuple[int, int]
"""Epoch and step, both from 1."""


class Trainer:
    """Records runs of one model, which begin with the same bits, and judges them."""

    def __init__(self, kind: str, folder: Path) -> None:
        """Build the model.

        Args:
            kind: Name of the model.
            folder: Where runs are recorded, each in a folder of its own.
        """
        # One process of several: each has one thread, and what it computes is the same in all.
        repro_audit.control(seed=SEED, threads=1)
        self.training: Training = MODELS[kind]()
        self._folder = folder
        self._initial = [_read(item) for item in self.training.variables]
        self._clean: dict[Step, list[bytes]] = {}

    def draw(self, rng: random.Random) -> Injection:
        """Draw an injection; no tensor is more likely than another of its place."""
        [place] = rng.choices(list(PLACES), PLACES.values())
        epoch, step = rng.randint(1, EPOCHS), rng.randint(1, STEPS)
        if place == "batch":
            epoch = 1  # all epochs have the same arrays
        if place == "between" and (epoch, step) == (EPOCHS, STEPS):
            step -= 1
        if place == "end":
            epoch, step = EPOCHS, STEPS
        tensor: int | str
        if place == "batch":
            tensor = rng.choice(list(self.training.data))
            value = self.training.data[tensor][:BATCH]
        else:
            weights = len(self.training.model.variables)
            tensor = rng.randrange(weights if place == "initial" else len(self._initial))
            value = self._initial[tensor]
        bits = PARTS[rng.choice(list(PARTS))]
        if value.dtype != np.float32:
            bits = range(self.training.limits.get(str(tensor), 8 * value.dtype.itemsize))
        return Injection(place, epoch, step, tensor, rng.randrange(value.size), rng.choice(bits))

    def record(self, name: str, injection: Injection | None = None) -> tuple[Path, set[int]]:
        """Record a run.

        Args:
            name: Its folder.
            injection: What is flipped in it, if anything is.

        Returns:
            Its manifest; and where a bit was flipped in a step or behind one, which tensors of the
            state differed when that step, or the next one, had ended.

        Raises:
            RuntimeError: A step has not flipped what it was to flip, or has changed more.
        """
        for number, (variable, value) in enumerate(
            zip(self.training.variables, self._initial, strict=True)
        ):
            at_start = injection is not None and injection[0::3] == ("initial", number)
            variable.assign(flipped(value, *injection[4:]) if at_start else value)
        data = dict(self.training.data)
        if injection is not None and injection.place == "batch":
            first = ((injection.step - 1) * BATCH) * data[injection.tensor][0].size
            element = first + injection.element
            data[injection.tensor] = flipped(data[injection.tensor], element, injection.bit)
        keras.utils.set_random_seed(SEED)
        hand = _Hand(self.training, injection, self._clean)
        path = self._folder / name / "manifest.json"
        path.parent.mkdir(parents=True)
        with repro_audit.record(path) as run:
            run.data("train", *data.values())
            self.training.model.fit(
                **data,
                batch_size=BATCH,
                epochs=EPOCHS,
                shuffle=False,
                callbacks=[hand],
                verbose=0,
            )
        if injection is not None and injection.place == "step" and hand.changed != {injection[3]}:
            message = f"{injection}: the state differs in {hand.changed} behind that step"
            raise RuntimeError(message)
        return path, hand.changed

    def outcome(
        self,
        expected: Path,
        name: str,
        injection: Injection | None = None,
        *,
        another: bool = False,
    ) -> Outcome:
        """Record a run, compare it with another one, and judge what is said.

        Args:
            expected: Manifest of a run without a flip, of another process.
            name: Folder of the run, which is taken away.
            injection: What is flipped in it, if anything is.
            another: Whether to ask for the tensor beside the one that was flipped, which nothing
                should be able to name.
        """
        path, changed = self.record(name, injection)
        manifests, traces = zip(_load_once(expected), _load(path), strict=True)
        result = repro_audit.audit(*manifests, traces=traces)
        same = filecmp.cmp(*map(trace_path, (expected, path)), shallow=False)
        shutil.rmtree(path.parent)
        said = f"{injection}: {result.comparisons[0].reason}"
        if injection is None:
            right = (result.verdict, result.evidence, same) == ("identical", "trace", True)
            return Outcome("none", right, right, "", f"{result.verdict}: {result.reason}")
        wanted = injection
        if another:
            beside = "y" if injection.tensor == "x" else "x"
            if isinstance(injection.tensor, int):
                beside = (injection.tensor + 1) % len(self._initial)
            wanted = injection._replace(tensor=beside)
        return judge(wanted, changed, named_by(result), said)


def flipped(value: np.ndarray[Any, Any], element: int, bit: int) -> np.ndarray[Any, Any]:
    """Return a copy of an array in which one bit is another."""
    copy = value.copy()
    words = copy.reshape(-1).view(f"u{value.dtype.itemsize}")
    words[element] ^= words.dtype.type(1 << bit)
    return copy


class _Hand(keras.callbacks.Callback):
    """Flips what an injection says while a model is fitted, and looks what comes of it."""

    def __init__(
        self, training: Training, injection: Injection | None, clean: dict[Step, list[bytes]]
    ) -> None:
        super().__init__()
        self._training, self._injection, self._clean = training, injection, clean
        self._epoch = 0
        self.changed: set[int] = set()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._is_here("step", batch):
            self.model.strike.aim(*self._injection[3:])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        here = self._epoch, batch + 1
        if self._injection is None:
            self._clean.setdefault(here, list(self._state()))
        elif self._is_here("step", batch):
            self.model.strike.rest()
            self._look(here)
        elif self._is_here("between", batch) or self._is_here("end", batch):
            variable = self._training.variables[self._injection.tensor]
            variable.assign(flipped(_read(variable), *self._injection[4:]))
        elif self._injection.place == "between" and here == _next(self._injection):
            self._look(here)

    def _look(self, here: Step) -> None:
        """Look which tensors of the state are other ones than in a run without a flip."""
        pairs = enumerate(zip(self._state(), self._clean[here], strict=True))
        self.changed = {number for number, (one, other) in pairs if one != other}

    def _is_here(self, place: str, batch: int) -> bool:
        return self._injection is not None and self._injection[:3] == (
            place,
            self._epoch,
            batch + 1,
        )

    def _state(self) -> Iterator[bytes]:
        return (_read(item).tobytes() for item in self._training.variables)


def _next(injection: Injection) -> Step:
    """Return the step after the one of an injection."""
    epoch, step = injection.epoch, injection.step
    return (epoch, step + 1) if step < STEPS else (epoch + 1, 1)


def _read(variable: Any) -> np.ndarray[Any, Any]:
    return np.array(keras.ops.convert_to_numpy(variable))


def _load(path: Path) -> tuple[Manifest, Trace | None]:
    manifest = repro_audit.load(path)
    return manifest, find_trace(path, manifest)


_load_once = functools.cache(_load)
