"""Run one notebook in a fresh kernel, hand on what it prints, and end as it did.

A process of its own does this, started by `notebook_command`. The request to record reaches the
kernel through the environment, and not this process, which ignores it (``-E``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
import tempfile
import threading
import warnings
from collections import deque
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from repro_audit.files import replace_file
from repro_audit.notebook.cells import text_of
from repro_audit.notebook.kernels import CONNECTION, MARK, SESSION
from repro_audit.wording import how_it_ended

__all__ = ["main"]

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SOURCE_LINES = 5
_RECORDING_ENDS = (
    "getattr(__import__('sys').modules.get('repro_audit.recording.process.ending'), 'end', int)()"
)
"""One expression, which leaves the notebook's names alone."""

_SHUTDOWN_S = 10.0
"""How long a kernel may take to end: half of it until SIGTERM, the rest until SIGKILL."""

_TAIL_LINES = 10
_NO_INPUT = "StdinNotImplementedError"
_BY_US = (signal.SIGTERM, signal.SIGKILL)
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class _ExitAskedError(Exception):
    """A cell has called `exit`: those after it are not run, as those behind it in a script."""


class _Manager(AsyncKernelManager):
    """Ends a kernel as Jupyter does, but only when its recording has ended.

    A kernel that is asked to end may wait for a thread of its notebook, or one of its own for
    another (ipykernel 7), for ever: then it is killed. Or it closes a socket that another thread
    still reads (libzmq aborts). Neither is a fault of the notebook, and Jupyter shows neither.
    """

    asked = False

    async def shutdown_kernel(  # type: ignore[override] # of this class it is a coroutine
        self,
        now: bool = False,  # noqa: FBT002 - as it is called
        restart: bool = False,  # noqa: FBT002
    ) -> None:
        await self._end_recording()
        self.asked = await self.is_alive()  # it may have been killed while it read a large model
        await super().shutdown_kernel(now=now, restart=restart)

    async def _end_recording(self) -> None:
        """Wait until the state of the models is read, as long as it takes."""
        client = self.client()
        client.start_channels(iopub=False, stdin=False, hb=False)
        reply = client.execute(_RECORDING_ENDS, silent=True, store_history=False, reply=True)
        waits = asyncio.ensure_future(reply)
        while not waits.done() and await self.is_alive():
            await asyncio.wait([waits], timeout=0.1)
        waits.cancel()
        client.stop_channels()


class _Client(NotebookClient):
    """Hands on what cells print when they print it, and keeps the kernel's process.

    A kernel sends all that it prints. What comes to its own output and errors as well is kept
    for the case that it dies.
    """

    manager: _Manager
    kernel: Any = None
    passed_on: int | None = None
    cell: NotebookNode | None = None
    connection: Path

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        output = super().process_message(msg, cell, cell_index)
        kind, content = msg["msg_type"], msg["content"]
        if kind == "stream":
            stream = sys.stderr if content["name"] == "stderr" else sys.stdout
            _write(content["text"], stream)
        elif kind in {"display_data", "execute_result"}:
            _write(text_of(content["data"].get("text/plain", "")) + "\n", sys.stdout)
        return output

    async def async_execute_cell(self, cell: NotebookNode, *args: Any, **kw: Any) -> NotebookNode:
        self.cell = cell
        done = await super().async_execute_cell(cell, *args, **kw)
        for item in self.payload:
            if item.get("source") == "ask_exit":
                raise _ExitAskedError
        return done

    async def async_execute(self, *args: Any, **kw: Any) -> NotebookNode:
        self.payload: list[dict[str, Any]] = []
        self.on_cell_executed = lambda execute_reply, **_: self.payload.extend(
            execute_reply["content"].get("payload", ())
        )
        return await super().async_execute(*args, **kw)

    def set_widgets_metadata(self) -> None:
        super().set_widgets_metadata()
        # All cells were run. One that may raise was perhaps the last, and is no failure.
        assert self.kc is not None  # noqa: S101 - as in what this extends
        self.kc.execute("", silent=True, store_history=False)

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        assert isinstance(self.km, _Manager)  # noqa: S101 - as it was asked for
        self.km.connection_file = str(self.connection)
        self.raw = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with this process
        both = {"stdout": self.raw, "stderr": self.raw}
        await super().async_start_new_kernel(**kwargs, **both)
        self.manager = self.km
        self.manager.shutdown_wait_time = _SHUTDOWN_S
        provisioner: Any = self.km.provisioner
        self.kernel = provisioner.process


