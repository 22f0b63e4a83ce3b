"""The rounds of one boosting: early stopping, checkpoints, and resuming without a difference.

XGBoost's random sampling continues differently in a loaded booster. If rows or columns are sampled, every ``CHUNK``
rounds therefore start with their own seed, so that a resumed fit gives exactly the same trees.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.development.trainers.checkpoint import Checkpoint
from include.development.trainers.protocol import best_step, stagnates
from include.errors import TrainingError

CHUNK = 50
SAMPLING = ("subsample", "colsample_bytree")
SHOWN = 5000  # rows whose training loss is in the curve


def device(wanted: int | float | str) -> str:
    """``cpu`` or ``cuda``; ``auto`` is the GPU where there is one and this build of XGBoost can use it."""
    import xgboost

    usable = bool(xgboost.build_info().get("USE_CUDA")) and Path("/dev/nvidiactl").exists()
    if wanted == "cuda" and not usable:
        raise TrainingError("xgboost parameter device = 'cuda': no GPU, or XGBoost was built without it; use auto")
    return "cuda" if usable and wanted != "cpu" else "cpu"


def _some(train: Any) -> Any:
    """At most ``SHOWN`` rows, evenly spread: the curve of all would cost a fifth of a short fit."""
    rows = train.num_row()
    return train.slice(list(range(0, rows, -(-rows // SHOWN)))) if rows > SHOWN else train


@dataclass
class Rounds:
    """Boosts up to ``total`` rounds, ``patience`` (0: all) of them without a better validation loss."""

    parameters: dict[str, int | float | str]
    total: int
    patience: int
    checkpoint: Checkpoint
    report: Callable[[int, float], None] | None
    curve: list[dict[str, float]] = field(default_factory=list)

    def boost(self, train: Any, validation: Any, start: Any) -> Any:
        """The booster with the trees up to the best round only, so that every runtime scores with the same ones."""
        before = start.num_boosted_rounds() if start is not None else 0
        booster, shown = self._resumed(start), _some(train)
        while booster is None or (len(self.curve) < self.total and not stagnates(self.curve, self.patience)):
            booster = self._chunk(train, shown, validation, booster)
        return booster[: before + best_step(self.curve) + 1] if self.patience else booster

    def _resumed(self, start: Any) -> Any:
        import xgboost

        if (saved := self.checkpoint.read()) is None:
            return start
        curve, trees = saved.split(b"\n", 1)
        self.curve[:] = json.loads(curve)
        return xgboost.Booster(model_file=bytearray(trees))

    def _chunk(self, train: Any, shown: Any, validation: Any, booster: Any) -> Any:
        import xgboost

        class Watch(xgboost.callback.TrainingCallback):
            def after_iteration(watch, model: Any, epoch: int, log: Any) -> bool:  # noqa: N805
                return self._after(model, log)

        parameters = self.parameters | {"seed": int(self.parameters["seed"]) + len(self.curve)}
        watched = {"evals": [(shown, "train"), (validation, "validation")], "callbacks": [Watch()]}
        return xgboost.train(parameters, train, self._next, xgb_model=booster, verbose_eval=False, **watched)

    @property
    def _next(self) -> int:
        """Rounds until the booster begins anew, which costs its cached predictions."""
        sampled = any(float(self.parameters[name]) < 1 for name in SAMPLING)
        left = self.total - len(self.curve)
        return min(left, CHUNK - len(self.curve) % CHUNK) if sampled else left

    def _after(self, booster: Any, log: Any) -> bool:
        losses = {part: float(next(iter(metrics.values()))[-1]) for part, metrics in log.items()}
        self.curve.append({"step": len(self.curve) + 1, **losses})
        if self.checkpoint.kept and len(self.curve) % CHUNK == 0:
            self.checkpoint.write(json.dumps(self.curve).encode() + b"\n" + bytes(booster.save_raw("ubj")))
        if self.report:
            self.report(len(self.curve), losses["validation"])
        return stagnates(self.curve, self.patience)
