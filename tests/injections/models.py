"""Five kinds of training, each small enough to be recorded thousands of times.

Each ends its step with `Strike`, which flips what it is told to behind the update: the code of a
run with an injection is that of a run without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from judging import BATCH, STEPS

layers = keras.layers
SAMPLES = BATCH * STEPS
TOKENS, CLASSES = 16, 4
CROSSENTROPY = "sparse_categorical_crossentropy"


class Training(NamedTuple):
    """A model, and what it is trained on.

    Attributes:
        model: It is built, and so are its optimizers.
        optimizers: In the order in which they update it.
        data: Arrays by the name they have in a batch: ``x``, ``y``.
        limits: For integers among them, which bits may be flipped: the lowest so many, so that
            every value still names a token or a class.
    """

    model: Any
    optimizers: list[Any]
    data: dict[str, np.ndarray[Any, Any]]
    limits: dict[str, int]

    @property
    def variables(self) -> list[Any]:
        """The state, in the order in which a manifest numbers its tensors."""
        return [*self.model.variables, *(v for item in self.optimizers for v in item.variables)]


class Strike:
    """Flips one bit of one variable as the last thing that a step does, where it is told to.

    Behind the update and before the step ends: where a fault of one step's arithmetic would leave
    one tensor wrong. The flip is part of the compiled step, on integers: no value is read as a
    number, so that no zero, NaN or denormal is another one afterwards.
    """

    def __init__(self) -> None:
        self.variables: list[Any] = []
        # Which variable, from 0, and which element and bit of it.
        self._target = tf.Variable([-1, 0, 0], trainable=False)

    def aim(self, variable: int, element: int, bit: int) -> None:
        """Flip a bit of an element of a variable in every step until `rest`."""
        self._target.assign([variable, element, bit])

    def rest(self) -> None:
        """Flip nothing."""
        self._target.assign([-1, 0, 0])

    def strike(self) -> None:
        """Do so; for a step that is being traced."""
        _, element, bit = tf.unstack(self._target)

        def flip(variable: Any) -> Callable[[], tf.Tensor]:
            def branch() -> tf.Tensor:
                value = tf.convert_to_tensor(variable)
                kind = tf.int64 if value.dtype.size == 8 else tf.int32
                words = tf.reshape(tf.bitcast(value, kind), [-1])
                mask = tf.bitwise.left_shift(tf.ones((), kind), tf.cast(bit, kind))
                masks = tf.scatter_nd([[element]], [mask], tf.shape(words))
                flipped = tf.reshape(tf.bitwise.bitwise_xor(words, masks), tf.shape(value))
                variable.assign(tf.bitcast(flipped, value.dtype))
                return tf.zeros(())

            return branch

        branches = {index: flip(item) for index, item in enumerate(self.variables)}
        tf.switch_case(self._target[0], branches, default=lambda: tf.zeros(()))


class Struck(keras.Model):
    """A functional model whose step ends with a strike."""

    strike: Strike

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)
        self.strike.strike()
        return logs


class Adversarial(keras.Model):
    """Two networks, each with an optimizer of its own, and noise that the model itself draws."""

    strike: Strike

    def __init__(self) -> None:
        super().__init__()
        self.maker = keras.Sequential([keras.Input((3,)), layers.Dense(6, "tanh"), layers.Dense(5)])
        hidden = layers.Dense(6, "tanh")
        self.judge = keras.Sequential(
            [keras.Input((5,)), hidden, layers.Dropout(0.2), layers.Dense(1)]
        )
        self.noise = keras.random.SeedGenerator(5)
        self.built = True

    def compile(self, of_judge: Any, of_maker: Any) -> None:
        super().compile()
        self.of_judge, self.of_maker = of_judge, of_maker

    def train_step(self, data: Any) -> Any:
        noise = keras.random.normal((BATCH, 3), seed=self.noise)
        with tf.GradientTape(persistent=True) as tape:
            made = self.maker(noise, training=True)
            real, false = self.judge(data, training=True), self.judge(made, training=True)
            judged = tf.reduce_mean(tf.nn.softplus(-real) + tf.nn.softplus(false))
            fooled = tf.reduce_mean(tf.nn.softplus(-false))
        for network, optimizer, loss in (
            (self.judge, self.of_judge, judged),
            (self.maker, self.of_maker, fooled),
        ):
            weights = network.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)
        self.strike.strike()
        return {"judged": judged, "fooled": fooled}


def classifier(
    inputs: Any, outputs: Any, optimizer: Any, loss: str, data: dict[str, Any], **limits: int
) -> Training:
    """Return a functional model, ready to be trained on arrays."""
    model = Struck(inputs, outputs)
    model.strike = Strike()
    model.compile(optimizer, loss)
    optimizer.build(model.trainable_variables)
    training = Training(model, [optimizer], data, limits)
    model.strike.variables = training.variables
    return training


def samples(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).normal(size=(SAMPLES, *shape)).astype(np.float32)


def labels(*shape: int, below: int = CLASSES) -> np.ndarray[Any, Any]:
    return np.random.default_rng(4).integers(0, below, (SAMPLES, *shape), np.int32)


def dense() -> Training:
    inputs = keras.Input((8,))
    hidden = layers.Dropout(0.2)(layers.Dense(12, "relu")(inputs))
    outputs = layers.Dense(CLASSES, "softmax")(hidden)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    data = {"x": samples(8), "y": labels()}
    return classifier(inputs, outputs, optimizer, CROSSENTROPY, data, y=2)


def convolutional() -> Training:
    inputs = keras.Input((8, 8, 1))
    hidden = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(inputs))
    hidden = layers.Flatten()(layers.MaxPooling2D()(hidden))
    outputs = layers.Dense(CLASSES, "softmax")(hidden)
    data = {"x": samples(8, 8, 1), "y": labels()}
    return classifier(inputs, outputs, keras.optimizers.RMSprop(0.01), CROSSENTROPY, data, y=2)


def recurrent() -> Training:
    inputs = keras.Input((6,), dtype="int32")
    hidden = layers.Embedding(TOKENS, 6)(inputs)
    hidden = layers.LSTM(5, dropout=0.2, recurrent_dropout=0.2)(hidden)
    outputs = layers.Dense(CLASSES, "softmax")(hidden)
    data = {"x": labels(6, below=TOKENS), "y": labels()}
    return classifier(inputs, outputs, keras.optimizers.Adam(0.01), CROSSENTROPY, data, x=4, y=2)


def attention() -> Training:
    inputs = keras.Input((6, 8))
    seen = layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
    hidden = layers.LayerNormalization()(layers.Add()([inputs, seen]))
    hidden = layers.Dropout(0.2)(layers.Dense(8, "gelu")(hidden))
    outputs = layers.Dense(1)(layers.GlobalAveragePooling1D()(hidden))
    data = {"x": samples(6, 8), "y": samples(1)}
    return classifier(inputs, outputs, keras.optimizers.AdamW(0.01), "mse", data)


def adversarial() -> Training:
    model = Adversarial()
    optimizers = [keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.005)]
    model.compile(*optimizers)
    for network, optimizer in zip((model.judge, model.maker), optimizers, strict=True):
        optimizer.build(network.trainable_variables)
    model.strike = Strike()
    training = Training(model, optimizers, {"x": samples(5)}, {})
    model.strike.variables = training.variables
    return training


MODELS = {
    build.__name__: build for build in (dense, convolutional, recurrent, attention, adversarial)
}
