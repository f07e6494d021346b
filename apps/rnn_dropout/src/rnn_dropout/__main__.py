"""Train a recurrent network with dropout and recurrent dropout, and record the run.

Whether such a run repeats is for the audit to measure; nothing here says that it does or does not.

Source:
    Gal and Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent
    Neural Networks; the closing warning of Frightera (2023), Reproducibility in Keras Models.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import numpy.typing as npt

import digits
import repro_audit

BATCH_SIZE = 64
DROPOUT = 0.2
RECURRENT_DROPOUT = 0.2
CELLS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple": keras.layers.SimpleRNN,
}


@dataclass(frozen=True)
class Config:
    """What one run is asked for; every field is an option of the command.

    Attributes:
        seed: Seed of every generator.
        epochs: Passes over the training set.
        data: Source of the digits, see `digits.load`.
        cell: Kind of recurrent layer, a key of ``CELLS``.
        units: Width of the recurrent layer.
        threads: Threads within one TensorFlow op; None leaves TensorFlow's default.
        manifest: File that the recorded run is written to.
        history: File for the history, JSON; None writes none.
    """

    seed: int = 812
    epochs: int = 10
    data: str = "mnist-5k"
    cell: str = "lstm"
    units: int = 64
    threads: int | None = None
    manifest: Path = Path("manifest.json")
    history: Path | None = None


class UnreadableDataError(click.ClickException):
    """The named data cannot be read; ends the command with one line on stderr."""

    exit_code = 2


def load_data(config: Config) -> digits.Digits:
    """Return the digits that were asked for, never others.

    Raises:
        UnreadableDataError: They cannot be read.
    """
    try:
        return digits.load(config.data)
    except digits.DataError as error:
        raise UnreadableDataError(str(error)) from error


def preprocess(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return images as sequences of rows.

    Args:
        images: uint8 ``(samples, 28, 28)``, 0 to 255.

    Returns:
        float32 ``(samples, timesteps, features)`` of the same sizes, 0 to 1.
    """
    return images.astype(np.float32) / np.float32(255)


def build_model(config: Config) -> keras.Model:
    """Return the compiled model: float32 ``(batch, 28, 28)`` to ``(batch, 10)``."""
    recurrent = CELLS[config.cell]
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            recurrent(config.units, dropout=DROPOUT, recurrent_dropout=RECURRENT_DROPOUT),
            keras.layers.Dense(10, activation="softmax"),
        ],
    )
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def train(config: Config, data: digits.Digits) -> tuple[keras.Model, dict[str, list[float]]]:
    """Build, fit and evaluate the model; whether anyone records this makes no difference.

    Args:
        config: What the run is asked for; the seed must have been set.
        data: Digits to train and test on.

    Returns:
        The trained model, and its history: for each metric one value an epoch.
    """
    verbose = "auto" if sys.stdout.isatty() else 2
    test_set = preprocess(data.x_test), data.y_test
    model = build_model(config)
    fitted = model.fit(
        preprocess(data.x_train),
        data.y_train,
        batch_size=BATCH_SIZE,
        epochs=config.epochs,
        shuffle=True,
        validation_data=test_set,
        verbose=verbose,
    )
    result = model.evaluate(*test_set, batch_size=BATCH_SIZE, return_dict=True, verbose=0)
    click.echo(f"test accuracy {result['accuracy']:.4f}, test loss {result['loss']:.4f}")
    return model, fitted.history


@click.command(
    epilog="\b\nExample:\n  python -m rnn_dropout --cell gru --epochs 2 --manifest run.json"
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=Config.seed,
    show_default=True,
    help="Seed of every generator.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=Config.epochs,
    show_default=True,
    help="Passes over the training set.",
)
@click.option(
    "--data",
    default=Config.data,
    show_default=True,
    help="mnist-5k (needs no network), mnist (downloads), or a path: a folder of the four IDX "
    "files, or an .npz file.",
)
@click.option(
    "--cell",
    type=click.Choice(list(CELLS)),
    default=Config.cell,
    show_default=True,
    help="Kind of recurrent layer.",
)
@click.option(
    "--units",
    type=click.IntRange(1),
    default=Config.units,
    show_default=True,
    help="Width of the recurrent layer.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads within one op.  [default: TensorFlow's own]",
)
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Config.manifest,
    show_default=True,
    help="Record the run in this file.",
)
@click.option(
    "--history",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the history to this file, as JSON.",
)
def main(**options: Any) -> None:
    """Train a network that reads digits row by row, and record the run for an audit."""
    config = Config(**options)
    repro_audit.control(seed=config.seed, threads=config.threads)
    data = load_data(config)
    with repro_audit.record(config.manifest, outputs=[config.history]) as run:
        run.data("train", data.x_train, data.y_train)
        run.data("test", data.x_test, data.y_test)
        _, history = train(config, data)
        if config.history:
            config.history.parent.mkdir(parents=True, exist_ok=True)
            config.history.write_text(json.dumps(history, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
