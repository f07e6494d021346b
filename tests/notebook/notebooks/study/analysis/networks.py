import keras


class Residual(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units, activation="relu")
        self.drop = keras.layers.Dropout(0.1)

    def call(self, inputs, training=False):
        return inputs + self.drop(self.dense(inputs), training=training)
