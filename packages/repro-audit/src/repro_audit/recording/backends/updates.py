"""See which optimizers update which variables, in fits and in loops written by hand.

An update is a call of ``optimizer.apply`` where it runs eagerly, and an advance of
``optimizer.iterations`` where it is part of a ``tf.function``, seen when that returns. Nothing
is added to any graph. What is updated belongs to the fit that does it, to a model that a loop
trains, or to no model at all: the variables that an optimizer holds are then a group of their
own.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from repro_audit.recording.backends.base import Place, Steps
from repro_audit.recording.backends.framework import TrainingWatch
from repro_audit.recording.backends.groups import (
    built_optimizers,
    owners,
    trainable_by_model,
    trainable_ids,
    variable_id,
)
from repro_audit.recording.backends.observers import LoopObserver
from repro_audit.recording.backends.patching import Call, Patches, Watch
from repro_audit.recording.backends.turn import Turn

__all__ = ["Updates"]

# Private places in Keras, as they stand in the sources of 3.12.0 and of 3.15.1. When a module
# moves, name the new place beside the old one, as long as `pyproject.toml` allows a release that
# has that: a module that is never imported is never looked into. Private too: an optimizer's
# `_trainable_variables`, without which the models of an update that names none are not known.
_OPTIMIZERS = (
    ("keras.src.optimizers.base_optimizer", "BaseOptimizer.apply"),
    ("keras.src.optimizers.loss_scale_optimizer", "LossScaleOptimizer.apply"),
)
_FITS = "$.outcomes.fits"


class _Known:
    """An optimizer that was seen, and what it updates. It is not kept alive."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = weakref.ref(optimizer)
        self._models: list[weakref.ref[Any]] = []
        self._by_variables: dict[tuple[int, ...], list[weakref.ref[Any]]] = {}
        self._seen: int | None = None
        self.in_graph = False

    @property
    def models(self) -> list[Any]:
        """Every model that it was seen to update, and that is still there."""
        return [model for item in self._models if (model := item()) is not None]

    def of(self, variables: Sequence[Any]) -> list[Any] | None:
        """Return the models that it updates with these variables; None where it is not known."""
        found = self._by_variables.get(_key(variables))
        models = None if found is None else [item() for item in found]
        return None if models is None or None in models else models

    def add(self, variables: Sequence[Any], models: Sequence[Any]) -> None:
        """Take note of the models that it updates with these variables."""
        self._by_variables[_key(variables)] = [weakref.ref(model) for model in models]
        known = self.models
        self._models += [weakref.ref(model) for model in models if not _contains(known, model)]

    def advance(self, steps: Steps) -> int:
        """Return how many steps were made since the last call, which `steps` can count."""
        optimizer = self._optimizer()
        now = None if optimizer is None else steps.updates_made(optimizer)
        before, self._seen = self._seen, now
        return 0 if before is None or now is None else max(0, now - before)


