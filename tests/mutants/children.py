"""Run tests on mutants, each in a child of one process in which the tests are collected.

A mutant in the body of a function takes the place of its code. One of what a module does on import
needs that module to be imported again, with all that may have imported it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import io
import json
import os
import resource
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

import pytest
from changes import Module, Mutant

__all__ = ["BrokenError", "Outcome", "run_mutants"]

OPTIONS = [
    *("--quiet", "--capture=no", "--assert=plain"),
    *("-p", "no:cacheprovider", "-m", "not keras"),
]
SURVIVED, KILLED, BROKEN = 0, 1, 3
"""How a child exits; one that a signal ends is killed too."""

MIN_LIMIT_S, TIMES_AS_LONG = 5, 2
"""A child may use so much processor time, and so many times what its tests used while they were
measured: that takes longer by itself, as every line is traced."""


class BrokenError(Exception):
    """Nothing can be said of any mutant."""


class Outcome(NamedTuple):
    """What became of a mutant, and the processor time that its child used."""

    mutant: Mutant
    killed: bool
    cpu_s: float


class _Measured(NamedTuple):
    """What one test does without a mutant."""

    cpu_s: float
    lines: list[tuple[str, int]]
    passed: bool


def run_mutants(
    modules: Sequence[Module],
    tests: Sequence[str],
    workers: int,
    report: Callable[[Outcome, int, int], None],
) -> None:
    """Run the tests that reach a mutant, on every mutant.

    Args:
        modules: What to mutate.
        tests: Files of tests.
        workers: How many children run at a time.
        report: Is told what became of each mutant as its child ends, how many have ended, and
            how many there are.

    Raises:
        BrokenError: A test fails without a mutant, or a mutant cannot be put in its place.
    """
    plugin = _Plugin(lambda items: _Run(modules, items, plugin, report).all(workers))
    plugin.imported = imported = set()
    paths = {module.path for module in modules}

    def note(frame, event, _):
        if frame.f_code.co_filename in paths:
            imported.add((frame.f_code.co_filename, frame.f_code.co_qualname))

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and it starts faster
    with contextlib.redirect_stdout(io.StringIO()) as said:
        _forget(modules[0])  # so that all of it is imported while that is traced
        sys.settrace(note)
        pytest.main([*tests, *OPTIONS], plugins=[plugin])
    if plugin.error is not None:
        raise plugin.error
    if not plugin.has_run:
        message = f"The tests were not collected:\n{said.getvalue()}"
        raise BrokenError(message)


class _Plugin:
    """Stands in for pytest's own loop over the tests."""

    def __init__(self, work: Callable[[list[pytest.Item]], None]) -> None:
        self._work = work
        self.failed = False
        self.has_run = False
        self.error: BrokenError | None = None
        self.imported: set[tuple[str, str]] = set()

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        sys.settrace(None)
        if session.testsfailed:
            return None
        self.has_run = True
        try:
            self._work(session.items)
        except BrokenError as error:
            self.error = error
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed

    def passes(self, item: pytest.Item, following: pytest.Item | None) -> bool:
        """Run a test."""
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return not self.failed


