"""Find the command, run it, and map whatever happens to an exit code."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from repro_audit.cli.output import ReaderGoneError
from repro_audit.errors import ReproAuditError, printable

__all__ = ["InterruptedRunsError", "group", "run"]

COMMANDS = (
    "audit", "record", "repeat", "baseline", "attach", "extract", "checklist", "demo", "explain",
    "schema",
)  # fmt: skip
_OPTIONS_WITH_VALUE = {
    "-o", "--output", "--format", "--rtol", "--atol", "--require", "--ignore-metric", "--color",
    "--accept", "--claims", "--fits", "--for", "-d", "--directory",
}  # fmt: skip
_FAILED, _INTERRUPTED = 2, 130


class InterruptedRunsError(Exception):
    """A command was interrupted that leaves something behind, which its text tells of."""


class _Commands(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"repro_audit.cli.{cmd_name}").command
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command, files are audited: repro-audit theirs.json mine.json",
)
@click.version_option(package_name="repro-audit", message="%(prog)s %(version)s")
def group() -> None:
    """Prove that a Keras training run repeats; find where two runs diverge, and why.

    \b
    Exit codes: 0 controlled, identical or close, and with --accept rounding or seeds;
    1 uncontrolled or divergent, and those without it;
    2 inconclusive, or something went wrong; 130 interrupted.

    \b
    Examples:
      repro-audit manifest.json              audit one run
      repro-audit theirs.json mine.json      compare two runs
      repro-audit record train.py            run a script and record it
      repro-audit repeat train.py            run a script twice and compare
    """


def run(arguments: Sequence[str] | None = None) -> int:  # noqa: C901 - one map of all ends
    """Run the command line and return its exit code.

    Args:
        arguments: Words after the program's name; those of the process where not given.

    Returns:
        The command's own code; 2 where it failed or its output cannot be written, 130 where it was
        interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        _interrupt_by_signals()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for ever
    if sys.stdout is None:
        return _say("standard output is closed", _FAILED)
    try:
        result: Any = group.main(_with_command(words), "repro-audit", standalone_mode=False)
        sys.stdout.flush()
    except InterruptedRunsError as interrupt:
        return _say(f"interrupted; {interrupt}", _INTERRUPTED)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", _INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return _FAILED
    except click.ClickException as error:
        hint = getattr(getattr(error, "ctx", None), "command_path", "repro-audit")
        # Click sets choices on lines of their own.
        said = " ".join(error.format_message().split())
        return _say(f"{said} See: {hint} --help", _FAILED)
    except ReproAuditError as error:
        return _say(str(error), _FAILED)
    except (ReaderGoneError, SystemExit):
        # Whoever read the output has had enough. Click itself exits 1 for that.
        _silence_output()
        return _FAILED
    except OSError as error:
        _silence_output()
        return _say(f"the output cannot be written: {error.strerror}", _FAILED)
    except Exception as error:
        if os.environ.get("REPRO_AUDIT_DEBUG"):
            raise
        what = f"internal error: {type(error).__name__}: {error}."
        return _say(f"{what} Set REPRO_AUDIT_DEBUG=1 to see where, and report it.", _FAILED)
    return result if isinstance(result, int) else 0


def _with_command(words: list[str]) -> list[str]:
    """Put the command first; where no word is one, the command is `audit`."""
    index = 0
    while index < len(words):
        word = words[index]
        if word == "-" or not word.startswith("-"):
            if word in COMMANDS:
                return [word, *words[:index], *words[index + 1 :]]
            _check_spelling(word)
            return ["audit", *words]
        index += 2 if word in _OPTIONS_WITH_VALUE else 1
    return words if not words or words[0] in {"-h", "--help", "--version"} else ["audit", *words]


def _check_spelling(word: str) -> None:
    """Raise where a word is neither a command nor a file, but nearly a command."""
    if word == "-" or os.path.lexists(word):
        return
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    if near and Path(word).name == word:
        message = f"{printable(word)} is neither a command nor a file. Did you mean {near[0]}?"
        raise click.UsageError(message)


def _silence_output() -> None:
    """Let what Python flushes at its end go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt_by_signals() -> None:
    """Take the end of a job or of a terminal for Ctrl-C: children must end with this process."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _say(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    lines = " ".join(printable(line) for line in message.splitlines())
    sys.stderr.write(f"repro-audit: {lines}\n")
    return code
