import keras
import tensorflow as tf
from schedules import halve
from windows import LENGTH, cut, series, to_dataset

keras.utils.set_random_seed(99)
tf.config.experimental.enable_op_determinism()

x, y = cut(series())
train, test = slice(0, 192), slice(192, None)


class Forecaster:
    def __init__(self, units=8):
        self.model = keras.Sequential(name="forecaster")
        self.model.add(keras.layers.InputLayer(shape=(LENGTH, 1)))
        self.model.add(keras.layers.GRU(units))
        self.model.add(keras.layers.Dense(1))
        self.model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", metrics=["mae"])

    def train(self):
        return self.model.fit(
            to_dataset(x[train], y[train], 24),
            epochs=5,
            callbacks=[
                keras.callbacks.LearningRateScheduler(halve),
                keras.callbacks.EarlyStopping(monitor="loss", min_delta=0.05, patience=1),
            ],
            verbose=0,
        )

    def test(self):
        return self.model.evaluate(x[test], y[test], batch_size=16, verbose=0)


if __name__ == "__main__":
    forecaster = Forecaster()
    print(forecaster.train().history)
    print(forecaster.test())
