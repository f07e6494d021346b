import time

import keras
import numpy as np


class Windows(keras.utils.PyDataset):
    """Windows of three channels; the class is which channel is loudest."""

    def __init__(self, signal, length=16, batch=12, jitter=0.0, **kwargs):
        super().__init__(**kwargs)
        self.signal, self.length, self.batch, self.jitter = signal, length, batch, jitter

    def __len__(self):
        return (len(self.signal) // self.length) // self.batch

    def read(self, index):
        first = index * self.batch * self.length
        time.sleep(0.001 * (time.perf_counter_ns() // 1000 % 5))  # as the disk takes
        return self.signal[first : first + self.batch * self.length]

    def __getitem__(self, index):
        part = self.read(index)
        x = part.reshape(self.batch, self.length, 3)
        y = np.abs(x).mean(axis=1).argmax(axis=1)
        if self.jitter:
            x = x + np.random.normal(0, self.jitter, x.shape)
        return x.astype("float32"), y
