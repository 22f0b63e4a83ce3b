"""Searches better parameters on the validation part; the test part is never looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.development.trainers.protocol import Parameters, Run, Space, Trainer
from include.errors import TrainingError
from include.evaluation.metrics import direction, score
from include.usecase import Range

if TYPE_CHECKING:
    from include.development.training import Parts


@dataclass(frozen=True)
class Tuning:
    """The outcome of a search; scores are of ``metric`` on the validation part."""

    metric: str
    trials: int
    parameters: Mapping[str, int | float | str]
    start_score: float | None
    best_score: float | None

    @property
    def gain(self) -> float | None:
        """How much better than the start, positive is better; None when nothing was searched."""
        if self.start_score is None or self.best_score is None:
            return None
        return direction(self.metric) * (self.best_score - self.start_score)

    def describe(self) -> str:
        if self.gain is None:
            return "No search (0 trials): the parameters of the spec and the plan were used as they are."
        return (
            f"{self.trials} trials (TPE) on the validation part: {self.metric} {self.start_score:.4f} → "
            f"{self.best_score:.4f}, a gain of {self.gain:.4f} over the parameters of the spec and the plan."
        )


def tune(trainer: Trainer, parts: "Parts", *, start: Parameters, metric: str, trials: int, run: Run) -> Tuning:
    """Try ``trials`` parameter sets suggested by Optuna's TPE sampler and keep the best; ``start`` competes too.

    Source: Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization (as implemented by Optuna).

    Raises
    ------
    TrainingError
        ``trials`` is negative, or a fit failed.
    """
    if trials < 0:
        raise TrainingError(f"trials = {trials} must be 0 (no search) or more")
    if trials == 0:
        return Tuning(metric, 0, dict(start), None, None)

    def value(parameters: Parameters) -> float:
        train, validation = parts.matrices["train"], parts.matrices["validation"]
        fitted = trainer.fit(parts.problem, train, validation, parameters, run)
        return score(metric, parts.truth["validation"], fitted.predict(validation.X))

    first = value(start)
    study = _study(metric, seed=int(start.get("seed", 0)))
    study.optimize(lambda trial: value({**start, **suggest(trial, trainer.space)}), n_trials=trials)
    found = Tuning(metric, trials, {**start, **study.best_params}, first, float(study.best_value))
    return found if (found.gain or 0) > 0 else Tuning(metric, trials, dict(start), first, first)


def suggest(trial: Any, space: Space) -> dict[str, int | float | str]:
    """Parameters to try next, asked from an Optuna trial."""
    return {name: _suggested(trial, name, wanted) for name, wanted in space.items()}


def _suggested(trial: Any, name: str, wanted: Range | list[int | float | str]) -> int | float | str:
    if not isinstance(wanted, Range):
        return trial.suggest_categorical(name, wanted)
    if wanted.integer:
        return trial.suggest_int(name, int(wanted.low), int(wanted.high), log=wanted.log)
    return trial.suggest_float(name, wanted.low, wanted.high, log=wanted.log)


def _study(metric: str, seed: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    aim = optuna.study.StudyDirection.MAXIMIZE if direction(metric) > 0 else optuna.study.StudyDirection.MINIMIZE
    return optuna.create_study(direction=aim, sampler=optuna.samplers.TPESampler(seed=seed))
