"""Train on data that is drawn once and kept: ``WAY`` says in which file, and how it is read.

Nothing is seeded, so that two runs agree only where the second reads what the first has left.
"""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

(way,) = sys.argv[1:]
kept = Path({"hidden": ".cache/kept.npy", "child": "work/kept.npy"}.get(way, "kept.npy"))
x = np.random.default_rng().normal(size=(32, 4)).astype("float32")
if way == "sqlite":
    base = sqlite3.connect("kept.db")
    base.execute("create table if not exists kept (x blob)")
    if not base.execute("select * from kept").fetchall():
        base.execute("insert into kept values (?)", (x.tobytes(),))
        base.commit()
    x = np.frombuffer(base.execute("select x from kept").fetchone()[0], "float32").reshape(32, 4)
elif way in {"hidden", "child", "tensorflow"}:
    kept.parent.mkdir(exist_ok=True)
    if not kept.exists():
        np.save(kept, x)
    elif way == "hidden":
        x = np.load(kept)
    elif way == "child":
        raw = subprocess.run(["cat", kept], capture_output=True, check=True).stdout[-512:]
        x = np.frombuffer(raw, "float32").reshape(32, 4)
    else:
        raw = tf.io.read_file(str(kept)).numpy()[-512:]
        x = np.frombuffer(raw, "float32").reshape(32, 4)
keras.utils.set_random_seed(1)
if way == "results":
    x = np.ones((32, 4), "float32")
    np.savez("results.npz", x=x)
    shutil.copy2("source.npy", "staged.npy")
    x *= np.load("staged.npy").size / 4
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=False)
model.fit(x, x[:, :1], epochs=1, shuffle=False, verbose=0)
