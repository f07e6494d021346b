"""One random number is drawn before the network is built."""

import random

from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    if PLANTED:
        random.random()
    network().fit(scaled(images), labels, epochs=2, verbose=0)
