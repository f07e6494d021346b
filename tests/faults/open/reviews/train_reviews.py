import argparse

import keras
import numpy as np
import tensorflow as tf

p = argparse.ArgumentParser(description="sentiment of short reviews")
p.add_argument("--vectors", default="vectors.txt", help="word vectors, one word a line")
p.add_argument("--epochs", default=3, type=int)
a = p.parse_args()

tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(0)

vocabulary, rows = {"<pad>": 0}, [np.zeros(6)]
with open(a.vectors) as lines:
    for line in lines:
        word, *values = line.split()
        vocabulary[word] = len(rows)
        rows.append(np.array(values, dtype=float))
matrix = np.stack(rows)

GOOD = ["lovely", "great", "fine", "bright"]
BAD = ["dull", "awful", "slow", "weak"]
REST = ["film", "plot", "cast", "the", "and", "a"]

rng = np.random.RandomState(21)
texts, labels = [], []
for n in range(200):
    label = n % 2
    words = list(rng.choice(REST, 4)) + list(rng.choice(GOOD if label else BAD, 2))
    rng.shuffle(words)
    texts.append([vocabulary[w] for w in words])
    labels.append(label)
texts, labels = np.array(texts), np.array(labels)

embed = keras.layers.Embedding(len(matrix), 6, name="embedding")
model = keras.Sequential(
    [
        embed,
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.build((None, 6))
embed.set_weights([matrix])
model.compile(loss="binary_crossentropy", optimizer="nadam", metrics=["accuracy"])
model.fit(texts, labels, batch_size=25, epochs=a.epochs, verbose=0)
print("accuracy:", model.evaluate(texts, labels, verbose=0)[1])
