import keras
import numpy as np
import tensorflow as tf

np_rng = np.random.default_rng(404)


def rollouts(n=240, dt=0.05):
    state = np_rng.uniform([-2.0, -1.0], [2.0, 1.0], size=(n, 2))
    torque = np_rng.uniform(-1, 1, size=(n, 1))
    speed = state[:, 1:] + dt * (torque - 9.81 * np.sin(state[:, :1]))
    angle = state[:, :1] + dt * speed
    return np.hstack([state, torque]).astype("f4"), np.hstack([angle, speed]).astype("f4")


class Dynamics(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.a = keras.layers.Dense(20, "swish")
        self.b = keras.layers.Dense(2)

    def call(self, inputs):
        return inputs[:, :2] + self.b(self.a(inputs))


class Learner:
    batch = 30

    def __init__(self):
        inputs = keras.Input((3,))
        self.model = keras.Model(inputs, Dynamics()(inputs))
        self.optimizer = keras.optimizers.Adam(learning_rate=5e-3, beta_1=0.9)

    def update(self, x, y):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.square(self.model(x, training=True) - y))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(error, variables), variables)
        return float(error)

    def learn(self, x, y, sweeps):
        for sweep in range(sweeps):
            errors = [
                self.update(x[i : i + self.batch], y[i : i + self.batch])
                for i in range(0, len(x), self.batch)
            ]
            print(f"sweep {sweep + 1}: {np.mean(errors):.5f}")


if __name__ == "__main__":
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(55)
    Learner().learn(*rollouts(), sweeps=2)
