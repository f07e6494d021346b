"""The workers of a PyDataset draw from NumPy's one generator."""

import keras
import numpy as np
from digit_network import SEED, load_digits, network, scaled

import repro_audit


class Noisy(keras.utils.PyDataset):
    """Batches of 32 with noise."""

    def __init__(self, images, labels):
        super().__init__(workers=4)
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images) // 32

    def __getitem__(self, index):
        part = slice(32 * index, 32 * (index + 1))
        noise = np.random.normal(scale=0.1, size=self.images[part].shape)
        return self.images[part] + noise.astype("float32"), self.labels[part]


repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(Noisy(scaled(images), labels), epochs=2, verbose=0)
