"""The magics that ``%load_ext repro_audit`` brings."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics as BaseMagics
from IPython.core.magic import line_magic, magics_class

from repro_audit.errors import ReproAuditError

if TYPE_CHECKING:
    from repro_audit.audit import Audit
    from repro_audit.recording import Run

__all__ = ["Magics"]

_SHOWING = {"accept", "form", "output", "color", "quiet", "strict"}
_NAMED = ("directory", "vary", "confirm", "against")
"""Options of the command that say how its result is shown, which the notebook does itself."""


@magics_class
class Magics(BaseMagics):
    """``%repeat`` and ``%record``."""

    _run: Run | None = None

    @line_magic
    def repeat(self, line: str) -> Audit | None:
        """Repeat this notebook, or a script: ``%repeat [OPTIONS] [TARGET ARGS]``.

        The options are those of the command; its help: ``!repro-audit repeat --help``.
        """
        import click

        from repro_audit.cli.repeat import command
        from repro_audit.interactive.repeating import repeat_target

        try:
            with command.make_context("%repeat", _words(line)) as context:
                given = {name: context.params[name] for name in context.params.keys() - _SHOWING}
                target, *arguments = given.pop("target") or (None,)
                named = {name: given.pop(name) for name in _NAMED}
                named["vary"] = named["vary"] or ()
                return repeat_target(target, arguments, options=given, **named)
        except click.ClickException as error:
            raise UsageError(error.format_message()) from None
        except click.exceptions.Exit:  # --help
            return None
        except ReproAuditError as error:
            raise UsageError(str(error)) from None

    @line_magic
    def record(self, line: str) -> Run | None:
        """Record what is trained from here on: ``%record start [FILE]``, ``%record stop``."""
        word, *rest = _words(line) or [""]
        if word == "start" and len(rest) <= 1:
            from repro_audit.recording import record

            self._run = record(*rest).start()
            return self._run
        if word == "stop" and not rest and self._run is not None:
            run, self._run = self._run, None
            run.stop()
            return run
        message = "expected start, start FILE, or stop behind it"
        raise UsageError(message)


def _words(line: str) -> list[str]:
    """Return the words of a line, as a shell parts them.

    Raises:
        UsageError: It ends within quotes.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        message = f"{line}: {error}"
        raise UsageError(message) from None
