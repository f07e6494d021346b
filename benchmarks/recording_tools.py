"""The tools that `recording.py` compares, each asked to record every step.

Each is on its cheapest setting that does so: MLflow logs neither the model nor the data set, and
starts its run itself; W&B works offline. Nothing is sent anywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Tool:
    """No tool at all: the bare run."""

    def __init__(self, folder: Path) -> None:
        """Let the tool write into `folder`."""
        self.folder = folder

    def prepare(self) -> None:
        """Import the tool, and do what a project does once; not measured."""

    @contextlib.contextmanager
    def observing(self, arrays: tuple[Any, ...]) -> Iterator[None]:
        """Observe what the block does, which builds a model and fits it.

        Args:
            arrays: What it will be trained on.
        """
        yield

    def callbacks(self) -> list[Any]:
        """Return the callbacks that must be given to `fit`."""
        return []

    def recorded_steps(self) -> int | None:
        """Return how many steps the tool has now on record; None where there is no tool."""
        return None


class ReproAudit(Tool):
    """A manifest, and a trace at its default stride."""

    trace: str | None = "step"

    def prepare(self) -> None:
        """Import it."""
        import repro_audit

        self.record = repro_audit.record

    @contextlib.contextmanager
    def observing(self, arrays: tuple[Any, ...]) -> Iterator[None]:
        """Record, and digest the data as the reference trainer does."""
        with self.record(self.folder / "manifest.json", trace=self.trace) as run:
            run.data("train", *arrays)
            yield

    def recorded_steps(self) -> int:
        """Count the rows of the trace."""
        import repro_audit
        from repro_audit.trace import Rows, find_trace

        path = self.folder / "manifest.json"
        trace = find_trace(path, repro_audit.load(path))
        if trace is None:
            return 0
        return sum(len(part.words) for part in trace.parts() if isinstance(part, Rows))


class Untraced(ReproAudit):
    """A manifest alone."""

    trace = None


class MLflow(Tool):
    """Autologging of the metrics after every step, into a SQLite store, its default."""

    def prepare(self) -> None:
        """Make the store."""
        import mlflow.tensorflow

        mlflow.set_tracking_uri(f"sqlite:///{self.folder / 'mlflow.db'}")
        mlflow.set_experiment("benchmark")
        self.mlflow = mlflow

    @contextlib.contextmanager
    def observing(self, arrays: tuple[Any, ...]) -> Iterator[None]:
        """Turn autologging on; the run lasts as long as the fit."""
        self.mlflow.tensorflow.autolog(
            log_every_epoch=False,
            log_every_n_steps=1,
            log_models=False,
            log_datasets=False,
            checkpoint=False,
        )
        yield

    def recorded_steps(self) -> int:
        """Count the losses in the store."""
        run = self.mlflow.last_active_run()
        return len(self.mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss"))


class MLflowRunFirst(MLflow):
    """The same, in a run that the script starts before it builds the model."""

    @contextlib.contextmanager
    def observing(self, arrays: tuple[Any, ...]) -> Iterator[None]:
        """Turn autologging on and start a run."""
        with super().observing(arrays), self.mlflow.start_run():
            yield


class WandB(Tool):
    """Its logger of metrics after every batch, offline."""

    def prepare(self) -> None:
        """Import it."""
        import wandb.integration.keras

        self.wandb = wandb

    @contextlib.contextmanager
    def observing(self, arrays: tuple[Any, ...]) -> Iterator[None]:
        """Log in one run, and wait until the helper process has ended."""
        run = self.wandb.init(project="benchmark", dir=self.folder)
        yield
        self.steps = run.summary["batch/batch_step"] + 1
        run.finish()
        self.wandb.teardown()

    def callbacks(self) -> list[Any]:
        """Return the logger."""
        return [self.wandb.integration.keras.WandbMetricsLogger(log_freq="batch")]

    def recorded_steps(self) -> int:
        """Return what the run's summary said last."""
        return int(self.steps)


TOOLS: dict[str, type[Tool]] = {
    "bare": Tool,
    "bare-again": Tool,
    "recorded": ReproAudit,
    "untraced": Untraced,
    "mlflow": MLflow,
    "mlflow-run-first": MLflowRunFirst,
    "wandb": WandB,
}
NEEDS = {
    "mlflow": ("mlflow", "tensorboard"),
    "mlflow-run-first": ("mlflow", "tensorboard"),
    "wandb": ("wandb",),
}
"""What must be installed beside the project; MLflow's autologging adds a TensorBoard callback."""
