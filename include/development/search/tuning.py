"""Searches better parameters on the validation part; it never reads the test part."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from include.contracts.development import TrialRecord
from include.contracts.evaluation import Interval
from include.contracts.record import Record
from include.development.datasets.encoded import Parts
from include.development.trainers.protocol import Parameters, Run, Trainer
from include.errors import MoebiusError, TrainingError
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import direction, score
from include.specification.learning import Tuning as Policy

if TYPE_CHECKING:
    from include.development.search.study import Claim, Place, Study

START, BEST = "start", "best"
STRIDES = 2  # reports per doubling of the steps: a journal entry at each of 200 trees costs as much as the fit


class GivenUpError(Exception):
    """A trial that is not worth finishing."""


class Tuning(Record):
    """The outcome of a search; ``gain`` over the parameters that it started from is positive when it is better."""

    metric: str
    sampler: str = "tpe"
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    seconds: float = 0.0
    parameters: dict[str, int | float | str]
    start_score: float | None = None
    best_score: float | None = None
    gain: Interval | None = None

    @property
    def paid(self) -> bool:
        """Whether the whole interval of the gain is above 0; if not, ``parameters`` are those it started from."""
        return self.gain is not None and self.gain.low > 0

    def describe(self) -> str:
        """The outcome in words."""
        if self.gain is None:
            return "No search (0 trials): the parameters of the spec and the plan were used as they are."
        tried = self.complete + self.pruned + self.failed
        interval = f"{self.gain.value:+.4f} (95 % interval {self.gain.low:+.4f} to {self.gain.high:+.4f})"
        outcome = "paid: its best parameters were used" if self.paid else "did not pay: the start was kept"
        return (
            f"{tried} trials ({self.sampler}; {self.pruned} pruned, {self.failed} failed) in {self.seconds:.0f} s on "
            f"the validation part: {self.metric} {self.start_score:.4f} → {self.best_score:.4f}, gain over the "
            f"parameters of the spec and the plan {interval}. The search {outcome}."
        )


def open_study(place: "Place", trainer: Trainer, policy: Policy, start: Parameters, metric: str) -> "Study":
    """The study that is kept in ``place``; raises TrainingError for a space that cannot be searched."""
    from include.development.search.study import Aim, Study

    space = policy.space or trainer.space
    if unknown := sorted(set(space) - set(trainer.defaults)):
        raise TrainingError(
            f"trainer.tuning.space names {unknown}; {trainer.name} has {', '.join(sorted(trainer.defaults))}"
        )
    return Study(place, Aim(space, dict(start), direction(metric), policy.sampler, policy.pruning))


def work(
    study: "Study",
    trainer: Trainer,
    parts: Parts,
    policy: Policy,
    metric: str,
    run: Run,
    told: Callable[[TrialRecord], None] = lambda _: None,
) -> None:
    """Run trials of the shared study until the budget of ``policy`` is used up; ``told`` hears of each that ended.

    Raises TrainingError when the parameters that the search starts from cannot be fitted.
    """
    from include.development.search.study import Budget

    budget = Budget(policy.trials, None if policy.minutes is None else policy.minutes * 60)
    while claim := study.claim(budget):
        _try(study, claim, trainer, parts, metric, run)
        told(next(record for record in study.records() if record.number == claim.trial.number))


def _try(study: "Study", claim: "Claim", trainer: Trainer, parts: Parts, metric: str, run: Run) -> None:
    train, validation = parts.matrices["train"], parts.matrices["validation"]
    trial_run = Run(run.threads, None, run.start, _reporter(claim, direction(metric)))
    try:
        fitted = trainer.fit(parts.problem, train, validation, claim.parameters, trial_run)
        scores = fitted.predict(validation.X)
        value = score(metric, parts.truth["validation"], scores)
    except GivenUpError:
        study.tell(claim, None)
    except Exception as error:
        study.tell(claim, None, failed=f"{type(error).__name__}: {error}")
        if claim.first or not isinstance(error, MoebiusError):
            raise
    else:
        study.tell(claim, value, scores)


def _reporter(claim: "Claim", better: int) -> Callable[[int, float], None]:
    """Tells the study the loss as it wants it: in the direction of the metric."""
    due = 1.0

    def report(step: int, loss: float) -> None:
        nonlocal due
        if step < due:
            return
        while due <= step:
            due *= 2 ** (1 / STRIDES)
        claim.alive()
        claim.trial.report(-better * loss, step)
        if claim.give_up():
            raise GivenUpError

    return report


def outcome(study: "Study", parts: Parts, policy: Policy, metric: str, start: Parameters) -> Tuning:
    """Whether the search paid: the best trial against the first, by paired bootstrap on the validation part.

    The best of many is partly the luckiest on these very rows: a small gain may not hold on others, which is what the
    test part and the four comparisons are for.
    """
    first, best, records = study.first(), study.best(), study.records()
    if first is None or first.value is None or best is None:
        raise TrainingError(f"the search ended before its first trial ({[r.reason for r in records]}): start it again")
    scores = {START: study.scores(first.number), BEST: study.scores(best.number)}
    gain = paired(parts.truth["validation"], scores, [metric]).gain(metric, BEST, START)
    states = [record.state for record in records]
    counts = {state: states.count(state) for state in ("complete", "pruned", "failed")}
    chosen: Mapping[str, int | float | str] = best.parameters if gain.low > 0 else start
    return Tuning(
        metric=metric,
        sampler=policy.sampler,
        **counts,
        seconds=study.seconds(),
        parameters=dict(chosen),
        start_score=first.value,
        best_score=best.value,
        gain=gain,
    )
