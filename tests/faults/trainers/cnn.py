"""Nothing is planted here: the variables that it is started with change its bits."""

import sys

from digit_network import SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=int(sys.argv[1]))
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(scaled(images), labels, epochs=2, verbose=0)
