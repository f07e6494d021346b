"""Train the convolutional network of the Keras reproducibility example, and record the run.

Source:
    Frightera (2023), Reproducibility in Keras Models, keras.io/examples.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import keras
import tensorflow as tf

import digits
import repro_audit

BATCH_SIZE = 64
IMAGE_SIZE = (32, 32)


@dataclass(frozen=True)
class Config:
    """What one run is asked for; every field is an option of the command.

    Attributes:
        seed: Seed of every generator.
        epochs: Passes over the training set.
        data: Source of the digits, see `digits.load`.
        threads: Threads within one TensorFlow op; None leaves TensorFlow's default.
        manifest: File that the recorded run is written to.
        history: File for the history, JSON; None writes none.
    """

    seed: int = 812
    epochs: int = 8
    data: str = "mnist-5k"
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


def preprocess(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Prepare one batch for the model.

    Args:
        image: uint8 ``(batch, 28, 28)``, 0 to 255.
        label: uint8 ``(batch,)``.

    Returns:
        Images float32 ``(batch, 32, 32, 1)``, 0 to 1, and the labels.
    """
    image = tf.cast(image, tf.float32) / 255.0
    return tf.image.resize(image[..., tf.newaxis], IMAGE_SIZE), label


def build_datasets(data: digits.Digits) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Return the training set, reshuffled as a whole every epoch, and the test set in order."""
    train = tf.data.Dataset.from_tensor_slices((data.x_train, data.y_train))
    test = tf.data.Dataset.from_tensor_slices((data.x_test, data.y_test))
    train = train.shuffle(len(data.x_train))
    train, test = (
        dataset.batch(BATCH_SIZE).map(preprocess, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
        for dataset in (train, test)
    )
    return train, test


def build_model() -> keras.Model:
    """Return the compiled model: float32 ``(batch, 32, 32, 1)`` to ``(batch, 10)``."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((*IMAGE_SIZE, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
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
    train_set, test_set = build_datasets(data)
    model = build_model()
    fitted = model.fit(
        train_set,
        epochs=config.epochs,
        validation_data=test_set,
        shuffle=False,  # the pipeline does; Keras would warn that it cannot
        verbose=verbose,
    )
    result = model.evaluate(test_set, return_dict=True, verbose=0)
    click.echo(f"test accuracy {result['accuracy']:.4f}, test loss {result['loss']:.4f}")
    return model, fitted.history


@click.command(
    epilog="\b\nExample:\n  python -m mnist_cnn --epochs 2 --manifest run.json --history h.json"
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
    """Train a small convolutional network on digits, and record the run for an audit."""
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
