"""How a model of a use case gets to work and is watched: approval, rollout, monitoring, retraining."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.spec.part import Part, Share


class Approval(Part):
    first_release: Literal["policy", "human"]
    retrain: Literal["policy", "human"]


class Abort(Part):
    max_error_rate: Share
    max_p99_ms: float = Field(gt=0)
    max_prediction_shift: float = Field(ge=0)  # of the mean answer: a probability, or in units of the label


class Rollout(Part):
    strategy: Literal["blue_green", "canary"]
    steps: list[Annotated[float, Field(gt=0, lt=1)]]
    bake_seconds: float = Field(ge=0)
    max_wait_seconds: float = Field(gt=0)
    min_requests: int = Field(ge=1)
    abort: Abort
    parity_bound: float = Field(gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.steps != sorted(set(self.steps)) or (self.strategy == "canary" and not self.steps):
            raise ValueError(f"rollout steps {self.steps} must rise, and a canary needs one at least")
        return self


class Windows(Part):
    breached: int = Field(ge=1)
    of: int = Field(ge=1)


class Monitoring(Part):
    drift_threshold: float = Field(gt=0)
    drift_features: int = Field(ge=1)
    performance_loss: float = Field(gt=0)
    windows: Windows


class Retrain(Part):
    window: Annotated[str, Field(pattern=r"^(all|last:[1-9][0-9]*)$")]
    cooldown_periods: int = Field(ge=0)
    budget_per_year: int = Field(ge=0)
