"""What brings two runs to the same packages, variables, code and arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from repro_audit.compare.comparison import ConditionDifference
from repro_audit.compare.remedies.remedy import Remedy, fixed, names_below
from repro_audit.errors import printable
from repro_audit.installing import NAMES, RELEASED
from repro_audit.manifest import Manifest
from repro_audit.manifest.conditions import Package

__all__ = ["REMEDIES", "restored"]

_MAX_FILES = 4


def _packages(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return the line that installs the expected versions."""
    packages = manifest.conditions.packages
    names = dict.fromkeys(
        re.split(
            r"[.'\]]", re.sub(r"^\$\.conditions\.packages\.distributions(\.|\[')", "", item.path)
        )[0]
        for item in differences
    )
    known = {} if packages is None else packages.distributions
    pins = [f"{name}=={known[name].version}" for name in names if _on_an_index(name, known)]
    # A name or version that no package can have might be an option of pip.
    pins = [pin for pin in pins if re.fullmatch(r"\w[\w.-]*==\w[\w.+!-]*", pin, re.ASCII)]
    shown = pins[:8] + (["…"] if len(pins) > 8 else [])
    return (
        "pip install " + " ".join(shown) if pins else "# install the packages of the expected run"
    )


def _on_an_index(name: str, known: Mapping[str, Package]) -> bool:
    """Whether the expected run had a package from an index: another's may bear that name there."""
    ours = name in NAMES and not RELEASED
    return name in known and known[name].source is None and not ours


def _keras(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    packages = manifest.conditions.packages
    version = {} if packages is None else packages.stack
    known = re.fullmatch(r"[\w.+!-]+", version.get("keras", ""), re.ASCII)
    return f"pip install keras=={known[0]}" if known else "# install the Keras of the expected run"


def restored(manifest: Manifest, what: str) -> str:
    """Return what brings a part of a run's code back.

    Args:
        manifest: The run.
        what: The part, in words.
    """
    command = _checkout(manifest)
    if command is not None:
        return f"{command}  # or restore {what} alone"
    return f"# restore {what}, as in the expected run"


def _checkout(manifest: Manifest) -> str | None:
    """Return the command that brings a run's code back; None where no commit holds it."""
    git = None if manifest.conditions.code is None else manifest.conditions.code.git
    if git is None or git.dirty or not re.fullmatch(r"[0-9a-f]{7,64}", git.commit or ""):
        return None
    return f"git checkout {git.commit}"


def _code(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    command = _checkout(manifest)
    if command is not None:
        return command
    names = names_below(differences, "code.files")[:_MAX_FILES]
    files = printable(shlex.join(names)) or "the files"
    return f"# run {files} as in the expected run, whose code no commit holds"


def _variables(manifest: Manifest, differences: Sequence[ConditionDifference]) -> str:
    """Return what sets the variables that differ as they were; a manifest tells few values."""
    conditions = manifest.conditions
    known = {} if conditions.environment is None else conditions.environment.variables
    read = {} if conditions.read is None else conditions.read.variables
    commands = []
    for name in names_below(differences, "read.variables"):
        if name not in read or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            continue
        if read[name] is None:
            commands.append(f"unset {name}")
        elif name in known:
            commands.append(f"export {name}={shlex.quote(printable(known[name]))}")
        else:
            commands.append(f"export {name}=...  # as in the expected run: digest {read[name]}")
    return "\n".join(commands[:8]) or "# set the variables that the program reads as they were"


def _arguments(manifest: Manifest, _: Sequence[ConditionDifference]) -> str:
    code = manifest.conditions.code
    return "# run it as: " + printable(shlex.join(code.argv if code is not None else ()))


REMEDIES: dict[str, Remedy] = {
    "initializers": _keras,
    "numeric_packages": _packages,
    "packages": _packages,
    "python": fixed("# use the Python of the expected run: conditions.environment.python"),
    "read_variables": _variables,
    "environment": fixed("# run in the environment of the expected run"),
    "arguments": _arguments,
    "code": _code,
}
"""By kind of cause."""
