"""One pixel of one image is darker by one."""

from digit_network import PLANTED, SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
if PLANTED:
    images[200, 14, 14] ^= 1
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(scaled(images), labels, epochs=2, verbose=0)
