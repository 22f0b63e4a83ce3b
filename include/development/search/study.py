"""A search on disk that several processes share; a killed process leaves nothing to repair.

The trials are an Optuna study in a journal file. A process holds the lock of the trial that it runs: a running trial
whose lock is free was killed, and its parameters are tried again.
"""

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import optuna

from include.contracts.development import TrialRecord
from include.development.trainers.protocol import Parameters, Space
from include.errors import DamagedStateError, LockHeldError, TrainingError
from include.specification.learning import Range

if TYPE_CHECKING:
    from include.ports.state import Locks

RUNNING, WAITING = optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING
COMPLETE, PRUNED, FAIL = (getattr(optuna.trial.TrialState, name) for name in ("COMPLETE", "PRUNED", "FAIL"))
STATES: Mapping[Any, Literal["complete", "pruned", "failed", "running"]] = {
    COMPLETE: "complete", PRUNED: "pruned", FAIL: "failed", RUNNING: "running",
}  # fmt: skip
START, PARAMETERS, REASON, REPEATED = "start", "parameters", "reason", "repeated"
LARGEST = 100_000  # points of a space that are counted; a larger one is not used up by any budget


@dataclass(frozen=True)
class Place:
    """The directory that a search is kept in; its locks have names below ``name``."""

    home: Path
    locks: "Locks"
    name: str

    def hold(self, what: str, wait: float | None = None) -> AbstractContextManager[None]:
        return self.locks.hold(f"{self.name}/{what}", wait=wait)


@dataclass(frozen=True)
class Aim:
    """What is searched: ``better`` is +1 when more of the metric is better; ``start`` is the first trial."""

    space: Space
    start: Parameters
    better: int
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruning: bool = True


@dataclass(frozen=True)
class Budget:
    """Trials, and seconds in which at least one trial ran (None: no limit)."""

    trials: int
    seconds: float | None = None


@dataclass
class Claim:
    """A trial that this process runs; its parameters are complete."""

    trial: Any
    parameters: dict[str, int | float | str]
    first: bool
    left: float | None
    held: ExitStack
    seen: Path
    begun: float = field(default_factory=time.monotonic)

    @property
    def late(self) -> bool:
        """The budget of time is used up; the first trial is what the others are compared with, so it goes on."""
        return not self.first and self.left is not None and time.monotonic() - self.begun > self.left

    def give_up(self) -> bool:
        """Whether trials before were better at this step (Optuna's median rule), or the time is up."""
        return self.late or (not self.first and self.trial.should_prune())

    def close(self) -> None:
        """Give up the lock: a trial that did not end counts as killed from now on."""
        self.held.close()

    def alive(self) -> None:
        """Say when this trial was last seen, for the budget of time."""
        self.seen.touch()


