"""Classify handwritten digits with a small dense network."""

import argparse

import keras
import tensorflow as tf

import digits


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    return parser.parse_args()


def load():
    data = digits.load("mnist-5k")
    x_train, y_train = data.x_train[::16][:240], data.y_train[::16][:240].astype("int64")
    x_test, y_test = data.x_test[::10], data.y_test[::10].astype("int64")
    x_train = x_train.reshape(-1, 784).astype("float32") / 255
    x_test = x_test.reshape(-1, 784).astype("float32") / 255
    return (x_train, y_train), (x_test, y_test)


def main():
    args = parse_args()
    keras.utils.set_random_seed(42)
    tf.config.experimental.enable_op_determinism()
    (x_train, y_train), (x_test, y_test) = load()

    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(args.lr),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=args.batch_size, epochs=args.epochs, verbose=2)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
