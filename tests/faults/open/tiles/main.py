from blocks import Residual
import keras
import tensorflow as tf
from keras import layers

import digits


class TileNet(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.stem = layers.Conv2D(
            8, 4, strides=4, activation="relu", kernel_initializer="he_normal"
        )
        self.block = Residual(8, name="block")
        self.pool = layers.GlobalAveragePooling2D()
        self.hidden = layers.Dense(16, activation="relu", name="hidden")
        self.scores = layers.Dense(classes)

    def call(self, x):
        x = self.block(self.stem(x))
        return self.scores(self.hidden(self.pool(x)))


tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(1234)

mnist = digits.load("mnist-5k")
pick = slice(None, None, 20)
x = mnist.x_train[pick][:192, :, :, None] / 255.0
y = mnist.y_train[pick][:192].astype(int)

net = TileNet(10)
net.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
net.fit(x.astype("float32"), y, batch_size=32, epochs=2, verbose=0)
net.summary()