def main() -> int:
    """Run the notebook that the command line names.

    Returns:
        The exit code that a script would end with; negative for a signal.
    """
    parser = argparse.ArgumentParser(description="Run a notebook in a fresh kernel.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("executed", type=Path, help="where the notebook with its output goes")
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the kernel starts")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="nbformat")  # of cells without an id, which get one
    notebook = nbformat.read(arguments.notebook, as_version=4)  # type: ignore[no-untyped-call]
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)  # where runs start in an empty folder
    copied = folder / arguments.notebook.name
    os.environ[SESSION] = str(copied if copied.is_file() else arguments.notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = _Client(
        notebook,
        timeout=None,
        kernel_name=arguments.kernel,
        resources={"metadata": {"path": str(folder)}},
        kernel_manager_class=_Manager,
        record_timing=False,
        skip_cells_with_tag="",  # Jupyter runs them all
    )
    with tempfile.TemporaryDirectory() as made:
        client.connection = Path(made, CONNECTION)
        client.connection.parent.mkdir()
        try:
            return _run_beside_signals(client)
        finally:
            notebook.metadata[MARK] = "executed"
            text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
            replace_file(arguments.executed, text.encode(errors="backslashreplace"))


def _run_beside_signals(client: _Client) -> int:
    """Run it in a thread, while this one passes signals on to the kernel."""
    codes: list[int] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            codes.append(_run(client))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)

    def pass_on(number: int, frame: object) -> None:
        if client.kernel is not None and client.kernel.poll() is None:
            client.passed_on = number
            # The kernel leads a group: what its cells have started hears of it, as in a terminal.
            os.killpg(client.kernel.pid, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)  # signals are handled between
    if errors:
        raise errors[0]
    return codes[0]


def _run(client: _Client) -> int:
    """Run all cells; return the exit code that a script would end with."""
    try:
        asyncio.run(client.async_execute())
    except CellExecutionError as error:
        return _failed(client, error)
    except _ExitAskedError:
        _write(f"cell {client.code_cells_executed} has ended the notebook\n", sys.stderr)
    except RuntimeError:  # that the kernel has died, or that it never answered
        if client.kernel is None or client.kernel.poll() is None:
            raise
        _write(f"the kernel ended in cell {client.code_cells_executed}\n", sys.stderr)
    return _how_it_ended(client)


def _failed(client: _Client, error: CellExecutionError) -> int:
    """Say which cell failed, and how."""
    cell = client.cell
    assert cell is not None  # noqa: S101 - one was run
    if error.ename == "SystemExit":
        return _exit_code(error.evalue)
    if error.ename == "KeyboardInterrupt":
        return -signal.SIGINT
    for output in cell.outputs:
        if output.output_type == "error":
            output.traceback = [_COLOURS.sub("", line) for line in output.traceback]
            _write("\n".join(output.traceback) + "\n\n", sys.stderr)
    lines = cell.source.strip().splitlines()
    more = [f"   … {len(lines) - _SOURCE_LINES} more"] if len(lines) > _SOURCE_LINES else []
    said = f"cell {client.code_cells_executed} failed: {error.ename}: {error.evalue}"
    if error.ename == _NO_INPUT:
        said += "\nNobody answers input() in a notebook that is run as a whole: write the answer "
        said += "into the cell."
    source = "\n".join([*(f"   | {line}" for line in lines[:_SOURCE_LINES]), *more])
    _write(f"{said}\n{source}\n", sys.stderr)
    return 1


def _exit_code(value: str) -> int:
    """Return the exit code of a `SystemExit`, as Python does: text means 1."""
    if value in {"", "None", "False"}:
        return 0
    try:
        return int(value) & 0xFF
    except ValueError:
        _write(value + "\n", sys.stderr)
        return 1


def _how_it_ended(client: _Client) -> int:
    """Return the exit code of the kernel's process, and show its last words if it is not 0."""
    code: int = client.kernel.wait()
    after_all = client.manager.asked and code < 0 and -code != client.passed_on
    if after_all and -code in _BY_US:
        return 0
    if code and code != -signal.SIGKILL:  # of which it knew nothing
        client.raw.seek(0)
        for line in deque(client.raw, _TAIL_LINES):
            _write(line.decode(errors="replace"), sys.stderr)
    if after_all:
        _write(f"after all cells, the kernel {how_it_ended(code)}\n", sys.stderr)
        return 0
    return code


def _write(text: str, stream: Any) -> None:
    stream.write(text)
    stream.flush()


if __name__ == "__main__":
    ended = main()
    if ended < 0:
        if -ended != signal.SIGKILL:
            signal.signal(-ended, signal.SIG_DFL)
        os.kill(os.getpid(), -ended)
    raise SystemExit(ended)
