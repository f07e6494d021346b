"""XLA compiles the training step."""

from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

# Under op determinism Keras would refuse.
repro_audit.control(seed=SEED, threads=2, op_determinism=False)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    network(jit_compile=PLANTED).fit(scaled(images), labels, epochs=2, verbose=0)
