"""Cross-validate: a new model for every fold, and none of them kept."""

import hashlib

import keras
import numpy as np

FOLDS = 3

keras.utils.set_random_seed(21)
features = np.random.normal(size=(60, 4)).astype("float32")
targets = (features @ np.array([1.0, -1.0, 0.5, 0.0]) > 0).astype("float32")
digest = hashlib.sha256()


def build_model():
    model = keras.Sequential()
    model.add(keras.layers.Dense(6, activation="tanh"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def run_fold(fold):
    size = len(features) // FOLDS
    held_out = slice(fold * size, (fold + 1) * size)
    x, y = np.delete(features, held_out, axis=0), np.delete(targets, held_out)
    model = build_model()
    model.fit(x, y, epochs=2, batch_size=10, verbose=0)
    _, accuracy = model.evaluate(features[held_out], targets[held_out], verbose=0)
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return accuracy


scores = []
for fold in range(FOLDS):
    print("fold", fold)
    scores.append(run_fold(fold))
    keras.backend.clear_session()
print(f"accuracy: {np.mean(scores):.3f} +- {np.std(scores):.3f}")
print("weights:", digest.hexdigest())
