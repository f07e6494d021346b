"""Stop a run, start the same command again in the same folder, and see whether it ends alike.

Both happen in a copy of the folder. The positive control is a third run: it goes on from what the
stopped one left as well, and one bit is flipped after its first step.
"""

from __future__ import annotations

from typing import NamedTuple

from repro_audit.audit import Resume, ResumeVerdict
from repro_audit.compare import Cause, Comparison, compare
from repro_audit.compare.control import judge_control
from repro_audit.compare.resuming import LOST
from repro_audit.manifest import Manifest
from repro_audit.repeat.folders import working_directory
from repro_audit.repeat.plan import CONTROL, Plan, Setting
from repro_audit.repeat.running import Done, Runner
from repro_audit.wording import counted

__all__ = ["RESUMED", "resume"]

_STOPPED, RESUMED, _RESUMED_CONTROL = "stopped", "resumed", "resumed-control"
_SIGKILLED = -9


class _Place(NamedTuple):
    """Where a run is stopped: behind so many epochs, and so many further steps or None."""

    epochs: int
    step: int | None
    killed: bool
    added: str | None = None

    @property
    def request(self) -> dict[str, object]:
        """Fields of the `Request` that stops it."""
        return {
            "stop_after_epoch": self.epochs,
            "stop_after_step": self.step,
            "kill": self.killed,
            **self.given,
        }

    @property
    def given(self) -> dict[str, object]:
        """Fields of the `Request` of each run that is to be resumed."""
        return {} if self.added is None else {"back_up": True}

    @property
    def text(self) -> str:
        """Where it was stopped, and how."""
        after = f"step {self.step} of epoch {self.epochs + 1}" if self.step else ""
        how = "killed" if self.killed else "stopped"
        means = "" if self.added is None else "given BackupAndRestore, "
        return f"{means}{how} after {after or f'epoch {self.epochs}'}"

    def said(self, verdict: ResumeVerdict, text: str) -> Resume:
        """Return what was found of a run that was stopped here."""
        return Resume(
            verdict=verdict,
            text=text,
            stopped_after_epoch=self.epochs,
            stopped_after_step=self.step,
            killed=self.killed,
            added=self.added,
        )


def resume(plan: Plan, runner: Runner, base: Done) -> Resume:
    """Stop a run and resume it.

    Args:
        plan: What was repeated, and where to stop.
        runner: Makes the runs.
        base: An ordinary run, with which the others agree.
    """
    whole = base.manifest
    place = None if whole is None else _place(plan, whole)
    if whole is None or place is None:
        return Resume(verdict="inconclusive", text="the run left no manifest")
    if isinstance(place, str):
        return Resume(verdict="inconclusive", text=place)
    with working_directory(plan.folder_kind, plan.directory) as folder:
        stopping = Setting(name=_STOPPED, request=place.request, folder=folder)
        (stopped,) = runner.run([stopping], stop_at_failure=False)
        obstacle = _not_stopped(stopped, whole, place)
        if obstacle:
            return place.said("inconclusive", f"a run was to be {place.text}: {obstacle}")
        with working_directory("whole", plan.directory, source=folder) as second:
            again = [
                Setting(name=RESUMED, request=place.given, folder=folder),
                Setting(
                    name=_RESUMED_CONTROL,
                    request={**CONTROL.request, **place.given},
                    folder=second,
                ),
            ]
            resumed, control = runner.run(again, stop_at_failure=False)
    return _judged(plan, place, base, resumed, control)


