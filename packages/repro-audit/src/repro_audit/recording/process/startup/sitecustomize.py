"""Record the script that this interpreter is about to run.

Python imports ``sitecustomize`` before anything else. The launcher puts this folder, which
holds nothing more, first on PYTHONPATH; here all traces of that are removed again, another
``sitecustomize`` gets its turn, and the script finds the interpreter as it would be without.
"""

import os
import sys


def _step_aside() -> bool:
    """Take this folder off every path, import what it hides, and return whether it hid any."""
    own = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - start-up stays light
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != own]  # noqa: PTH100
    before = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    rest = [entry for entry in before if os.path.abspath(entry or ".") != own]  # noqa: PTH100
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401 - the one that was hidden
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        return False
    return True


try:
    _hid_another = _step_aside()
finally:
    # Where the other one fails, Python says so and goes on to the script.
    from repro_audit.recording.process.launched import install

    install()
if not _hid_another:
    # Python passes over this one error, and then holds no module of this name.
    message = "there is no sitecustomize but the one that recording begins with"
    raise ImportError(message, name="sitecustomize")