class Updates:
    """Tells a recorder of every update, and knows which optimizers made it."""

    def __init__(
        self,
        recorder: Callable[[], LoopObserver | None],
        turn: Turn,
        steps: Callable[[], Steps],
    ) -> None:
        """Prepare.

        Args:
            recorder: Returns what is to be told, and begins it if need be; None where there is
                no recording.
            turn: Which fit this thread is in.
            steps: Returns the backend, which is not known before Keras is imported.
        """
        self._recorder = recorder
        self._turn = turn
        self._steps = steps
        self._others: list[TrainingWatch] = []
        self._inside = threading.local()
        self._known: weakref.WeakKeyDictionary[Any, _Known] = weakref.WeakKeyDictionary()
        self._optimizers: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
        # What a loop trains is kept: its state at the end is what the loop comes to.
        self._kept: list[Any] = []
        self._variables: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._thread: threading.Thread | None = None

    def install(
        self, patches: Patches, functions: Sequence[Place], others: Sequence[TrainingWatch]
    ) -> None:
        """Begin to look.

        Args:
            patches: Keeps what is put in a place of others.
            functions: What runs a compiled function, of which an update may be part.
            others: See what is trained otherwise; they look when such a function has run.
        """
        for module, name in _OPTIMIZERS:
            patches.watch(module, name, self._apply, lost=_FITS)
        for module, name in functions:
            patches.watch(module, name, self._function, lost=_FITS)
        self._others = list(others)

    def ends(self) -> None:
        """Look for the last time what was trained otherwise: the recording is over."""
        for other in self._others:
            other.look(last=True)

    def optimizers(self, model: Any) -> list[Any]:
        """Return the optimizers that have updated a model since it was compiled, the first first.

        Returns:
            Where none was seen, the one it was compiled with, once it has its slots; or those that
            have updated parts of it.
        """
        found = self._optimizers.get(model)
        if found:
            return list(found)
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None:
            return [optimizer] if optimizer.built else []
        own = {variable_id(variable) for variable in model.variables}
        return [
            optimizer
            for optimizer in list(self._known)
            if own >= {variable_id(item) for item in getattr(optimizer, "_trainable_variables", ())}
        ]

    def compiled(self, model: Any) -> None:
        """Take note that a model was compiled: what updated it before may do so no more."""
        self._optimizers.pop(model, None)

    @contextlib.contextmanager
    def of_fit(self, model: Any) -> Iterator[None]:
        """Let the steps that a fit makes until the block ends be no steps of a loop.

        A step that an earlier recording saw being made is not made again, and no update is seen.
        """
        for optimizer in self._steps().step_optimizers(model):
            known = self._known.setdefault(optimizer, _Known(optimizer))
            known.add(list(optimizer._trainable_variables), [model])
            self._add(model, optimizer)
        try:
            yield
        finally:
            for known in list(self._known.values()):
                if known.in_graph and _contains(known.models, model):
                    known.advance(self._steps())

    def adopt(self) -> None:
        """Know the optimizers that there are: a step that holds one may have been traced before."""
        optimizers = built_optimizers()
        owned = trainable_by_model() if optimizers else []
        for optimizer in optimizers:
            known = self._known.setdefault(optimizer, _Known(optimizer))
            variables = list(optimizer._trainable_variables)
            known.in_graph = True
            known.add(variables, self._owners(optimizer, variables, owned))
            known.advance(self._steps())

    def is_applying(self) -> bool:
        """Whether this thread is in an optimizer's own update."""
        return bool(getattr(self._inside, "apply", False))

    def is_updated(self, variable: Any) -> bool:
        """Whether a Keras optimizer was seen to update a variable."""
        return self._variables.get(id(variable)) is variable

    def _apply(self, call: Call) -> Watch:
        """See an update: now where it runs now, later where it becomes part of a graph."""
        recorder = None if getattr(self._inside, "apply", False) else self._recorder()
        if recorder is None:
            return
        steps = self._steps()
        optimizer, eager = call.args[0], steps.runs_now()
        call, variables = _variables(call)
        if self._turn.elsewhere or self._turn.refused:
            self._variables.update({id(variable): variable for variable in variables})
            if not self._turn.refused:  # else the fit that it is part of was told of
                recorder.unfollowed("update", "in another thread")
            yield call
            return
        with steps.unseen():
            known = self._known.setdefault(optimizer, _Known(optimizer))
            models = self._updated(known, optimizer, variables, recorder)
            if not eager and not known.in_graph:
                known.in_graph = True
                known.advance(steps)
        self._inside.apply = True
        try:
            yield call
        finally:
            self._inside.apply = False
        if eager:
            with steps.unseen():  # as below
                if known.in_graph:
                    known.advance(steps)  # it is told of here, or part of a fit
                if not self._turn.in_replica or steps.is_first_replica():
                    self._tell(recorder, models, 1, getattr(self._inside, "function", None))

    def _function(self, call: Call) -> Watch:
        """Look, after a compiled function has run, whether an optimizer has advanced."""
        outermost = getattr(self._inside, "function", None) is None
        if outermost:
            if not self._turn.models:
                self._look(None)  # what was updated before was not by this call
            self._inside.function = call  # run eagerly, it updates before it returns
        try:
            yield None
        finally:
            if outermost:
                self._inside.function = None
        self._look(call)

    def _look(self, call: Call | None) -> None:
        """Look whether optimizers have advanced: by the call of a compiled function, if one ran."""
        waiting = [known for known in list(self._known.values()) if known.in_graph]
        others = [other for other in self._others if other.waiting]
        if not (waiting or others) or self._turn.elsewhere or self._turn.refused:
            return
        steps = self._steps()
        recorder = self._recorder() if steps.runs_now() else None
        if recorder is None:
            return
        with steps.unseen():  # what is read here is not for a tape of the script's
            for other in others:
                other.look()
            for known in waiting:
                models = known.models
                # The steps of a fit are its own.
                if not any(_contains(self._turn.models, model) for model in models):
                    self._tell(recorder, models, known.advance(steps), call)

    def _tell(
        self, recorder: LoopObserver, models: Sequence[Any], steps: int, function: Call | None
    ) -> None:
        """Tell of steps of a loop; those of the models that are being fitted are no such.

        Args:
            recorder: Is told.
            models: Those that were updated.
            steps: How often.
            function: The call of a compiled function that the steps are part of, if they are.
        """
        models = [item for item in models if not _contains(self._turn.models, item)]
        if not steps or not models:
            return
        current = threading.current_thread()
        if self._thread is None or not self._thread.is_alive():
            self._thread = current
        if current is not self._thread and not self._turn.in_replica:
            recorder.unfollowed("update", "in another thread")
            return
        for model in models:
            recorder.loop_updates(
                model, steps, functools.partial(self._given, function, steps, model)
            )

    def _given(self, function: Call | None, steps: int, model: Any) -> Any:
        """Return what one step was given; None where that is not known, or what was trained."""
        if function is None or steps != 1:
            return None
        return self._steps().batch_given(function, model)

    def _updated(
        self, known: _Known, optimizer: Any, variables: Sequence[Any], recorder: LoopObserver
    ) -> list[Any]:
        """Return the models that an update is of, and take note of its optimizer for each."""
        models = known.of(variables)
        if models is None or self._is_of_fit(variables, models):
            models = self._owners(optimizer, variables)
            self._variables.update({id(variable): variable for variable in variables})
            known.add(variables, models)
            for model in models:
                if not _contains(self._turn.models, model):
                    self._kept += [model, optimizer]
                    recorder.loop_model_found(model)
        for model in models:
            outermost = _outermost(model, optimizer)
            # One that was seen in a replica's thread is read when the step has ended.
            if self._add(model, outermost) and not self._turn.in_replica:
                recorder.optimizer_found(model, outermost)
        return models

    def _add(self, model: Any, optimizer: Any) -> bool:
        """Take note that an optimizer updates a model; return whether that is new."""
        found = self._optimizers.setdefault(model, [])
        if _contains(found, optimizer):
            return False
        found.append(optimizer)
        return True

    def _is_of_fit(self, variables: Sequence[Any], models: Sequence[Any]) -> bool:
        """Whether a model that is being fitted owns what was thought to be other models'.

        As is thought of the optimizers that there were when the recording began: of two networks
        within one model each seems to be a model of its own.
        """
        fitted = self._turn.models
        if not fitted or any(_contains(models, model) for model in fitted):
            return False
        wanted = {variable_id(variable) for variable in variables}
        return any(wanted & trainable_ids(model) for model in fitted)

    def _owners(
        self,
        optimizer: Any,
        variables: Sequence[Any],
        owned: Sequence[tuple[Any, set[int]]] | None = None,
    ) -> list[Any]:
        """Return whose the variables are: above all the model's that is being fitted."""
        wanted, models = list(variables), []
        for model in reversed(self._turn.models):
            own = trainable_ids(model)
            rest = [variable for variable in wanted if variable_id(variable) not in own]
            if len(rest) < len(wanted):
                models.append(model)
                wanted = rest
        return models + (owners(optimizer, wanted, owned) if wanted else [])


def _variables(call: Call) -> tuple[Call, list[Any]]:
    """Return the variables that an update is of, and the call that is to be made."""
    given = call.args[2] if len(call.args) > 2 else call.kwargs.get("trainable_variables")
    if given is None:
        return call, list(getattr(call.args[0], "_trainable_variables", ()))
    if isinstance(given, list | tuple):
        return call, list(given)
    variables = list(given)  # what can be read once was read here
    if len(call.args) > 2:
        return call._replace(args=(*call.args[:2], variables, *call.args[3:])), variables
    return call._replace(kwargs={**call.kwargs, "trainable_variables": variables}), variables


def _outermost(model: Any, optimizer: Any) -> Any:
    """Return the optimizer that a model was compiled with where that wraps this one."""
    whole = inner = getattr(model, "optimizer", None)
    while inner is not None:
        if inner is optimizer:
            return whole
        inner = getattr(inner, "inner_optimizer", None)
    return optimizer


def _contains(items: Sequence[Any], wanted: Any) -> bool:
    """Whether an object is among some, by identity: of a stranger's object ``==`` may do more."""
    return any(item is wanted for item in items)


def _key(variables: Sequence[Any]) -> tuple[int, ...]:
    return tuple(map(id, variables))
