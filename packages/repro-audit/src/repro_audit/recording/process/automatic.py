"""Record a script that does not ask for it, in the process that the launcher has started.

Recording begins when the first model is compiled, trained or evaluated, and ends with the
process. A script that records itself is left to it. A process that the script forks or spawns
records nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from repro_audit.capture.kernel import kernel_shell, uncaught
from repro_audit.errors import CaptureError, printable
from repro_audit.manifest.writing import write
from repro_audit.recording.backends.fit_hooks import MODEL
from repro_audit.recording.backends.patching import Call, Watch
from repro_audit.recording.backends.select import FRAMEWORKS
from repro_audit.recording.process.current import process
from repro_audit.recording.process.ending import at_end
from repro_audit.recording.process.seeders import SEEDERS
from repro_audit.recording.request import Request
from repro_audit.recording.run import Run
from repro_audit.recording.session.draft import Draft

if TYPE_CHECKING:
    from repro_audit.manifest.conditions import Seeds

__all__ = ["AutomaticRecording"]


class _Run(Run):
    """A recording that the script knows nothing of."""

    _automatic = True

    def __init__(self, request: Request, seeds: Seeds | None) -> None:
        super().__init__(request.manifest)
        self._seeds = seeds


class AutomaticRecording:
    """One process, from before its script's first line to after its last."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._seeds: Seeds | None = None
        self._seeding = 0
        self._run: _Run | None = None
        self._refused: Draft | None = None
        self._script: str | None = None

    def install(self) -> None:
        """See from now on what the script does."""
        process.automatic = self
        # Registered before the script registers anything: it is called after all of that.
        at_end(self._end)
        patches = process.patches
        for module, name in sorted(SEEDERS):
            patches.watch(module, name, self._seeds_set, lost="$.conditions.seeds")
        for framework in FRAMEWORKS.values():
            framework.watch_settings(patches, process.controlled)
        process.watch_keras(since_start=True)

    def begin(self) -> None:
        """Begin to record, once."""
        with process.lock:
            if self._run is not None or process.automatic is not self:
                return
            run = _Run(self._request, self._seeds)
            self._run = run  # what it calls itself must not begin it again
            try:
                run.start()
            except CaptureError as error:
                self._run = process.automatic = None
                self._refused = Draft()
                self._refused.refuse(str(error).removesuffix("."))
                return
            except Exception as error:  # noqa: BLE001 - whatever fails here, the script goes on
                self._run = process.automatic = None
                say(f"not recorded: {error}")
                return
            if kernel_shell() is not None:
                # Before IPython's own, which empties the namespace of the notebook.
                at_end(self._end)
            self._script = getattr(sys.modules["__main__"], "__file__", None)

    def give_way(self) -> None:
        """Leave the recording to the script, which records itself."""
        process.automatic = None
        if self._run is not None:
            self._run.discard()
            self._run = None

    # What the script does.

    def _seeds_set(self, call: Call) -> Watch:
        """See that a generator is seeded: layers will draw from it as it is after the last seed."""
        self._seeding += 1
        try:
            yield None
        finally:
            self._seeding -= 1
        if not self._seeding:
            self._read_seeds()

    def _read_seeds(self) -> None:
        """Keep what the generators are like now."""
        waits = self._run is None and process.automatic is self
        if not waits or MODEL not in sys.modules:
            return
        from repro_audit.capture.environment import environment_variables
        from repro_audit.capture.seeds import capture_seeds

        self._seeds = None
        try:
            self._seeds = capture_seeds(
                process.backend(), environment_variables(), process.controlled.seed
            )
        except Exception:  # noqa: BLE001 - on another backend, of which the recording tells later
            self._seeds = None

    def _end(self) -> None:
        """End the recording with the process."""
        if process.is_child or (self._run is None and self._refused is None):
            return
        error = uncaught()
        if self._script is not None:
            # Python takes it away when a script has ended.
            sys.modules["__main__"].__file__ = self._script
        try:
            if self._refused is not None:
                self._refused.end(error)
                write(self._refused.manifest(), Path(self._request.manifest))
            if self._run is not None:
                self._run.stop(error)
        except Exception as failure:  # noqa: BLE001 - the script ends as it would without
            say(f"the recording was not ended well: {failure}")


def say(message: str) -> None:
    """Say something on standard error, where there is one."""
    if sys.stderr is not None:
        sys.stderr.write(f"repro-audit: {printable(message)}\n")