def _place(plan: Plan, whole: Manifest) -> _Place | str:
    """Return where to stop, or why nowhere."""
    asked = plan.resume
    first = whole.outcomes.fits[0] if whole.outcomes.fits else None
    if asked is None or first is None or not first.epochs:
        return "the run has no epoch after which it could be stopped"
    if (first.first_epoch or 1) > 1:
        return (
            f"the runs began with epoch {first.first_epoch}: the folder holds what an earlier run "
            "has left"
        )
    epochs = len(first.epochs)
    last = epochs if asked.step else epochs - 1
    epoch = max(1, epochs // 2) if asked.epoch is None else asked.epoch
    if epoch > last:
        return (
            f"the first fit has {counted(epochs, 'epoch')}, and nothing is left to train after "
            f"epoch {epoch}: give it more"
        )
    return _Place(epoch - 1 if asked.step else epoch, asked.step, asked.killed, asked.added)


def _not_stopped(stopped: Done, whole: Manifest, place: _Place) -> str:
    """Say why the stopped run is not the first part of the whole one; empty where it is."""
    ended = stopped.ended.exit_code
    if stopped.manifest is None or (stopped.problem and ended != _SIGKILLED):
        return str(stopped.problem)
    fits = stopped.manifest.outcomes.fits
    done = fits[0].epochs if fits else ()
    if len(fits) > 1 or len(done) != place.epochs or (ended == _SIGKILLED) != place.killed:
        return f"{counted(len(done), 'epoch')} of {counted(len(fits), 'fit')} were seen"
    if None in done or done != whole.outcomes.fits[0].epochs[: place.epochs]:
        return "until then it was not the run that the others are"
    return ""


def _judged(plan: Plan, place: _Place, base: Done, resumed: Done, control: Done) -> Resume:
    """Hold the resumed run against the whole one."""
    whole, part = base.manifest, resumed.manifest
    if whole is None or part is None or resumed.problem is not None:
        if resumed.ended.exit_code == 0:
            text = f"{place.text} and started again, it trains nothing: {resumed.problem}"
            return place.said("inconclusive", f"{text}; where it tidies up as it ends, add --kill")
        return place.said("not exact", f"{place.text}, it does not go on: {resumed.problem}")
    found = compare(
        whole,
        part,
        ignore_metrics=plan.ignore_metrics,
        require=plan.require,
        accept_partial=plan.accept_partial,
        traces=(base.trace(), resumed.trace()),
    )
    seen = judge_control(part, control.manifest, (resumed.trace(), control.trace()))
    begins = part.outcomes.fits[0].first_epoch if part.outcomes.fits else None
    partial = "" if plan.accept_partial else whole.unfollowed or part.unfollowed or ""
    verdict, said = _verdict(found, begins, partial or _files_of_callbacks(part))
    if verdict == "no resume" and place.epochs == 0:
        verdict, said = (
            "inconclusive",
            "it trains from the start: it may have saved nothing by then",
        )
    if verdict == "exact" and not seen.caught:
        verdict, said = "inconclusive", f"the control was not caught: {seen.text}"
    went_on = begins not in {None, 1, place.epochs + 1}
    at = f", goes on with epoch {begins}" if went_on else ""
    return place.said(verdict, f"{place.text} and started again{at}, {said}")._replace(
        resumed_at=begins,
        first_difference=None if found.first_difference is None else found.first_difference.text,
        causes=() if begins == 1 else _causes(found),
        control=seen.text,
        caught=seen.caught,
    )


def _verdict(found: Comparison, begins: int | None, partial: str) -> tuple[ResumeVerdict, str]:
    """Return what a comparison of the whole run with the resumed one comes to.

    Args:
        found: The comparison.
        begins: The epoch with which the resumed run goes on, from 1.
        partial: What was not compared; empty where all was, or need not be.
    """
    if begins is None:
        return "inconclusive", "it is not known with which epoch it goes on"
    if begins == 1 and found.verdict == "identical":
        return "no resume", "the script trains from the start"
    first = found.first_difference
    if first is not None and begins == 1:
        same = any(item.field == "final state" and item.verdict == "match" for item in found.fields)
        counts = "it counts its epochs from 1"
        if same:
            return (
                "inconclusive",
                f"{counts}, and ends in the same state: what lies between cannot be compared",
            )
        return "not exact", f"{counts}, and ends in another state: is initial_epoch given?"
    if first is not None:
        at = "at" if first.kind == "step" else "in"
        return "not exact", f"it ends in other bits: first difference {at} {first.text}"
    lacking = [item.field for item in found.fields if item.verdict in {"missing", "not_compared"}]
    if begins == 1 or lacking:
        return "inconclusive", found.reason
    if partial:
        return "inconclusive", f"nothing that was recorded differs, but {partial}"
    return "exact", "; ".join(("it ends in the same bits", *found.set_aside))


def _causes(found: Comparison) -> tuple[Cause, ...]:
    """Return what was lost; where nothing tells, whatever else may be why."""
    return tuple(cause for cause in found.causes if cause.kind in LOST) or found.causes


def _files_of_callbacks(manifest: Manifest) -> str:
    """Say which callback leaves a file that depends on all epochs; empty where none does."""
    training = manifest.conditions.training
    fit = None if training is None or not training.fits else training.fits[0]
    for name, settings in zip(
        () if fit is None else fit.callbacks,
        () if fit is None else fit.callback_settings or (),
        strict=False,
    ):
        if name == "ModelCheckpoint" and settings.get("save_best_only"):
            return (
                "ModelCheckpoint keeps the best epoch, of which it knows those since the start "
                "alone: the file that it leaves is not compared"
            )
    return ""
