"""How old is a shellfish? Usage: age.py [--hidden N] [--split-seed S]"""

import argparse
import csv
import os
import random

import keras
import numpy as np
import tensorflow as tf
from features import vector

here = os.path.dirname(os.path.abspath(__file__))


def read_rows(name):
    with open(os.path.join(here, name), newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def to_arrays(rows):
    x = np.array([vector(row) for row in rows], dtype=np.float32)
    y = np.array([row["rings"] for row in rows], dtype=np.float32)
    return x, y


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--split-seed", type=int, default=0)
    args = parser.parse_args()

    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()

    rows = read_rows("train.csv")
    random.Random(args.split_seed).shuffle(rows)
    x, y = to_arrays(rows)
    x_test, y_test = to_arrays(read_rows("test.csv"))

    model = keras.Sequential()
    model.add(keras.layers.Input(shape=(5,)))
    model.add(keras.layers.Dense(args.hidden, activation="softplus"))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adagrad(0.1))
    model.fit(x, y, epochs=3, batch_size=18, shuffle=False, verbose=0)
    print("mse on test:", model.evaluate(x_test, y_test, verbose=0))


main()
