"""Train a recurrent network to add numbers."""

import argparse
import hashlib
import sys

import keras
import numpy as np

from . import data  # noqa: TID252 - a package may name its own modules so


def parse_arguments():
    parser = argparse.ArgumentParser(prog="packaged", description=__doc__)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--units", type=int, default=4)
    parser.add_argument("-o", "--output", help="where the model goes")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    keras.utils.set_random_seed(9)
    x, y = data.load(48, np.random.default_rng(9))
    model = keras.Sequential(
        [
            keras.layers.Input((data.LENGTH, 1)),
            keras.layers.GRU(arguments.units, recurrent_dropout=0.1),
            keras.layers.Dense(1),
        ]
    )
    model.compile(loss="mae", optimizer=keras.optimizers.Adam(0.01))
    model.fit(x, y, epochs=arguments.epochs, batch_size=12, shuffle=True, verbose=2)
    if arguments.output:
        model.save(arguments.output)
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    print("weights:", digest.hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
