"""Two samples change places."""

from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
if PLANTED:
    for array in (images, labels):
        array[[3, 200]] = array[[200, 3]]
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(scaled(images), labels, epochs=2, verbose=0)
