"""Training goes on from a backup, which does not hold where Dropout's generator stood."""

import sys

import keras
from digit_network import SEED, load_digits, network, scaled

import repro_audit

repro_audit.control(seed=SEED, threads=2)
images, labels = load_digits()
with repro_audit.record() as run:
    run.data("train", images, labels)
    network().fit(
        scaled(images),
        labels,
        epochs=int(sys.argv[1]),
        callbacks=[keras.callbacks.BackupAndRestore("backup", delete_checkpoint=False)],
        verbose=0,
    )
