"""What feeds two runs the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies.controlling import IN_BOTH
from repro_audit.compare.remedies.environment import restored
from repro_audit.compare.remedies.expected_code import stage_call, value_at
from repro_audit.compare.remedies.remedy import Remedy, fixed, names_below
from repro_audit.errors import printable
from repro_audit.manifest import Manifest

__all__ = ["REMEDIES", "save_arrays"]


def _pipeline(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        stage = re.match(r"(.*\.stages\[\d+\])\.\S*function", item.path)
        op = None if stage is None else getattr(value_at(manifest, stage[1]), "op", None)
        if isinstance(op, str) and op.isidentifier():
            return restored(manifest, f"the function that dataset.{op} calls")
        call = stage_call(manifest, item.path)
        if call is not None:
            return f"{call}  # as in the expected run"
        if item.path.endswith(".workers") and isinstance(item.expected, int):
            return f"super().__init__(workers={item.expected})  # in the PyDataset"
    return "# build the pipeline of the expected run: conditions.determinism.datasets"


def save_arrays(role: str, arrays: str) -> str:
    """Return the lines that carry arrays of the expected run into the other.

    Args:
        role: What the file is to be called.
        arrays: The names of the arrays, as a tuple is written.
    """
    unpacked = arrays if "," in arrays else f"{arrays},"
    return (
        f'np.savez("{role}.npz", {arrays})  # in the expected run\n'
        f'{unpacked} = np.load("{role}.npz").values()  # in the other run'
    )


def _content(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return what carries the arrays of the expected run into the other."""
    role = next(iter(names_below(differences, "data")), "train")
    role = role if role.isidentifier() and role.isascii() else "data"
    data = (manifest.conditions.data or {}).get(role)
    if data is not None and data.arrays[0].dtype == "file":
        digest = data.arrays[0].digest.removeprefix("sha256:")
        said = f"of the first, sha256sum prints {digest[:16]}…"
        return f"# copy the files of the expected run; {said}"
    one, two = f"x_{role}", f"y_{role}"
    arrays = one if data is not None and len(data.arrays) == 1 else f"{one}, {two}"
    return save_arrays(role, arrays)


def _sample_order(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    known = manifest.conditions.data or {}
    sets = [known[role] for role in names_below(differences, "data") if role in known]
    # Of files in another order the arrays that come from them are in another order, too.
    if not sets or any(data.arrays[0].dtype == "file" for data in sets):
        return f"files = sorted(files)  # {IN_BOTH}, right before they are read"
    return _content(manifest, differences)


def _files(_: Manifest, differences: Sequence[ConditionDifference]) -> str:
    for item in differences:
        name, digest = next(iter(names_below([item], "read.files")), ""), str(item.expected)
        if name and re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            line = printable(shlex.quote(f"{digest.removeprefix('sha256:')}  {name}"))
            return f"echo {line} | sha256sum --check  # restore the file until it says OK"
    shown = printable(shlex.join(names_below(differences, "read.files")[:4]))
    return f"# restore as the expected run read them: {shown or 'conditions.read.files'}"


REMEDIES: dict[str, Remedy] = {
    "data": _content,
    "test_data": _content,
    "sample_order": _sample_order,
    "unrecorded_data": fixed(
        'run.data("train", x, y)  # in the block of repro_audit.record(), before training'
    ),
    "pipeline_order": fixed(
        "options = tf.data.Options(); options.deterministic = True; "
        "dataset = dataset.with_options(options)"
    ),
    "parallel_map": fixed(
        "dataset.map(augment)  # not parallel; or stateless ops, seeded by index"
    ),
    "pipeline": _pipeline,
    "batch": fixed("# give the model batches of the expected run's size and element type"),
    "read_files": _files,
}
"""By kind of cause."""
