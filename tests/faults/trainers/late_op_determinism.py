"""Op determinism comes when the training step has long been traced."""

import tensorflow as tf
from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2, op_determinism=not PLANTED)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    model = network()
    model.fit(scaled(images), labels, epochs=1, verbose=0)
    if PLANTED:
        tf.config.experimental.enable_op_determinism()
    model.fit(scaled(images), labels, epochs=1, verbose=0)
