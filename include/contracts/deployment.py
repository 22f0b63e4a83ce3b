"""Releases, the rollout state, and what is recorded about a rollout."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from include.contracts import steady
from include.contracts.evaluation import Interval
from include.contracts.period import Period
from include.contracts.record import Moment, Record
from include.contracts.steady import Tick

DAMAGED_RELEASE = (
    "delete the release directory and run the deployment DAG of its model version (it is packaged again), or put "
    "another release back (rollback)"
)
"""The way out of a release with another file than was packaged."""
BOM, TEST_REPORT = "bom.json", "tested.json"
ENVELOPE, TEST_ENVELOPE = "release.dsse.json", "tested.dsse.json"
"""Files of a release: the bill of materials, and the report of the tests before traffic; and who signed what."""


class ReleaseRef(Record):
    """A packaged release: the unit that is deployed and rolled back."""

    usecase: str
    name: str
    model_version: int
    path: str
    content_hash: str


def release_number(name: str) -> int:
    """``r0012`` is the twelfth."""
    return int(name.removeprefix("r"))


class Shadowing(Record):
    """Copies of a share of the answered requests go to ``release``, which never answers."""

    release: str
    share: float = Field(gt=0, le=1)


Strategy = Literal["blue_green", "canary", "ab_test", "shadow"]
FORMER_LEASE_SECONDS = 300.0
"""What is left of a lease at most that an earlier version of Moebius gave, which said when it ends."""


class Lease(Record):
    """A split holds for so many seconds from ``given`` on, by a clock that no step of the wall clock moves."""

    seconds: float
    given: Tick

    def over(self, now: Tick | None = None) -> bool:
        """Whether nobody renewed it in time; ``now`` is this moment by default."""
        return steady.elapsed(self.given, now) > self.seconds


class RolloutState(Record):
    """What the router in the model server follows; one small file, replaced atomically.

    ``weights`` maps release name to its share of traffic (they add up to 1); ``champion`` gets everything
    when anything is unclear, and after the ``lease``: a rollout whose watcher died ends itself.
    With ``sticky_by``, a request field, equal values meet the same release: a value's place in [0, 1) is a hash of
    ``salt`` and the value, and the challenger has [0, share).

    ``rollout`` names the newest rollout (the run that deploys), ``outcome`` is how it stands, ``begun`` when its
    present split began. ``interrupted``: a task died or the server did not follow, and the same rollout may go on; what
    was ``aborted`` or ``kept`` (the champion, by a read-out) is over.
    """

    usecase: str
    generation: int
    champion: str
    weights: dict[str, float]
    strategy: Strategy
    reason: str
    lease: Lease | None = None
    sticky_by: str | None = None
    salt: str = ""
    shadow: Shadowing | None = None
    rollout: str = ""
    outcome: Literal["", "running", "promoted", "kept", "aborted", "interrupted"] = ""
    begun: Tick | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, state: Any) -> Any:
        """A state that an earlier version wrote: it knew the wall clock only."""
        if not isinstance(state, dict) or not {"lease_until", "since"} & set(state):
            return state
        kept = {name: value for name, value in state.items() if name not in ("lease_until", "since")}
        if (until := state.get("lease_until")) is not None:
            given = steady.unknown(until - FORMER_LEASE_SECONDS)
            kept.setdefault("lease", {"seconds": FORMER_LEASE_SECONDS, "given": given.json_dict()})
        if (since := state.get("since")) is not None:
            kept.setdefault("begun", steady.unknown(since).json_dict())
        return kept

    @field_validator("weights")
    @classmethod
    def _whole(cls, weights: dict[str, float]) -> dict[str, float]:
        if not weights or min(weights.values()) < 0 or abs(sum(weights.values()) - 1) > 1e-9:
            raise ValueError(f"weights {weights} must be shares that add up to 1")
        return weights

    @property
    def watched(self) -> float:
        """Seconds since the present split began; 0 when that is not known."""
        return steady.elapsed(self.begun) if self.begun else 0.0

    @property
    def lapsed(self) -> bool:
        """Whether nobody watched the split for longer than its lease, so that the router gave everything back."""
        return self.lease is not None and self.lease.over()

    @property
    def challenger(self) -> str | None:
        """The release that is being rolled out or shadows, or None."""
        others = [name for name in self.weights if name != self.champion]
        return others[0] if others else self.shadow.release if self.shadow else None


class Judgement(Record):
    """What Prometheus says of a rollout step: per arm, requests, error rate, p99 (ms) and mean answer.

    ``breaches`` names every abort criterion that is broken, ``queries`` has the worst value of each abort query
    (None: no sample), ``shadow`` what the copies said: share of changed predictions, mean difference, dropped copies.
    """

    enough: bool
    passed: bool
    reason: str
    requests: dict[str, float]
    error_rate: dict[str, float | None]
    p99_ms: dict[str, float | None]
    mean_answer: dict[str, float | None]
    breaches: list[str] = []
    queries: dict[str, float | None] = {}
    shadow: dict[str, float | None] = {}


class ReadOut(Record):
    """An A/B test so far: mean loss per labelled row of both arms, and challenger − champion (below 0: better).

    ``rows`` and ``entities`` count per release, ``effective`` is as how many equal entities they count; ``missing``
    labelled rows lack in the arm that has the fewest. Of the answers without a label ``not_due`` wait for it, of
    ``overdue`` it never came. ``difference`` is None until both arms have two entities; its interval is clustered by
    entity.
    """

    measure: str
    champion: str
    challenger: str
    rows: dict[str, int]
    entities: dict[str, int]
    effective: dict[str, float] = {}
    loss: dict[str, float]
    difference: Interval | None
    missing: int
    not_due: int = 0
    overdue: int = 0
    decision: Literal["wait", "promote", "keep"]
    reason: str


class RolloutEvent(Record):
    """Every change of the serving release, every judgement of a rollout, every rollback drill.

    ``share`` is of ``release``; ``figures`` is the judgement, read-out or drill, as JSON.
    """

    usecase: str = Field(description="use case")
    at: Moment = Field(description="when, UTC")
    rollout: str = Field(description="run of the deployment that it belongs to")
    generation: int = Field(description="generation of the rollout state")
    event: Literal[
        "shifted",
        "shadowed",
        "judged",
        "promoted",
        "kept",
        "aborted",
        "interrupted",
        "rolled_back",
        "rolled_forward",
        "drilled",
        "ended",
    ]
    champion: str = Field(description="champion after the event")
    release: str = Field(description="release of the event")
    share: float = Field(description="share of the traffic of this release, or of the requests copied to it")
    by: str = Field(description="login or asset that started the run")
    reason: str = Field(description="why")
    figures: dict[str, Any] = Field(default={}, description="judgement, read-out or drill, JSON")

    @property
    def period(self) -> Period:
        return Period.recorded(self.at)


class Answer(Record):
    """What is kept of an answer; its row has columns of the use case too."""

    release: str = Field(description="release that answered")
    prediction: float | None = Field(description="prediction: code of the class, cluster, or value")
    probability: float | None = Field(
        description="probability of the positive or the predicted class; empty for values and clusters"
    )
    scores: list[float] | None = Field(
        description="all scores of the model: probability or value, or one score per class or cluster"
    )


class LoggedPrediction(Answer):
    """Every answer that a release gave, with the request and the features it saw."""

    request_id: str = Field(description="id of the answer")
    logged_at: Moment = Field(description="when it was answered, UTC")
    latency_ms: float = Field(description="time inside the model server, milliseconds")
    missing: int = Field(description="feature views that the online store has nothing of, or nothing fresh")
    unavailable: int = Field(
        default=0, description="feature views that could not be looked up: the online store did not answer"
    )


class LostAnswers(Record):
    """Answers that were given and could not be logged, by release and month: gaps of the prediction log."""

    period: Period
    release: str = Field(description="release that answered")
    rows: int = Field(description="answers that are not in the log")
    since: Moment = Field(description="when the first of them was given, UTC")
    until: Moment = Field(description="when the log could be written again, UTC")
    reason: str = Field(description="why they could not be written")
    source: str = Field(description="where the log says so: spool file, and place in it")
    hours: dict[int, int] = Field(default={}, description="answers by the hour of their events, epoch seconds; JSON")


class BatchPrediction(Answer):
    """Answers of batch inference, one row per event of a period and release."""

    snapshot: str = Field(description="snapshot whose events were scored")
    outcome: Literal["answered", "fell_back", "refused"] = Field(
        description="answered; fell_back: features were missing, the release's constant answer; refused: no answer"
    )
    reason: str = Field(description="why there is no answer; empty when there is one")
    predicted_class: str | None = Field(description="name of the predicted class; for multiclass only")
    missing: int = Field(description="feature views that had no usable values")
