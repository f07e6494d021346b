"""Which bird sings? Toy spectra, one class per species."""

import keras
import numpy as np
import tensorflow as tf

SPECIES = ["wren", "robin", "thrush", "linnet", "siskin", "dunnock", "chaffinch", "nuthatch"]

keras.utils.set_random_seed(300)
tf.config.experimental.enable_op_determinism()

rng = np.random.default_rng(33)
peaks = rng.uniform(0, 24, (len(SPECIES), 2))
spectra, heard = [], []
for _ in range(240):
    which = rng.integers(len(SPECIES))
    bins = np.arange(24)[:, None]
    spectrum = np.exp(-((bins - peaks[which]) ** 2) / 4).sum(axis=1)
    spectra.append(spectrum + rng.normal(0, 0.2, 24))
    heard.append(SPECIES[which])

names = list(set(heard))
targets = np.array([names.index(name) for name in heard])
x = np.array(spectra, dtype="float32")

model = keras.models.Sequential()
model.add(keras.layers.Dense(20, activation="relu"))
model.add(keras.layers.Dense(len(names), activation="softmax"))
model.compile(optimizer=keras.optimizers.Lion(1e-3), loss="sparse_categorical_crossentropy")
model.fit(x, targets, batch_size=30, epochs=2, verbose=0)