class _Run:
    """The children of one process."""

    def __init__(
        self,
        modules: Sequence[Module],
        items: list[pytest.Item],
        plugin: _Plugin,
        report: Callable[[Outcome, int, int], None],
    ) -> None:
        self._modules = {module.name: module for module in modules}
        self._items = items
        self._plugin = plugin
        self._report = report
        self._functions = _functions({module.path for module in modules})
        self._measured: list[_Measured] = []

    def all(self, workers: int) -> None:
        """Run the tests without a mutant, and then on each."""
        self._measured = self._measure()
        gc.freeze()
        mutants = [mutant for module in self._modules.values() for mutant in module.mutants()]
        for on_import in (False, True):
            alike = (item for item in mutants if self._is_on_import(item) == on_import)
            reached = next((item for item in alike if self._chosen(item)), None)
            if reached is not None:
                self._control(reached)
        running: dict[int, Mutant] = {}
        for number, mutant in enumerate(mutants, start=1):
            running[self._start(mutant)] = mutant
            while len(running) == workers or (running and number == len(mutants)):
                outcome = self._wait(running)
                self._report(outcome, number - len(running), len(mutants))

    def _control(self, mutant: Mutant) -> None:
        """Check that tests notice a module that fails there, and none that is as it was."""
        failing = self._modules[mutant.module].failing(mutant.within)
        for control, killed in ((mutant._replace(new=mutant.old), False), (failing, True)):
            if self._wait({self._start(control): control}).killed != killed:
                noticed = "Tests notice" if killed is False else "No test notices"
                message = f"{noticed} {control.change} in {mutant.module}."
                raise BrokenError(message)

    def _wait(self, running: dict[int, Mutant]) -> Outcome:
        """Return what became of the first child that ends."""
        process, status, used = os.wait3(0)
        mutant = running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        if code == BROKEN:
            message = f"The mutant cannot be put in its place: {mutant[:4]}"
            raise BrokenError(message)
        return Outcome(mutant, code != SURVIVED, used.ru_utime + used.ru_stime)

    def _measure(self) -> list[_Measured]:
        """Run every test once, in a child."""
        reading, writing = os.pipe()
        process = os.fork()
        if not process:
            os.close(reading)
            with _ends_here(), os.fdopen(writing, "w") as pipe:
                json.dump((self._measure_here(), list(sys.modules)), pipe)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            content = pipe.read()
        if os.waitpid(process, 0)[1]:
            message = "The tests do not run without a mutant."
            raise BrokenError(message)
        values, loaded = json.loads(content)
        measured = [_Measured(*value) for value in values]
        for item, of_item in zip(self._items, measured, strict=True):
            if not of_item.passed:
                message = f"The test fails without a mutant: {item.nodeid}"
                raise BrokenError(message)
        # What tests import as they run is imported once, and not in every child.
        for name in loaded:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        return measured

    def _measure_here(self) -> list[_Measured]:
        paths = {module.path for module in self._modules.values()}
        result = []
        for item, following in zip(self._items, [*self._items[1:], None], strict=True):
            lines: set[tuple[str, int]] = set()

            def trace(frame, event, _, lines=lines):
                if frame.f_code.co_filename not in paths:
                    return None
                if event == "line":
                    lines.add((frame.f_code.co_filename, frame.f_lineno))
                return trace

            self._plugin.failed = False
            begun = time.process_time()
            sys.settrace(trace)
            passed = self._plugin.passes(item, following)
            sys.settrace(None)
            result.append(_Measured(time.process_time() - begun, sorted(lines), passed))
        return result

    def _is_on_import(self, mutant: Mutant) -> bool:
        """Whether a mutant acts while modules are imported and tests collected."""
        place = self._modules[mutant.module].path, mutant.within
        return mutant.within is None or place in self._plugin.imported

    def _start(self, mutant: Mutant) -> int:
        """Start the child of a mutant."""
        module, on_import = self._modules[mutant.module], self._is_on_import(mutant)
        chosen = self._chosen(mutant)
        process = os.fork()
        if process:
            return process
        needed = sum(self._measured[number].cpu_s for number in chosen)
        limit = MIN_LIMIT_S + int(TIMES_AS_LONG * needed)
        with _ends_here():
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            mutant.apply()
            if not chosen:
                survives = True
            elif on_import:
                files = dict.fromkeys(str(self._items[number].path) for number in chosen)
                survives = _pass_anew(module, list(files))
            else:
                self._replace(module, mutant.within)
                items = [self._items[number] for number in chosen]
                survives = all(map(self._plugin.passes, items, [*items[1:], None]))
            os._exit(SURVIVED if survives else KILLED)
        return 0

    def _chosen(self, mutant: Mutant) -> list[int]:
        """Return the tests that run the line of a mutant, the quickest first, or its module."""
        path, on_import = self._modules[mutant.module].path, self._is_on_import(mutant)
        first, last = (0, sys.maxsize) if on_import else mutant.lines
        reach = [
            number
            for number, measured in enumerate(self._measured)
            if any(file == path and first <= line <= last for file, line in measured.lines)
        ]
        if on_import:  # whole files are run then, in the order in which they were given
            return reach
        return sorted(reach, key=lambda number: self._measured[number].cpu_s)

    def _replace(self, module: Module, name: str) -> None:
        """Give the functions of that name the code of the module as it is now."""
        code = next(item for item in _codes(module.code()) if item.co_qualname == name)
        functions = self._functions[module.path, name]
        if not functions:
            raise LookupError(name)
        for function in functions:
            function.__code__ = code


def _functions(paths: set[str]) -> dict[tuple[str, str], list[FunctionType]]:
    """Return the functions that were made of some files, by file and name."""
    found = defaultdict(list)
    for item in gc.get_objects():
        if isinstance(item, FunctionType) and item.__code__.co_filename in paths:
            found[item.__code__.co_filename, item.__code__.co_qualname].append(item)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of every function within another code."""
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield item
            yield from _codes(item)


def _pass_anew(module: Module, files: list[str]) -> bool:
    """Import everything of the project again, with the module as it is now, and run the tests."""
    _forget(module)
    sys.meta_path.insert(0, _Finder(module))
    for file in files:  # one after another: most mutants live no longer than one
        done = pytest.main([file, *OPTIONS, "--exitfirst"])
        if done == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise LookupError(file)
        if done != pytest.ExitCode.OK:
            return False
    return True


def _forget(module: Module) -> None:
    """Have the package of a module, and the tests of this folder, imported again when needed."""
    package, here = module.name.partition(".")[0], str(Path.cwd())
    for name, loaded in list(sys.modules.items()):
        path = getattr(loaded, "__file__", None) or ""
        of_tests = path.startswith(here) and "site-packages" not in path
        if (name.partition(".")[0] == package or of_tests) and loaded not in OWN:
            del sys.modules[name]


OWN = [sys.modules[name] for name in (__name__, "changes", "__main__")]
"""What runs the mutants is never one of them."""


class _Finder:
    """Finds a mutated module before others find the one in the file."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def find_spec(self, name, path=None, target=None):
        if name != self._module.name:
            return None
        return importlib.util.spec_from_file_location(
            name, self._module.path, loader=_Loader(self._module)
        )


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a mutated module."""

    def __init__(self, module: Module) -> None:
        super().__init__(module.name, module.path)
        self._module = module

    def get_code(self, fullname):
        return self._module.code()


@contextlib.contextmanager
def _ends_here() -> Iterator[None]:
    """End a child whatever happens, without output and without what the parent does at its end."""
    said = os.dup(2)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(silence, stream)
    code = BROKEN
    try:
        yield
        code = SURVIVED
    finally:
        if code == BROKEN:
            os.write(said, traceback.format_exc().encode())
        os._exit(code)
