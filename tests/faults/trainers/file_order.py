"""The files of the training set are read in another order."""

from pathlib import Path

import numpy as np
from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
folder = Path("parts")
folder.mkdir()
for index in range(8):
    part = slice(32 * index, 32 * (index + 1))
    np.savez(folder / f"{index}.npz", images=images[part], labels=labels[part])

paths = sorted(folder.iterdir(), reverse=PLANTED)
parts = [np.load(path) for path in paths]
images = np.concatenate([part["images"] for part in parts])
labels = np.concatenate([part["labels"] for part in parts])
with repro_audit.record() as run:
    run.data("train", *paths)
    network().fit(scaled(images), labels, epochs=2, verbose=0)