class Study:
    """The search that is kept in ``place``."""

    def __init__(self, place: Place, aim: Aim) -> None:
        place.home.mkdir(parents=True, exist_ok=True)
        self._place, self._home, self._aim = place, place.home, aim
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._grid = _grid(aim) if aim.sampler == "grid" else []
        self._points = _size(aim)
        with place.hold("study"), _naming(place.home / "journal.log"):
            self._study = _opened(place.home / "journal.log", aim)

    def claim(self, budget: Budget) -> Claim | None:
        """The next trial, chosen for nobody else; None when the budget or the grid is used up."""
        with self._place.hold("study"):
            self._take_back()
            done = len(self._counted())
            left = None if budget.seconds is None else budget.seconds - self.seconds()
            if done >= self._size(budget) or (left is not None and left <= 0 < done):
                return None
            trial = self._asked(done)
            held, seen = ExitStack(), self._seen(trial.number)
            held.enter_context(self._place.hold(f"trial-{trial.number}"))
            seen.touch()
            parameters = trial.user_attrs[PARAMETERS]
            return Claim(trial, parameters, bool(trial.user_attrs.get(START)), left, held, seen)

    def tell(self, claim: Claim, value: float | None, scores: np.ndarray | None = None, failed: str = "") -> None:
        """The end of a trial: complete with ``value`` and its validation ``scores``, failed, or else pruned."""
        if scores is not None:
            aside = self._home / f".scores-{claim.trial.number}.npy"
            np.save(aside, scores)
            aside.replace(self._scores(claim.trial.number))
        if failed:
            claim.trial.set_user_attr(REASON, failed)
        state = COMPLETE if value is not None else FAIL if failed else PRUNED
        self._study.tell(claim.trial, value, state)
        claim.close()
        claim.seen.unlink(missing_ok=True)

    def records(self) -> list[TrialRecord]:
        """Every trial that counts, in order."""
        return [_record(trial) for trial in self._counted()]

    def first(self) -> TrialRecord | None:
        """The trial of the parameters that the search starts from, when it ended."""
        ended = [t for t in self._counted() if t.user_attrs.get(START) and t.state.is_finished()]
        return _record(ended[-1]) if ended else None

    def best(self) -> TrialRecord | None:
        """The best complete trial; the earlier one of two equals."""
        complete = [r for r in self.records() if r.value is not None]
        return max(complete, key=lambda r: (self._aim.better * (r.value or 0.0), -r.number), default=None)

    def scores(self, number: int) -> np.ndarray:
        """Validation scores of a complete trial."""
        return np.load(self._scores(number))

    def seconds(self) -> float:
        """For how long at least one trial ran."""
        spans = [self._span(t) for t in self._study.get_trials(deepcopy=False) if t.datetime_start]
        total, until = 0.0, 0.0
        for begun, ended in sorted(spans):
            total += max(0.0, ended - max(begun, until))
            until = max(until, ended)
        return total

    def tidy(self) -> None:
        """Delete the scores that no comparison needs any more."""
        needed = {record.number for record in (self.first(), self.best()) if record}
        for file in self._home.glob("scores-*.npy"):
            if int(file.stem.removeprefix("scores-")) not in needed:
                file.unlink()

    # -- what is next
    def _size(self, budget: Budget) -> int:
        """So many trials: never more than there are points to try."""
        return budget.trials if self._points is None else min(budget.trials, self._points)

    def _asked(self, done: int) -> Any:
        """The next trial; one that repeats an earlier one gives way to a point that nobody tried."""
        self._plan(done)
        tried = {self._point(t.user_attrs[PARAMETERS]) for t in self._counted() if PARAMETERS in t.user_attrs}
        trial = self._study.ask()
        point = self._point(self._parameters(trial))
        if self._points is None or point not in tried:
            return trial
        trial.set_user_attr(REPEATED, True)
        self._study.tell(trial, state=FAIL)
        left = [point for point in _combinations(self._aim.space) if self._point(point) not in tried]
        chance = np.random.default_rng((int(self._aim.start.get("seed", 0)), done))
        self._study.enqueue_trial(left[int(chance.integers(len(left)))])
        trial = self._study.ask()
        self._parameters(trial)
        return trial

    def _point(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Where a trial lies in the space, to compare."""
        return tuple(parameters.get(name) for name in self._aim.space)

    def _plan(self, done: int) -> None:
        """Fix what the next trial must try, and seed the chance of what it may choose by its place."""
        seed = int(self._aim.start.get("seed", 0)) + done
        samplers = optuna.samplers
        sampler = samplers.TPESampler if self._aim.sampler == "tpe" else samplers.RandomSampler
        self._study.sampler = sampler(seed=seed)
        if self._study.get_trials(deepcopy=False, states=(WAITING,)):
            return
        if done == 0:
            self._study.enqueue_trial(_within(self._aim.space, self._aim.start), user_attrs={START: True})
        elif self._grid:
            self._study.enqueue_trial(self._grid[done - 1])

    def _parameters(self, trial: Any) -> dict[str, int | float | str]:
        first = trial.user_attrs.get(START)
        space = _within(self._aim.space, self._aim.start) if first else self._aim.space
        chosen = {name: _suggested(trial, name, self._aim.space[name]) for name in space}
        parameters = {**self._aim.start, **chosen}
        trial.set_user_attr(PARAMETERS, parameters)
        return parameters

    # -- killed trials
    def _take_back(self) -> None:
        """Put the parameters of killed trials back; in an order that may be cut short anywhere."""
        for trial in self._study.get_trials(deepcopy=False, states=(RUNNING,)):
            try:
                with self._place.hold(f"trial-{trial.number}", wait=0):
                    self._bury(trial.number)
            except LockHeldError:
                continue  # its process lives
            first = {k: v for k, v in trial.user_attrs.items() if k == START}
            self._study.enqueue_trial(trial.params, user_attrs=first)
            self._study.tell(trial.number, state=FAIL)

    def _bury(self, number: int) -> None:
        """Note the kill, at the time when the trial was last seen alive; one that was never seen was killed now."""
        if (seen := self._seen(number)).is_file():
            seen.rename(self._killed(number))
        elif not self._killed(number).is_file():
            self._killed(number).touch()

    def _counted(self) -> list[Any]:
        trials = self._study.get_trials(deepcopy=False)
        run = [t for t in trials if t.state != WAITING and REPEATED not in t.user_attrs]
        return [t for t in run if not self._killed(t.number).is_file()]

    def _span(self, trial: Any) -> tuple[float, float]:
        begun, killed = trial.datetime_start.timestamp(), self._killed(trial.number)
        if killed.is_file():
            return begun, max(begun, killed.stat().st_mtime)
        ended = trial.datetime_complete.timestamp() if trial.datetime_complete else time.time()
        return begun, max(begun, ended)  # a clock that was set back meanwhile gives no time back

    # -- files
    def _seen(self, number: int) -> Path:
        """There while the trial runs; the time of the file is when it was last seen alive."""
        return self._home / f"trial-{number}.seen"

    def _killed(self, number: int) -> Path:
        """There when the trial was killed; when it was last seen alive is the time of the file."""
        return self._home / f"trial-{number}.killed"

    def _scores(self, number: int) -> Path:
        return self._home / f"scores-{number}.npy"


def _opened(journal: Path, aim: Aim) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    way = optuna.study.StudyDirection.MAXIMIZE if aim.better > 0 else optuna.study.StudyDirection.MINIMIZE
    storage = JournalStorage(JournalFileBackend(str(journal)))
    pruner = optuna.pruners.MedianPruner() if aim.pruning else optuna.pruners.NopPruner()
    return optuna.create_study(study_name="search", storage=storage, direction=way, pruner=pruner, load_if_exists=True)


@contextmanager
def _naming(journal: Path) -> Iterator[None]:
    """Raises DamagedStateError when the journal cannot be read."""
    try:
        yield
    except (ValueError, KeyError) as error:  # what Optuna raises of a line that is no JSON, or lacks a field
        raise DamagedStateError(
            f"{journal} is damaged ({type(error).__name__}): delete {journal.parent}, and the search begins again"
        ) from error


def _grid(aim: Aim) -> list[dict[str, Any]]:
    """Every combination but the start, which is tried first; shuffled: a budget that ends early saw all corners."""
    if ranges := sorted(name for name, wanted in aim.space.items() if isinstance(wanted, Range)):
        raise TrainingError(f"a grid needs lists of choices; {ranges} are ranges: name choices in trainer.tuning.space")
    points = [point for point in _combinations(aim.space) if any(aim.start.get(n) != v for n, v in point.items())]
    order = np.random.default_rng(int(aim.start.get("seed", 0))).permutation(len(points))
    return [points[i] for i in order]


def _values(wanted: Range | Sequence[Any]) -> Sequence[Any]:
    """Each value once, of choices or of whole numbers."""
    return range(int(wanted.low), int(wanted.high) + 1) if isinstance(wanted, Range) else list(dict.fromkeys(wanted))


def _combinations(space: Space) -> list[dict[str, Any]]:
    values = itertools.product(*(_values(wanted) for wanted in space.values()))
    return [dict(zip(space, combination, strict=True)) for combination in values]


def _size(aim: Aim) -> int | None:
    """How many different trials there are, the start among them; None when there are too many to count."""
    if any(isinstance(wanted, Range) and not wanted.integer for wanted in aim.space.values()):
        return None
    combinations = math.prod(len(_values(wanted)) for wanted in aim.space.values())
    inside = len(_within(aim.space, aim.start)) == len(aim.space)
    return combinations + (0 if inside else 1) if combinations <= LARGEST else None


def _within(space: Space, start: Parameters) -> dict[str, Any]:
    """What of ``start`` the space has; the rest of the first trial is unknown to the sampler."""
    return {name: start[name] for name, wanted in space.items() if name in start and _contains(wanted, start[name])}


def _contains(wanted: Range | Sequence[Any], value: Any) -> bool:
    if not isinstance(wanted, Range):
        return value in wanted
    whole = not wanted.integer or float(value).is_integer()
    return not isinstance(value, str) and wanted.low <= value <= wanted.high and whole


def _suggested(trial: Any, name: str, wanted: Range | Sequence[Any]) -> int | float | str:
    if not isinstance(wanted, Range):
        return trial.suggest_categorical(name, _values(wanted))
    if wanted.integer:
        return trial.suggest_int(name, int(wanted.low), int(wanted.high), log=wanted.log)
    return trial.suggest_float(name, wanted.low, wanted.high, log=wanted.log)


def _record(trial: Any) -> TrialRecord:
    attributes, ended = trial.user_attrs, trial.datetime_complete
    return TrialRecord(
        number=trial.number,
        state=STATES[trial.state],
        parameters=attributes.get(PARAMETERS, {}),
        value=trial.value if trial.state == COMPLETE else None,
        steps=dict(trial.intermediate_values),
        begun=trial.datetime_start.timestamp(),
        seconds=(ended - trial.datetime_start).total_seconds() if ended else 0.0,
        reason=attributes.get(REASON, ""),
    )
