"""What a trainer reads from outside is in its manifest, and no bit of it changes for that."""

from __future__ import annotations

from typing import Any

import pytest
from forking import Server

import repro_audit
from repro_audit.canonical import digest_file
from repro_audit.manifest import Manifest

pytestmark = [pytest.mark.keras, pytest.mark.minutes(2)]

MAKE = """
import json, numpy as np, keras, h5py, tensorflow as tf
x = np.random.default_rng(1).normal(size=(16, 3)).astype("float32")
np.savez("data.npz", x=x)
np.savetxt("table.csv", x)
json.dump({"rate": 0.125}, open("config.json", "w"))
open("vocabulary.txt", "w").write("a\\nb\\n")
open("lines.txt", "w").write("a\\nb\\n")
for name in "one", "two":
    with tf.io.TFRecordWriter(f"{name}.tfrecord") as writer:
        writer.write(b"record")
    open(f"{name}.bin", "wb").write(b"raw")
    open(f"{name}.part", "wb").write(b"raw")
with h5py.File("table.h5", "w") as file:
    file["x"] = x
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.save_weights("pretrained.weights.h5")
model.save("whole.keras")
tf.train.Checkpoint(step=tf.Variable(1)).write("checkpoint")
"""
READ = """
import hashlib, json, os, sys, tempfile
import h5py, keras, numpy as np, tensorflow as tf

keras.utils.set_random_seed(int(os.environ.get("SEED", "3")))
rate = json.load(open("config.json"))["rate"]
x = np.load("data.npz")["x"] + np.loadtxt("table.csv", dtype="float32")

def train():
    global x
    if "DEBUG" in os.environ:
        print("debugging")
    with h5py.File("table.h5") as file:
        x = x + file["x"][:]
    keras.layers.StringLookup(vocabulary="vocabulary.txt")
    keras.models.load_model("whole.keras")
    list(tf.data.TextLineDataset("lines.txt"))
    list(tf.data.TFRecordDataset(["one.tfrecord", "two.tfrecord"]))
    list(tf.data.Dataset.from_tensor_slices((["one.bin", "two.bin"], [1, 2]))
         .map(lambda name, label: (tf.io.read_file(name), label)))
    list(tf.data.TFRecordDataset(tf.data.Dataset.list_files("*.part")).take(0))
    tf.train.Checkpoint(step=tf.Variable(0)).read("checkpoint")
    with tempfile.NamedTemporaryFile("w") as file:
        open(file.name).read()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.load_weights("pretrained.weights.h5")
    model.compile(keras.optimizers.SGD(rate), "mse")
    model.fit(x, x[:, :2], batch_size=4, epochs=2, verbose=0)
    model.save_weights("last.weights.h5")
    model.load_weights("last.weights.h5")
    return model

if "itself" in sys.argv:
    import repro_audit
    with repro_audit.record("itself.json"):
        model = train()
    os.environ.get("AFTERWARDS")
else:
    model = train()
state = b"".join(np.asarray(value).tobytes() for value in model.get_weights())
print(hashlib.sha256(state).hexdigest())
"""
BEFORE = {"config.json", "data.npz", "table.csv"}
DURING = {
    "checkpoint.index",
    "lines.txt",
    "one.bin",
    "one.part",
    "one.tfrecord",
    "pretrained.weights.h5",
    "table.h5",
    "two.bin",
    "two.part",
    "two.tfrecord",
    "vocabulary.txt",
    "whole.keras",
}


