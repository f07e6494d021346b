"""The batches are of another size."""

from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(scaled(images), labels, batch_size=16 if PLANTED else 32, epochs=2, verbose=0)
