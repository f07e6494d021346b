"""The factors that a run can be varied in: what each is, how it is varied, what is in force.

What a factor asks for is never believed: what counts is what the run says was in force.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence

from repro_audit.repeat.confirming import Suspicion
from repro_audit.repeat.factor import Factor, manifest_of
from repro_audit.repeat.plan import Setting
from repro_audit.repeat.running import Done
from repro_audit.repeat.script_factors import script_factors

__all__ = ["FACTORS", "factor_named", "watching"]

_VERBOSE = {"ONEDNN_VERBOSE": "dispatch"}
"""Has oneDNN print the instruction set in force when it is first used, and little else."""

_ISA = re.compile(rb"^onednn_verbose,\S*info,cpu,isa:(.+)$", re.MULTILINE)
_LOG_BYTES = 16 * 2**20
_WITH_COMMA = ("de_DE", "fr_FR", "tr_TR", "es_ES", "it_IT", "pl_PL", "ru_RU")


def watching(names: Sequence[str]) -> Setting:
    """Return what every run needs so that it can say what is in force of some factors.

    Args:
        names: The factors.
    """
    return Setting(
        name="",
        request={"reverse_folders": False} if "file-order" in names else {},
        environment=_VERBOSE if "isa" in names else {},
    )


def factor_named(name: str, suspected: Suspicion | None = None) -> Factor:
    """Return the factor of that name.

    Args:
        name: One of `FACTORS`, or of those that are varied only to confirm a cause.
        suspected: The cause, where one is put to the test.
    """
    own = () if suspected is None else script_factors(suspected)
    return next(factor for factor in (*FACTORS, *own) if factor.name == name)


# How each is varied, and where a run says what was in force.


def _vary_hash_seed(_: Done) -> Setting:
    other = "0" if os.environ.get("PYTHONHASHSEED", "0").strip("0") else "1"
    return Setting(name="", environment={"PYTHONHASHSEED": other})


def _hash_seed(done: Done) -> str | None:
    """Return what a text hashes to: a script may set the variable, which is then too late."""
    seeds = manifest_of(done).conditions.seeds
    return None if seeds is None else f"hash {seeds.hash_seed.probe[2:10]}"


def _vary_threads(base: Done) -> Setting | str:
    tensorflow = manifest_of(base).conditions.tensorflow
    if tensorflow is None:
        return "what is in force was not recorded"
    pool = tensorflow.threads.intra_op
    other = 1 if pool.in_force > 1 else max(2, os.cpu_count() or 2)
    if pool.source == "api":
        return Setting(name="", request={"threads": other})
    return Setting(name="", environment={"TF_NUM_INTRAOP_THREADS": str(other)})


def _threads(done: Done) -> str | None:
    tensorflow = manifest_of(done).conditions.tensorflow
    return None if tensorflow is None else str(tensorflow.threads.intra_op.in_force)


def _vary_onednn(base: Done) -> Setting:
    other = "0" if _onednn(base) == "on" else "1"
    return Setting(name="", environment={"TF_ENABLE_ONEDNN_OPTS": other})


def _onednn(done: Done) -> str | None:
    tensorflow = manifest_of(done).conditions.tensorflow
    in_force = None if tensorflow is None else tensorflow.onednn.in_force
    return None if in_force is None else _on(in_force)


def _vary_isa(base: Done) -> Setting | str:
    isa = _isa(base)
    if isa is None:
        return "oneDNN is not used"
    other = "AVX2" if "512" in isa else "SSE41"
    return Setting(name="", environment={**_VERBOSE, "ONEDNN_MAX_CPU_ISA": other})


def _isa(done: Done) -> str | None:
    """Return the instruction set that oneDNN names in the log of a run."""
    try:
        with done.log.open("rb") as log:
            found = _ISA.search(log.read(_LOG_BYTES))
    except OSError:
        return None
    return None if found is None else found[1].decode(errors="replace").strip()


def _vary_op_determinism(base: Done) -> Setting:
    on = _op_determinism(base) == "off"
    return Setting(
        name="", request={"op_determinism": on}, environment={"TF_DETERMINISTIC_OPS": None}
    )


def _op_determinism(done: Done) -> str | None:
    tensorflow = manifest_of(done).conditions.tensorflow
    if tensorflow is None:
        return None
    return {"off": "off", "later": "on, but late"}.get(tensorflow.op_determinism, "on")


def _vary_jit(base: Done) -> Setting | str:
    jit = _jit(base)
    if jit is None:
        return "no model is compiled"
    return Setting(name="", request={"jit": jit == "off"})


def _jit(done: Done) -> str | None:
    determinism = manifest_of(done).conditions.determinism
    if determinism is None or not determinism.execution:
        return None
    found = dict.fromkeys(_on(item.jit) for item in determinism.execution)
    return " and ".join(found)


def _vary_file_order(base: Done) -> Setting | str:
    if _file_order(base) is None:
        return "no folder was seen to be listed by os.listdir or os.scandir"
    return Setting(name="", request={"reverse_folders": True})


def _file_order(done: Done) -> str | None:
    environment = manifest_of(done).conditions.environment
    return None if environment is None else environment.file_order


def _vary_timezone(_: Done) -> Setting:
    return Setting(name="", environment={"TZ": "<+14>-14"})


def _timezone(done: Done) -> str | None:
    environment = manifest_of(done).conditions.environment
    return None if environment is None else environment.timezone


def _vary_locale(base: Done) -> Setting | str:
    """Vary the locale: to one that writes 0,5 if there is one, else to C."""
    try:
        command = ["locale", "-a"]
        known = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        known = ""  # not every system has it
    names = [name for name in known.split() if name.startswith(_WITH_COMMA) and "utf" in name]
    other = next(iter(names), "C")
    if _locale(base) == other:
        return f"no other locale than {other} is installed"
    return Setting(name="", environment={"LC_ALL": other, "LANG": other})


def _locale(done: Done) -> str | None:
    environment = manifest_of(done).conditions.environment
    if environment is None or environment.locale is None:
        return None
    # "LC_CTYPE=C.UTF-8;LC_NUMERIC=C;…" where its parts differ.
    parts = dict.fromkeys(part.rpartition("=")[2] for part in environment.locale.split(";"))
    return ", ".join(parts)


def _vary_cwd(_: Done) -> Setting:
    return Setting(name="", elsewhere=True)


def _cwd(done: Done) -> str:
    return "another path" if done.setting.elsewhere else "as given"


def _vary_load(_: Done) -> Setting:
    return Setting(name="", load=True)


def _load(done: Done) -> str:
    return "busy" if done.load_s > 0 else "idle"


def _on(value: bool) -> str:
    return "on" if value else "off"


FACTORS = (
    Factor(
        name="threads",
        text="threads inside one operation: one where there are several, else several",
        likely=True,
        vary=_vary_threads,
        in_force=_threads,
        stays="the script decides it in a way that cannot be changed from outside",
    ),
    Factor(
        name="onednn",
        text="oneDNN's operations, off where they are on (TF_ENABLE_ONEDNN_OPTS)",
        likely=True,
        vary=_vary_onednn,
        in_force=_onednn,
        stays="this TensorFlow cannot switch it",
    ),
    Factor(
        name="isa",
        text="the instruction set oneDNN may use: AVX2 in place of AVX-512 (ONEDNN_MAX_CPU_ISA)",
        likely=True,
        vary=_vary_isa,
        in_force=_isa,
        stays="this processor has no wider one",
    ),
    Factor(
        name="op-determinism",
        text="op determinism, off where the script turns it on, on where it does not",
        likely=True,
        vary=_vary_op_determinism,
        in_force=_op_determinism,
        stays="the script decides it in a way that cannot be changed from outside",
    ),
    Factor(
        name="jit",
        text="XLA compilation of every compiled model (jit_compile)",
        likely=True,
        vary=_vary_jit,
        in_force=_jit,
        stays="Keras refuses XLA while op determinism is on, and for some models",
    ),
    Factor(
        name="hash-seed",
        text="PYTHONHASHSEED, which orders sets of strings",
        likely=False,
        vary=_vary_hash_seed,
        in_force=_hash_seed,
        stays="it could not be set",
    ),
    Factor(
        name="file-order",
        text="the order in which os.listdir, os.scandir and what rests on them list a folder",
        likely=False,
        vary=_vary_file_order,
        in_force=_file_order,
        stays="no folder was seen to be listed by os.listdir or os.scandir",
    ),
    Factor(
        name="timezone",
        text="the time zone, 14 hours ahead of UTC (TZ)",
        likely=False,
        vary=_vary_timezone,
        in_force=_timezone,
        stays="the script sets it itself",
    ),
    Factor(
        name="locale",
        text="the locale: one that writes 0,5 if one is installed, else C (LC_ALL)",
        likely=False,
        vary=_vary_locale,
        in_force=_locale,
        stays="the script sets it itself",
    ),
    Factor(
        name="cwd",
        text="the folder it starts in: another path, where the same files are linked to",
        likely=False,
        vary=_vary_cwd,
        in_force=_cwd,
        stays="",
    ),
    Factor(
        name="load",
        text="the load of the machine: as many busy processes beside it as there are cores",
        likely=False,
        vary=_vary_load,
        in_force=_load,
        stays="no other process came to compute",
    ),
)
"""Every factor: first those that change most runs, one by one, then those that hardly ever do."""
