"""What hooks and backends tell whoever records, one protocol a kind of news.

A session listens to all of it; a run that is not recorded listens to updates alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from repro_audit.trace import Column

__all__ = [
    "FitObserver",
    "LoopObserver",
    "ModelObserver",
    "Notes",
    "StepObserver",
    "TrainingObserver",
]


class Notes(Protocol):
    """Takes note of fields of the manifest that cannot be read, by their JSONPath."""

    def mark_missing(self, path: str, reason: str) -> None:
        """Note that a field cannot be read."""

    def mark_recorded(self, path: str) -> None:
        """Note that a field has been read after all."""

    def failed(self, path: str, error: Exception) -> None:
        """Note that reading a field failed."""


class TrainingObserver(Protocol):
    """Is told of training that cannot be followed."""

    def trained_otherwise(self, variable: Any) -> None:
        """A variable was trained, and by no Keras optimizer."""


class LoopObserver(TrainingObserver, Protocol):
    """Is told of updates that no fit makes."""

    def loop_model_found(self, model: Any) -> None:
        """A model, or a group of variables, is about to be trained outside a fit."""

    def optimizer_found(self, model: Any, optimizer: Any) -> None:
        """An optimizer is about to update a model for the first time."""

    def loop_updates(self, model: Any, steps: int, batch: Callable[[], Any]) -> None:
        """A loop has updated a model so many times, and has come to its state of now.

        What it was given for that `batch` returns, as `Steps.loop_step` takes it.
        """

    def unfollowed(self, noun: str, rest: str) -> None:
        """Something was trained that cannot be followed."""


class StepObserver(Protocol):
    """Is told of steps."""

    def optimizers(self, model: Any) -> Sequence[Any]:
        """Return the optimizers that update a model."""

    def built(self, model: Any) -> None:
        """The first step has been traced, which built the model, and has not yet run."""

    def traced(self, model: Any, graph: Any) -> None:
        """A step was traced; `graph` holds its operations."""

    def wants_steps(self) -> bool:
        """Return whether steps are to be told of; asked as a step is compiled."""

    def should_trace(self) -> bool:
        """Return whether the step that has just run is to be recorded; called once a step."""

    def step_failed(self, error: Exception) -> None:
        """A step cannot be recorded."""

    def step(self, model: Any, columns: tuple[Column, ...], arrays: Sequence[Any]) -> None:
        """A step has run.

        Args:
            model: The model.
            columns: What the first arrays are: of the batch and of the running loss.
            arrays: NumPy arrays: batch and loss, then the state of model and optimizer in the
                order of `Models.state`. The next step may overwrite their memory.
        """


class FitObserver(StepObserver, Protocol):
    """Is told of one fit, by a callback of ours."""

    def unseen(self, reason: str) -> None:
        """Its steps cannot be seen."""

    def train_begins(self) -> None:
        """Training is about to begin; the framework is in use."""

    def epoch_begins(self, epoch: int) -> None:
        """An epoch begins, counted from 1."""

    def batch_ended(self, batch: int, steps: int | None) -> None:
        """A batch has ended, counted from 0, of so many in the epoch, where that is known."""

    def epoch_ended(self, logs: Mapping[str, Any]) -> None:
        """An epoch has ended."""

    def train_ended(self) -> None:
        """Training has ended."""


class ModelObserver(Protocol):
    """Is told of what is called on a model.

    Attributes:
        backs_up: Whether each fit is to be given a `BackupAndRestore` of Keras.
    """

    backs_up: bool

    def compiled(self, model: Any, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """A model was compiled.

        Args:
            model: The model.
            given: Arguments of the framework's compile by name, defaults included.
            own: Arguments of the compile that the model's class has of its own.
        """

    def fit_begins(self, model: Any, arguments: Mapping[str, Any]) -> FitObserver | None:
        """A fit begins.

        Returns:
            What is to be told of it; None where nothing is.
        """

    def fit_unfollowed(self, *, trained_by_both: bool) -> None:
        """A fit begins in another thread than the one that is followed.

        Args:
            trained_by_both: Whether the thread that is followed trains the same model.
        """

    def evaluate_begins(self, model: Any, arguments: Mapping[str, Any]) -> None:
        """An evaluate outside any fit begins."""

    def evaluated(self, model: Any, logs: Mapping[str, Any]) -> None:
        """It has ended, with these results."""
