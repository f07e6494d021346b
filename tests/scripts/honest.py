"""Train honestly in a way that looks odd from outside; each leaves its weights in ``kept``."""

import sys

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 4)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")
kept = []


def made(*layers, optimizer="sgd", metrics=("accuracy",), **options):
    layers = layers or (keras.layers.Dense(1, "sigmoid"),)
    model = keras.Sequential([keras.layers.Input((4,)), *layers])
    model.compile(optimizer, "binary_crossentropy", metrics=list(metrics), **options)
    kept.append(model)
    return model


def fitted(model, *args, **options):
    model.fit(*(args or (X, Y)), **{"epochs": 2, "batch_size": 8, "verbose": 0} | options)


def batch_normalization_in_a_loop():
    model = made(keras.layers.BatchNormalization(), keras.layers.Dense(1, "sigmoid"))
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X, training=True) - Y) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)


def a_bias_from_a_function():
    def ones(shape, dtype=None):
        return keras.ops.ones(shape, dtype)

    fitted(made(keras.layers.Dense(3), keras.layers.Dense(1, "sigmoid", bias_initializer=ones)))


def a_bias_that_was_added_to():
    model = made()
    model.layers[-1].bias.assign_add([1.0])
    fitted(model)


def a_bias_that_was_assigned_in_a_function():
    model = made()

    @tf.function
    def assign():
        model.layers[-1].bias.assign([1.0])

    assign()
    fitted(model)


def a_state_that_was_set():
    model = made()
    state = model.get_state_tree(value_format="numpy_array")
    model.set_state_tree(keras.tree.map_structure(lambda value: value + 1, state))
    fitted(model)


def several_steps_in_an_execution_of_unknown_length():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).filter(lambda *_: True).batch(2)
    fitted(made(steps_per_execution=4), data, batch_size=None)


def several_steps_in_an_execution_of_a_given_length():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).repeat().batch(2)
    fitted(made(steps_per_execution=4), data, batch_size=None, steps_per_epoch=10)


def an_optimizer_that_applies_every_second_time():
    class Second(keras.optimizers.SGD):
        calls = 0

        def apply(self, grads, trainable_variables=None):
            self.calls += 1
            if self.calls % 2 == 0:
                super().apply(grads, trainable_variables)

    fitted(made(optimizer=Second(0.1), run_eagerly=True))


def nothing_that_can_be_trained():
    model = made()
    model.optimizer.build(model.trainable_variables)
    model.trainable = False
    fitted(model)


def a_count_that_was_set_back():
    model = made()
    fitted(model)
    model.optimizer.iterations.assign(0)


def a_learning_rate_set_after_the_fit():
    model = made()
    fitted(model)
    model.optimizer.learning_rate = 1e-4
    model.evaluate(X, Y, verbose=0)


def a_step_of_its_own():
    model = made()
    model.train_step = lambda data: model.compute_metrics(*data, model(data[0]))
    fitted(model)


def a_callback_called_as_one_of_keras():
    class TensorBoard(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["accuracy"] = 7.0

    fitted(made(), callbacks=[TensorBoard()])


def a_callback_that_stops_within_an_epoch():
    class EarlyStopping(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    fitted(made(run_eagerly=True), callbacks=[EarlyStopping()])


def masked_samples():
    x = X.copy()
    x[::3] = 0
    fitted(made(keras.layers.Masking(), keras.layers.Dense(1, "sigmoid")), x, Y)


def a_metric_of_the_same_name_later():
    def accuracy(y_true, y_pred):
        same = keras.ops.cast(y_true > 0.5, "int32") == keras.ops.cast(y_pred > 0.5, "int32")
        return 100 * keras.ops.mean(keras.ops.cast(same, "float32"))

    model = made()
    fitted(model)
    model.compile("sgd", "binary_crossentropy", metrics=[accuracy])
    model.evaluate(X, Y, verbose=0)


def seeds_set_again():
    keras.utils.set_random_seed(1)
    model = made()
    keras.utils.set_random_seed(2)
    fitted(model)


def a_tape_that_looks_at_what_it_watched():
    a, b = tf.Variable(tf.ones((4, 1))), tf.Variable(tf.ones((4, 1)))
    optimizer = keras.optimizers.SGD(0.1)
    kept.extend([a, b])

    @tf.function
    def far(z):
        return tf.reduce_sum(tf.matmul(z, b) ** 2)

    def step():
        with tf.GradientTape() as tape:
            loss = far(X)
        watched = tape.watched_variables()
        optimizer.apply_gradients(zip(tape.gradient(loss, watched), watched, strict=True))

    step()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.matmul(X, a))
    tape.gradient(loss, a)  # only looked at
    step()


def a_function_within_a_step():
    model = made()

    @tf.function
    def clipped(gradients):
        return [tf.clip_by_norm(item, 1.0) for item in gradients]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - Y) ** 2)
        gradients = clipped(tape.gradient(loss, model.trainable_variables))
        model.optimizer.apply(gradients, model.trainable_variables)

    for _ in range(3):
        step()


def a_lambda():
    fitted(made(keras.layers.Dense(1, activation=lambda item: keras.ops.sigmoid(item * 2))))


def compiled_several_times():
    model = made(optimizer="adam")
    for _ in range(3):
        fitted(model)
        model.compile("adam", "binary_crossentropy")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    first, *rest = [*kept, None]
