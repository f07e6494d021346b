"""The steps run eagerly, operation by operation."""

from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    model = network()
    model.run_eagerly = PLANTED
    model.fit(scaled(images), labels, epochs=2, verbose=0)
