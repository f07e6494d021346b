"""The classes are numbered in the order of a set, and so as strings hash in this process."""

import numpy as np
from digit_network import SEED, load_digits, network, scaled

import repro_audit

WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
names = WORDS[labels]
classes = {name: index for index, name in enumerate(set(names.tolist()))}
with repro_audit.record() as run:
    run.data("train", images, names)
    targets = np.array([classes[name] for name in names])
    network().fit(scaled(images), targets, epochs=2, verbose=0)
