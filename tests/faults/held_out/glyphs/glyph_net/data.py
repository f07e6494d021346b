import numpy as np
import tensorflow as tf

import digits


def arrays(count=250):
    source = digits.load("mnist-5k")
    order = np.random.RandomState(6).permutation(len(source.x_train))[:count]
    images = source.x_train[order].astype(np.float32) / 127.5 - 1.0
    labels = tf.one_hot(source.y_train[order], 10).numpy()
    return images[..., None], labels


def dataset(batch_size, count=250):
    images, labels = arrays(count)
    ds = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
    ds = ds.cache().batch(batch_size, drop_remainder=True)
    return ds.map(lambda row: (row["image"], row["label"])).prefetch(tf.data.AUTOTUNE)
