import keras


class Residual(keras.layers.Layer):
    """Two convolutions with a way around them."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.second = keras.layers.Conv2D(filters, 3, padding="same")

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build(self.first.compute_output_shape(input_shape))
        self.built = True

    def call(self, x):
        return keras.ops.relu(x + 1.0 * self.second(self.first(x)))
