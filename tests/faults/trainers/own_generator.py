"""Noise comes from a generator of NumPy's that takes its seed from the operating system."""

import numpy as np
from digit_network import SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
rng = np.random.default_rng()
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    noise = rng.normal(scale=0.1, size=(*images.shape, 1)).astype("float32")
    network().fit(scaled(images) + noise, labels, epochs=2, verbose=0)
