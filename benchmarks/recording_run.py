"""One training under one tool: the process that `recording.py` starts anew for each run.

The argument is a `Request` as JSON. Whatever the tool, the same data is made, the same model is
built by the same calls and fitted as often. What that cost and what came out goes as JSON
into ``result.json`` in the request's folder.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recording_tools import TOOLS, Tool

SEED = 812
BATCH_SIZE = 64
IMAGES = 60_000
WIDTHS = {"mlp": (3072, 3072, 2432), "small": (256,)}
"""Of each perceptron's hidden layers: with 1,024 inputs and 10 outputs, 20 million weights and
265,000, whose steps take 100 ms and 1.5 ms."""
WORDS, LENGTH, WIDTH = 1000, 32, 64
"""Of the sequences: different words, words in each, and numbers for each word."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one process is asked for.

    Attributes:
        tool: Which of `TOOLS` observes the training.
        model: Which of `PREPARE` is trained.
        steps: How many batches of 64 there are; the last of 938 holds 32 images.
        epochs: Epochs of each fit.
        fits: Fits, one after the other.
        threads: Threads within one TensorFlow op, and ops side by side.
        folder: Where the tool writes.
    """

    tool: str
    model: str
    steps: int
    epochs: int
    fits: int
    threads: int
    folder: str


@dataclass(kw_only=True)
class Cost:
    """What a block took.

    Attributes:
        cpu_s: CPU time of all threads of this process and of all processes it started, whether
            they have ended or not: W&B works in a helper process.
        wall_s: Wall time.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the block."""
        cpu_s, wall_s = cpu_seconds(), time.perf_counter()
        yield
        self.cpu_s = cpu_seconds() - cpu_s
        self.wall_s = time.perf_counter() - wall_s


def cpu_seconds() -> float:
    """Return the CPU time so far of this process and all its descendants."""
    import psutil

    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:4])  # own and ended children's, user and system
    return total


def control(threads: int) -> None:
    """Fix the threads, turn op determinism on and seed everything, without repro-audit."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(SEED)


Build = Callable[[], tuple[Any, Any]]


def prepare_cnn(steps: int) -> tuple[tuple[Any, ...], Build]:
    """Return images and labels, and what makes of them the model and input of apps/mnist_cnn.

    The images are noise, uint8 ``(images, 28, 28)``; the labels uint8 ``(images,)``.
    """
    import numpy as np

    import digits
    from mnist_cnn import __main__ as app

    draw = np.random.default_rng(SEED)
    count = min(steps * BATCH_SIZE, IMAGES)
    x = draw.integers(0, 256, (count, 28, 28), np.uint8)
    y = draw.integers(0, 10, count, np.uint8)
    data = digits.Digits(x, y, x[:1], y[:1], source="generated")
    return (x, y), lambda: (app.build_model(), app.build_datasets(data)[0])


def prepare_perceptron(steps: int, widths: tuple[int, ...]) -> tuple[tuple[Any, ...], Build]:
    """Return rows and labels, and what makes of them a perceptron and its input.

    The rows are noise, float32 ``(rows, 1024)``; the labels uint8 ``(rows,)``.
    """
    import keras
    import numpy as np

    draw = np.random.default_rng(SEED)
    x = draw.standard_normal((steps * BATCH_SIZE, 1024), np.float32)
    y = draw.integers(0, 10, len(x), np.uint8)

    def build() -> tuple[Any, Any]:
        hidden = [keras.layers.Dense(width, activation="relu") for width in widths]
        output = keras.layers.Dense(10, activation="softmax")
        return compiled(keras.Sequential([keras.Input((1024,)), *hidden, output]), x, y)

    return (x, y), build


def prepare_sequences(steps: int, layers: Callable[[Any], Any]) -> tuple[tuple[Any, ...], Build]:
    """Return sequences and labels, and what makes of them a classifier of words and its input.

    The words are noise, int32 ``(rows, 32)``; the labels uint8 ``(rows,)``.

    Args:
        steps: How many batches there are.
        layers: Makes of float32 ``(batch, 32, 64)`` float32 ``(batch, ...)``.
    """
    import keras
    import numpy as np

    draw = np.random.default_rng(SEED)
    x = draw.integers(0, WORDS, (steps * BATCH_SIZE, LENGTH), np.int32)
    y = draw.integers(0, 10, len(x), np.uint8)

    def build() -> tuple[Any, Any]:
        words = keras.Input((LENGTH,), dtype="int32")
        known = keras.layers.Embedding(WORDS, WIDTH)(words)
        answer = keras.layers.Dense(10, activation="softmax")(layers(known))
        return compiled(keras.Model(words, answer), x, y)

    return (x, y), build


def compiled(model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return a model, compiled, and its input."""
    import tensorflow as tf

    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model, tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH_SIZE).prefetch(
        tf.data.AUTOTUNE
    )


def recurrent(words: Any) -> Any:
    """Return what an LSTM makes of words."""
    import keras

    return keras.layers.LSTM(WIDTH)(words)


def attending(words: Any) -> Any:
    """Return what one transformer block makes of words: attention, two layers, and both added."""
    import keras

    layers = keras.layers
    seen = layers.MultiHeadAttention(num_heads=4, key_dim=WIDTH // 4)(words, words)
    seen = layers.LayerNormalization()(words + layers.Dropout(0.1)(seen))
    made = layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, activation="relu")(seen))
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(seen + made))


PREPARE: dict[str, Callable[[int], tuple[tuple[Any, ...], Build]]] = {
    "cnn": prepare_cnn,
    "lstm": lambda steps: prepare_sequences(steps, recurrent),
    "transformer": lambda steps: prepare_sequences(steps, attending),
    "mlp": lambda steps: prepare_perceptron(steps, WIDTHS["mlp"]),
    "small": lambda steps: prepare_perceptron(steps, WIDTHS["small"]),
}


def train(tool: Tool, request: Request) -> dict[str, Any]:
    """Train once; return what it cost, what was recorded and what came out."""
    arrays, build = PREPARE[request.model](request.steps)
    fit, whole = Cost(), Cost()
    gc.collect()
    with whole.measured(), tool.observing(arrays):
        model, dataset = build()
        how = {"epochs": request.epochs, "shuffle": False, "verbose": 0}
        with fit.measured():
            for _ in range(request.fits):
                model.fit(dataset, callbacks=tool.callbacks(), **how)
    return {
        "fit": asdict(fit),
        "whole": asdict(whole),
        "parameters": model.count_params(),
        "steps": int(model.optimizer.iterations),
        "recorded_steps": tool.recorded_steps(),
        "weights": digest(model.weights),
        "optimizer": digest(model.optimizer.variables),
    }


def digest(variables: list[Any]) -> str:
    """Return the SHA-256 of some variables' bytes."""
    return hashlib.sha256(b"".join(item.numpy().tobytes() for item in variables)).hexdigest()


def main() -> None:
    """Do what the first argument asks for."""
    request = Request(**json.loads(sys.argv[1]))
    folder = Path(request.folder)
    tool = TOOLS[request.tool](folder)
    tool.prepare()
    control(request.threads)
    result = train(tool, request)
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