@pytest.fixture(scope="module")
def runs(bare: Any, record: Any, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run the trainer in several ways in one folder, and return what it says and the folder."""
    folder = tmp_path_factory.mktemp("reading")
    (folder / "make.py").write_text(MAKE, encoding="utf-8")
    (folder / "train.py").write_text(READ, encoding="utf-8")
    how = {"cwd": folder, "python": server.python, "variables": {"PYTHONHASHSEED": "0"}}
    debug = how | {"variables": {"PYTHONHASHSEED": "0", "DEBUG": "1"}}
    ends = {"make": bare("make.py", **how)}
    ends["bare"] = bare("train.py", **how)
    ends["recorded"] = record("-o", "recorded.json", "train.py", **how)
    ends["again"] = record("-o", "again.json", "train.py", **how)
    ends["itself"] = bare("train.py", "itself", **how)
    (folder / "config.json").write_text('{"rate": 0.25}', encoding="utf-8")
    (folder / "two.bin").write_bytes(b"other")
    ends["other"] = record("-o", "other.json", "train.py", **debug)
    for name, end in ends.items():
        assert end.code == 0, (name, end.errors)
    return ends, folder


def manifest(runs: Any, name: str) -> Manifest:
    return repro_audit.load(runs[1] / f"{name}.json")


def missing(read: Manifest) -> dict[str, str]:
    """Return what is missing of what was read."""
    return {path: why for path, why in read.missing if path.startswith("$.conditions.read")}


def test_a_run_ends_in_the_same_weights_whether_what_it_reads_is_seen_or_not(runs: Any) -> None:
    ends, _ = runs
    said = {name: ends[name].output.split()[-1] for name in ("bare", "recorded", "itself", "other")}
    assert said["bare"] == said["recorded"] == said["itself"]
    assert said["other"] != said["bare"], "the negative: a file decides them"


def test_every_kind_of_file_is_there_with_the_digest_of_its_content(runs: Any) -> None:
    """And nothing else: no package, none of the run's own, no temporary one."""
    read = manifest(runs, "recorded").conditions.read
    assert set(read.files) == BEFORE | DURING
    for name in DURING:
        if name != "two.bin":
            assert read.files[name].digest == digest_file(runs[1] / name)
            assert read.files[name].bytes == (runs[1] / name).stat().st_size
    assert missing(manifest(runs, "recorded")) == {}


def test_the_variables_are_there_by_name(runs: Any) -> None:
    read = manifest(runs, "recorded").conditions.read
    assert read.variables == {"SEED": None, "DEBUG": None}


def test_a_script_that_records_itself_says_what_was_read_before(runs: Any) -> None:
    """What is read while it records is seen; what was read before, or after, is not."""
    itself = manifest(runs, "itself")
    assert set(itself.conditions.read.files) == DURING
    assert itself.conditions.read.variables == {"DEBUG": None}
    assert set(missing(itself)) == {"$.conditions.read.files", "$.conditions.read.variables"}
    assert all("within the script" in reason for reason in missing(itself).values())


def test_runs_that_read_the_same_do_not_differ(runs: Any) -> None:
    first, again = manifest(runs, "recorded"), manifest(runs, "again")
    assert first.conditions.read == again.conditions.read
    compared = repro_audit.compare(first, again)
    assert (compared.verdict, compared.differences) == ("identical", ())
    traces = [(runs[1] / f"{name}.trace").read_bytes() for name in ("recorded", "again")]
    assert traces[0] == traces[1]


def test_what_differs_is_named_and_what_was_not_seen_is_no_difference(runs: Any) -> None:
    """Two files and a variable; a file that was read before recording is a gap."""
    first, other = manifest(runs, "recorded"), manifest(runs, "other")
    causes = {cause.kind: cause for cause in repro_audit.compare(first, other).causes}
    assert causes["read_files"].title == ("files read: config.json is another, two.bin is another")
    assert causes["read_variables"].title == (
        "environment variables read: DEBUG is set in the actual run only"
    )
    gaps = repro_audit.compare(first, manifest(runs, "itself")).differences
    of_files = [item for item in gaps if item.path.startswith("$.conditions.read.files")]
    assert len(of_files) == len(BEFORE)
    assert {item.said for item in of_files} == {"not recorded in the actual run"}


def test_a_remedy_brings_the_first_run_back(runs: Any, record: Any, server: Server) -> None:
    """The content by its digest, the variable by its command."""
    first, other = manifest(runs, "recorded"), manifest(runs, "other")
    causes = {cause.kind: cause.remedy for cause in repro_audit.compare(first, other).causes}
    digest = first.conditions.read.files["config.json"].digest
    assert causes["read_variables"] == "unset DEBUG"
    known = digest.removeprefix("sha256:")
    assert causes["read_files"] == (
        f"echo '{known}  config.json' | sha256sum --check  # restore the file until it says OK"
    )
    _, folder = runs
    (folder / "config.json").write_text('{"rate": 0.125}', encoding="utf-8")
    assert digest_file(folder / "config.json") == digest
    how = {"cwd": folder, "python": server.python, "variables": {"PYTHONHASHSEED": "0"}}
    assert record("-o", "mended.json", "train.py", **how).code == 0
    assert repro_audit.compare(first, manifest(runs, "mended")).verdict == "identical"
