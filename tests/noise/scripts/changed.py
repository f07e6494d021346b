"""Train one of our apps with one thing changed in it: `changed.py CHANGE APP ARGS`."""

import functools
import importlib
import sys
from typing import Any

import keras

import digits


def with_data(change: Any) -> None:
    """Give the app other data."""
    load = digits.load

    def loaded(*args: Any) -> Any:
        data = load(*args)
        images, labels = data.x_train.copy(), data.y_train.copy()
        change(images, labels)
        return type(data)(**{**vars(data), "x_train": images, "y_train": labels})

    digits.load = loaded


def one_pixel(images: Any, _: Any) -> None:
    images[0, 14, 14] ^= 1


def some_labels(_: Any, labels: Any) -> None:
    labels[::10] = (labels[::10] + 1) % 10


def main(change: str, app: str) -> None:
    """Change something, and run the app."""
    if change == "learning_rate":
        compile_ = keras.Model.compile

        def compiled(model: Any, optimizer: Any = "adam", **kwargs: Any) -> None:
            rate = float(changed_to)
            compile_(model, optimizer=keras.optimizers.Adam(rate), **kwargs)

        changed_to = sys.argv.pop(1)
        keras.Model.compile = compiled
    elif change == "dropout":
        dropout = keras.layers.Dropout
        keras.layers.Dropout = lambda _: dropout(0.5)
        lstm = keras.layers.LSTM
        keras.layers.LSTM = lambda units, **given: lstm(units, **{**given, "dropout": 0.5})
    elif change == "one_pixel":
        with_data(one_pixel)
    elif change == "labels":
        with_data(some_labels)
    module = importlib.import_module(f"{app}.__main__")
    functools.partial(module.main, prog_name=app)()


if __name__ == "__main__":
    change, app = sys.argv[1:3]
    del sys.argv[1:3]
    main(change, app)
