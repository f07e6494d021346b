"""Have this process's command run by a server of `forking`: in the place of Python, and as quick.

It is what a program that stands for Python does, so it imports next to nothing.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time

__all__ = ["ask", "asked"]

_STARTS_S = 0.2
_HAS_CORES = hasattr(os, "sched_setaffinity")
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)


def ask(address: str) -> None:
    """Have this process's command run by a server, and end as it ends.

    Args:
        address: The server's.
    """
    words = sys.argv[1:]
    fresh = [sys.executable, *words]
    if not words or (words[0].startswith("-") and words[0] not in {"-m", "-c"}):
        os.execv(fresh[0], fresh)  # noqa: S606 - no shell
    request = {"words": words, "cwd": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - light
    code = asked(address, request, [0, 1, 2])
    if code is None:
        os.execv(fresh[0], fresh)  # noqa: S606 - as above
    if code < 0:
        if -code == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def asked(address: str, request: dict[str, object], files: list[int]) -> int | None:
    """Send a request, with standard input, output and error, and return the exit code.

    None where no server can do what is asked.

    Args:
        address: The server's.
        request: What is to be run: literals alone.
        files: Three open files.
    """
    limits = {number: resource.getrlimit(number) for number in _LIMITS}
    cores = {"cores": sorted(os.sched_getaffinity(0))} if _HAS_CORES else {}
    request = {**request, "limits": limits, **cores}
    own = address
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(address)
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(_STARTS_S)  # it is being started, or has failed, which the first knows
                address = own
                continue
            socket.send_fds(connection, [b"\n"], files)
            connection.sendall(repr(request).encode() + b"\n")
            answer = connection.makefile("r").readline().strip()
        if not answer.startswith("/"):
            return int(answer) if answer else None
        address = answer
