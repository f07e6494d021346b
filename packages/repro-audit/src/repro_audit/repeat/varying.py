"""Find the factors that change a run, in as few runs as possible.

All factors are varied at once. If that changes nothing, nothing does. Else those that hardly
ever do are varied together, and in halves where that changes the run; the others are varied one
by one, for most of them do. Last, all that were found are varied together: that must give the
bits of the first experiment, or something acts only in company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from repro_audit.audit import Effect, Sensitivity
from repro_audit.audit import Factor as Result
from repro_audit.compare import Comparison, compare
from repro_audit.repeat.factor import Factor, combine
from repro_audit.repeat.factors import factor_named, watching
from repro_audit.repeat.plan import Plan, Setting
from repro_audit.repeat.running import Done, Runner

__all__ = ["vary"]

_NO_EFFECT: Effect = "no effect seen"
_CHANGES: Effect = "changes the run"
_NOT_VARIED: Effect = "not varied"


@dataclass(frozen=True, kw_only=True)
class _Experiment:
    """One run in which some factors were varied.

    Attributes:
        names: The factors.
        done: The run.
        comparison: It against an ordinary run; None where it failed.
        shown: Those factors of which the run says that another state was in force.
    """

    names: tuple[str, ...]
    done: Done
    comparison: Comparison | None
    shown: frozenset[str]

    @property
    def same(self) -> bool:
        """Whether nothing changed."""
        return self.comparison is not None and self.comparison.verdict == "identical"


def vary(plan: Plan, runner: Runner, base: Done) -> Sensitivity:
    """Vary the factors of a plan and say which of them change the run.

    Args:
        plan: What was repeated, and what is to be varied.
        runner: Makes the runs.
        base: An ordinary run, which others were identical to.
    """
    return _Search(plan, runner, base).sensitivity()


class _Search:
    """The experiments on one run."""

    def __init__(self, plan: Plan, runner: Runner, base: Done) -> None:
        self._plan = plan
        self._runner = runner
        self._base = base
        self._watching = watching(plan.vary)
        self._settings: dict[str, Setting] = {}
        self._results: dict[str, Result] = {}
        self._alone: dict[str, _Experiment] = {}
        self._count = 0
        self._factors = {name: factor_named(name, plan.suspicion) for name in plan.vary}
        for name, factor in self._factors.items():
            setting = factor.vary(base)
            if isinstance(setting, str):
                self._results[name] = self._not_varied(name, None, setting)
            else:
                self._settings[name] = setting

    def sensitivity(self) -> Sensitivity:
        """Make the experiments and return what they showed."""
        names = list(self._settings)
        complete, text = None, ""
        if self._plan.one_at_a_time or len(names) <= 2:
            self._one_by_one(names)
        else:
            complete, text = self._by_groups(names)
        found = [name for name in names if self._results[name].verdict == _CHANGES]
        if found and not self._try("nothing", []).same:
            # What comes by itself now and then must not be put down to what was varied.
            for name in found:
                reason = "the run differs by itself: in a later run in which nothing was varied"
                self._results[name] = self._not_varied(name, None, reason)
            complete, text = None, "The run does not repeat, only not every time: a race, perhaps."
        return Sensitivity(
            factors=tuple(self._results[name] for name in self._plan.vary),
            runs=self._count,
            complete=complete,
            text=text,
        )

    def _by_groups(self, names: list[str]) -> tuple[bool | None, str]:
        """Vary all at once, and split what changes the run."""
        everything = self._try("all", names)
        if everything.same:
            self._clear(everything)
            return True, ""
        likely = [name for name in names if self._factors[name].likely]
        rest = [name for name in names if not self._factors[name].likely]
        if not self._split(rest, "rest"):
            self._one_by_one(likely)
        elif likely:
            # Something unlikely explains the difference: then the likely ones may all be quiet.
            together = self._try("likely", likely)
            if together.same:
                self._clear(together)
            else:
                self._one_by_one(likely)
        if everything.comparison is None:
            return None, f"All at once could not be seen: {everything.done.problem}."
        return self._complete(everything)

    def _one_by_one(self, names: Sequence[str]) -> None:
        """Vary each of some factors in a run of its own."""
        for experiment in self._try_each([(name, [name]) for name in names]):
            self._decide(experiment.names[0], experiment)

    def _clear(self, experiment: _Experiment) -> None:
        """Clear the factors of a run that nothing changed, and retry those it could not vary."""
        for name in experiment.names:
            if name in experiment.shown:
                self._cleared(name, experiment)
        self._one_by_one([name for name in experiment.names if name not in experiment.shown])

    def _split(self, names: list[str], label: str, *, known: bool = False) -> bool:
        """Vary a group, split it if that changes the run, and return whether it does.

        Args:
            names: The group.
            label: What to call its run.
            known: Whether it is known to change the run, as the half of one whose other does not.
        """
        if not names:
            return False
        if len(names) == 1:
            self._one_by_one(names)
            return self._results[names[0]].verdict != _NO_EFFECT
        if not known:
            experiment = self._try(label, names)
            if experiment.same:
                self._clear(experiment)
                return False
        middle = len(names) // 2
        first, second = names[:middle], names[middle:]
        changes = self._split(first, "-".join(first))
        self._split(second, "-".join(second), known=not changes)
        return True

    def _complete(self, everything: _Experiment) -> tuple[bool, str]:
        """See whether what was found explains what all factors did together."""
        # What did not come to act in that run, as XLA under op determinism, explains none of it.
        found = [
            name
            for name in everything.names
            if self._results[name].verdict == _CHANGES and not self._stayed(name, everything.done)
        ]
        together = self._together("found", found)
        if together is not None and self._agree(everything, together):
            return True, ""
        # A factor that alone was refused may act where another has cleared the way.
        refused = [
            name
            for name in everything.names
            if name in everything.shown and self._results[name].verdict == _NOT_VARIED
        ]
        if refused:
            wider = self._together("conditional", [*found, *refused])
            if wider is not None and self._agree(everything, wider):
                company = ", ".join(found)
                for name in refused:
                    self._changes(name, wider, f"seen only together with {company}")
                return True, ""
        return False, (
            "What the factors do together is not the sum of what each does alone: some act only "
            "in company."
        )

    def _together(self, label: str, names: list[str]) -> _Experiment | None:
        """Return the run in which some factors were varied; made only if there is none yet."""
        if not names:
            return None
        if len(names) == 1 and names[0] in self._alone:
            return self._alone[names[0]]
        return self._try(label, names)

    def _agree(self, one: _Experiment, other: _Experiment) -> bool:
        """Whether two experiments have the same bits."""
        comparison = self._compare(one.done, other.done)
        return comparison is not None and comparison.verdict == "identical"

    # Runs.

    def _try(self, label: str, names: Sequence[str]) -> _Experiment:
        return self._try_each([(label, names)])[0]

    def _try_each(self, groups: Sequence[tuple[str, Sequence[str]]]) -> list[_Experiment]:
        """Make one run for each group of factors."""
        settings = [
            combine(f"vary-{label}", [self._watching, *(self._settings[name] for name in names)])
            for label, names in groups
        ]
        ran = self._runner.run(settings, stop_at_failure=False)
        self._count += len(ran)
        experiments = [
            self._experiment(tuple(names), done)
            for (_, names), done in zip(groups, ran, strict=True)
        ]
        self._alone |= {item.names[0]: item for item in experiments if len(item.names) == 1}
        return experiments

    def _experiment(self, names: tuple[str, ...], done: Done) -> _Experiment:
        comparison = self._compare(self._base, done)
        shown = {name for name in names if comparison and self._shows(self._factors[name], done)}
        return _Experiment(names=names, done=done, comparison=comparison, shown=frozenset(shown))

    def _compare(self, expected: Done, actual: Done) -> Comparison | None:
        """Compare two runs; None where one of them failed."""
        if expected.problem or actual.problem or not (expected.manifest and actual.manifest):
            return None
        return compare(
            expected.manifest,
            actual.manifest,
            require=self._plan.require,
            ignore_metrics=self._plan.ignore_metrics,
            traces=(expected.trace(), actual.trace()),
        )

    def _shows(self, factor: Factor, done: Done) -> bool:
        """Whether a run says that another state was in force of a factor."""
        before, after = factor.in_force(self._base), factor.in_force(done)
        return before is not None and after is not None and before != after

    def _stayed(self, name: str, done: Done) -> bool:
        """Whether a run says that the state of a factor was the ordinary one."""
        before = self._factors[name].in_force(self._base)
        return before is not None and self._factors[name].in_force(done) == before

    # Results.

    def _decide(self, name: str, experiment: _Experiment) -> None:
        """Take the result for one factor from the run that decides it."""
        if experiment.comparison is None:
            problem = f"the run fails under it: {experiment.done.problem}"
            self._results[name] = self._not_varied(name, experiment, problem)
        elif name not in experiment.shown:
            self._results[name] = self._not_varied(name, experiment, self._factors[name].stays)
        elif experiment.same:
            self._cleared(name, experiment)
        else:
            self._changes(name, experiment, "")

    def _not_varied(self, name: str, experiment: _Experiment | None, reason: str) -> Result:
        return Result(
            name=name,
            verdict=_NOT_VARIED,
            expected=self._factors[name].in_force(self._base),
            actual=None,
            run=None if experiment is None else experiment.done.name,
            reason=reason,
            hidden_by=self._hidden(name, experiment),
        )

    def _cleared(self, name: str, experiment: _Experiment) -> None:
        self._results[name] = self._result(name, _NO_EFFECT, experiment, "")

    def _changes(self, name: str, experiment: _Experiment, reason: str) -> None:
        result = self._result(name, _CHANGES, experiment, reason)
        comparison = experiment.comparison
        if comparison is not None and comparison.first_difference is not None:
            result = result._replace(first_difference=comparison.first_difference.text)
        if comparison is not None and comparison.trace is not None:
            apart = [item.relative for item in comparison.trace.distances if item.differing]
            if apart:
                result = result._replace(first_distance=apart[0], last_distance=apart[-1])
        self._results[name] = result

    def _result(self, name: str, verdict: Effect, experiment: _Experiment, reason: str) -> Result:
        factor = self._factors[name]
        return Result(
            name=name,
            verdict=verdict,
            expected=factor.in_force(self._base),
            actual=factor.in_force(experiment.done),
            run=experiment.done.name,
            reason=reason,
            hidden_by=self._hidden(name, experiment) if verdict == _NO_EFFECT else (),
        )

    def _hidden(self, name: str, experiment: _Experiment | None) -> tuple[str, ...]:
        """Say what may hide an effect of a factor that showed none."""
        run = self._base if experiment is None or experiment.comparison is None else experiment.done
        others = () if experiment is None else experiment.names
        found = []
        if name == "jit" and factor_named("op-determinism").in_force(run) != "off":
            found.append("op determinism refuses XLA: vary both")
        if name == "load" and factor_named("threads").in_force(run) == "1":
            found.append("one thread hides races")
        if name == "onednn" and "isa" in others:
            found.append("a narrower instruction set can hide what oneDNN does")
        return tuple(found)
