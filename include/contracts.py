"""Small frozen records that steps pass to each other; all of them are JSON, so they fit through XCom."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Record(BaseModel):
    """Frozen, closed, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def json_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(json.dumps(self.json_dict(), sort_keys=True).encode()).hexdigest()


class Period(Record):
    """One calendar month, the partition of every table: ``Period(key="2013-04")``."""

    key: str

    @field_validator("key")
    @classmethod
    def _month(cls, key: str) -> str:
        try:
            return datetime.strptime(key, "%Y-%m").strftime("%Y-%m")
        except ValueError:
            raise ValueError(f"period {key!r} is not a month; write it like 2013-04") from None

    @property
    def start(self) -> datetime:
        return datetime.strptime(self.key, "%Y-%m").replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Exclusive."""
        return self.shift(1).start

    def shift(self, months: int) -> Self:
        index = self.start.year * 12 + self.start.month - 1 + months
        return type(self)(key=f"{index // 12:04d}-{index % 12 + 1:02d}")

    @classmethod
    def between(cls, first: str, last: str) -> list[Self]:
        """All months from first to last, both included."""
        months, one = [], cls(key=first)
        while one.key <= last:
            months.append(one)
            one = one.shift(1)
        return months


class Window(Record):
    """Event times from ``start`` to before ``end``, aware, in the time zone of the source."""

    start: datetime
    end: datetime

    @classmethod
    def of_month(cls, period: Period, timezone: str) -> Self:
        """The month by the local calendar: from local midnight to local midnight."""
        zone = ZoneInfo(timezone)
        return cls(start=period.start.replace(tzinfo=zone), end=period.end.replace(tzinfo=zone))

    @property
    def periods(self) -> list[str]:
        """Keys of the local months that it touches."""
        last = (self.end - timedelta(microseconds=1)).strftime("%Y-%m")
        return [period.key for period in Period.between(self.start.strftime("%Y-%m"), last)]

    def utc(self) -> tuple[datetime, datetime]:
        return self.start.astimezone(UTC), self.end.astimezone(UTC)

    def bounds(self, zoned: bool, without_zone: str) -> tuple[datetime, datetime] | None:
        """Start and end as a column holds them; None when nobody said how times without zone are read."""
        start, end = (self.start, self.end) if without_zone == "local" and not zoned else self.utc()
        if zoned:
            return start, end
        return None if without_zone == "refuse" else (start.replace(tzinfo=None), end.replace(tzinfo=None))


class TableRef(Record):
    """One version of one Delta table; ``content_hash`` covers the rows of ``period``."""

    table: str
    version: int
    rows: int
    content_hash: str


class TableCommit(Record):
    """One version of a table: when it was made and, where the writer said so, which period and content."""

    version: int
    at: str
    operation: str
    period: str | None = None
    content_hash: str | None = None


class TableState(Record):
    """What the lake knows of a table without reading its rows; ``files`` are the Parquet files of ``version``."""

    table: str
    version: int
    columns: dict[str, str]
    rows: dict[str, int]
    files: list[str]
    commits: list[TableCommit]


class ViewDefinition(Record):
    """A feature view as it is registered: feature → (type, description); ``services`` that have it."""

    name: str
    description: str
    owner: str
    tags: dict[str, str]
    keys: list[str]
    features: dict[str, tuple[str, str]]
    services: list[str]


class SnapshotRef(Record):
    """A published period: the immutable, named set of table versions."""

    usecase: str
    period: str
    name: str
    tables: dict[str, TableRef]
    rewrites: list[str] = []
    """Erasures and key rotations since it was published: its rows are no longer what its name was made of."""


class FeatureInfo(Record):
    """One feature as people look for it; owner, entity and freshness (hours, 0: for ever) are its view's."""

    name: str
    view: str
    kind: str
    description: str
    owner: str
    tags: dict[str, str]
    entity: str
    freshness_hours: float
    services: list[str]


class FeatureServiceRef(Record):
    """A feature service as a release was built with it.

    ``definitions`` is the SHA-256 of what it reads and how; ``kept_as`` is the registered copy that stays as it is.
    """

    name: str
    kept_as: str
    definitions: str


TELLING = ("row_count", "columns_to_match", "type_list", "mean", "value_count")


class CheckOutcome(Record):
    """What one expectation said; ``broken`` when it could not be evaluated, which says nothing about the data."""

    check: str = ""
    table: str
    expectation: str
    column: str | None
    dimension: str = ""
    severity: Literal["block", "warn"]
    unexpected: int = 0
    rows: int
    passed: bool = False
    broken: bool = False
    detail: str = ""


class Check(Record):
    """One expectation of a suite, its parameters filled in; ``kwargs`` are what Great Expectations takes."""

    id: str
    type: str
    table: str
    severity: Literal["block", "warn"]
    dimension: str
    kwargs: dict[str, Any]
    notes: str = ""

    @property
    def columns(self) -> list[str]:
        """The columns that it looks at, in the order of the suite; [] for a check of the whole table."""
        pair = [self.kwargs[c] for c in ("column", "column_A", "column_B") if c in self.kwargs]
        return [*pair, *self.kwargs.get("column_list", [])]

    @property
    def place(self) -> str:
        return f"{self.table}.{', '.join(self.columns)}" if self.columns else self.table

    def broken(self, rows: int, why: str) -> CheckOutcome:
        """It could not be evaluated."""
        return self.outcome(rows, broken=True, detail=f"the check broke: {why}")

    def judged(self, rows: int, unexpected: int, passed: bool, observed: Any = None) -> CheckOutcome:
        """It was evaluated; ``observed`` is shown when it is of the whole table, not a value of some row."""
        expected = [f"{k}={v}" for k, v in self.kwargs.items() if not k.startswith(("column", "batch"))]
        seen = f"observed {observed}" if any(word in self.type for word in TELLING) else ""
        detail = "; ".join(part for part in (", ".join(expected), seen, self.notes) if part)
        return self.outcome(rows, unexpected=unexpected, passed=passed, detail=detail)

    def outcome(self, rows: int, **said: Any) -> CheckOutcome:
        own = {"check": self.id, "table": self.table, "expectation": self.type, "dimension": self.dimension}
        column = ", ".join(self.columns) or None
        return CheckOutcome.model_validate({**own, "column": column, "severity": self.severity, "rows": rows, **said})


class GateResult(Record):
    """What a quality gate said of one period at one point (``raw`` or ``features``)."""

    usecase: str
    gate: Literal["raw", "features"]
    period: str
    rows: dict[str, int]
    checks: list[CheckOutcome]

    @property
    def evaluated(self) -> int:
        return len(self.checks)

    @property
    def failures(self) -> list[CheckOutcome]:
        """Expectations that were not met, broken ones among them."""
        return [c for c in self.checks if not c.passed]

    @property
    def passed(self) -> bool:
        return not any(f.severity == "block" for f in self.failures)

    @property
    def summary(self) -> dict[str, Any]:
        """As JSON, with what was not met only."""
        failures = [f.json_dict() for f in self.failures]
        return {**self.model_dump(exclude={"checks"}), "evaluated": self.evaluated, "failures": failures}


class PartRef(Record):
    """One part of a dataset: a Parquet file of encoded rows and the hash of its event ids and content."""

    path: str
    rows: int
    content_hash: str
    periods: list[str]


class FrozenRef(Record):
    """The test set of an earlier dataset that was kept out: its content hash and what its events were read from."""

    dataset: str
    content_hash: str
    snapshots: list[SnapshotRef]
    as_of: str = ""
    given_labels: int | None = None


class DatasetFacts(Record):
    """What was counted when a dataset was built.

    ``left_out``: rows ``unlabelled`` or ``immature`` (label not known at ``as_of``); ``given``: labels that people
    gave; ``classes``: rows by part and class code; ``repeated``: rows of validation and test whose features and label
    the training part has too.
    """

    left_out: dict[str, int] = {}
    given: int = 0
    classes: dict[str, dict[str, int]] = {}
    repeated: dict[str, int] = {}


class DatasetRef(Record):
    """Training data as built: train / validation / test parts and what they came from.

    Every part holds the event id, event time, all feature columns of the spec in raw form
    (categories as text), the entity keys, slice columns and the label. ``snapshots`` are those of its
    window (period to name); ``features_from`` are all that a feature could come from, ``frozen`` the test
    sets that were kept out, ``as_of`` the moment up to which labels were known (UTC, ISO 8601), ``given_labels`` the
    version of the table of labels that people gave: from these the dataset can be built again, bit for bit.
    """

    usecase: str
    name: str
    path: str
    feature_service: str
    label: str
    train: PartRef
    validation: PartRef
    test: PartRef
    excluded_hashes: list[str] = []
    snapshots: dict[str, str]
    features_from: list[SnapshotRef] = []
    frozen: list[FrozenRef] = []
    as_of: str = ""
    given_labels: int | None = None
    facts: DatasetFacts = DatasetFacts()
    rewrites: list[str] = []
    """Erasures and key rotations since it was built; a model trained before them had other rows."""

    @property
    def reads(self) -> list[SnapshotRef]:
        """Every snapshot that building it needs."""
        return [*self.features_from, *(snapshot for one in self.frozen for snapshot in one.snapshots)]


class ModelRef(Record):
    """A registered model version."""

    usecase: str
    version: int
    run_id: str
    uri: str
    artifact_hash: str
    dataset: DatasetRef


class TrialRecord(Record):
    """One parameter set that a search tried; ``value`` of the primary metric on the validation part, when complete.

    ``steps`` are what it reported on the way (validation loss, larger is better), ``begun`` in seconds since 1970.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "running"]
    parameters: dict[str, int | float | str]
    value: float | None = None
    steps: dict[int, float] = {}
    begun: float
    seconds: float
    reason: str = ""


class Interval(Record):
    """A figure with its confidence interval."""

    value: float
    low: float
    high: float
    n: int


class Cell(Record):
    """One of the four comparisons, on one metric."""

    name: Literal["A", "B", "C", "D"]
    model: Literal["champion", "candidate"]
    test_set: Literal["old", "new"]
    metric: str
    figure: Interval


class GateOutcome(Record):
    """One rule of the evaluation, its result and the figures it was decided on."""

    gate: str
    passed: bool
    detail: str


Decision = Literal["promote", "canary", "ask_human", "keep_champion", "data_problem"]


class Look(Record):
    """One contender of an evaluation with an ensemble, judged by the same rule as the other."""

    who: Literal["candidate", "ensemble"]
    decision: Decision
    rule: str
    cells: list[Cell]
    gates: list[GateOutcome]


class Verdict(Record):
    """The decision of a retrain evaluation, with its reason.

    ``candidate`` is the version that it is on: with the ``contender`` ensemble that of the average of the versions
    ``members``. ``other`` is the contender that was not chosen, ``ensemble_gain`` the ensemble's over the candidate.
    """

    usecase: str
    decision: Decision
    rule: str
    reason: str
    candidate: int
    champion: int | None
    champion_release: str | None
    cells: list[Cell]
    differences: dict[str, Interval]
    gates: list[GateOutcome]
    self_test: str
    decided_at: str
    contender: Literal["candidate", "ensemble"] = "candidate"
    members: list[int] = []
    ensemble_gain: Interval | None = None
    other: Look | None = None


class ReleaseRef(Record):
    """A packaged release: the unit that is deployed and rolled back."""

    usecase: str
    name: str
    model_version: int
    path: str
    content_hash: str


class Shadowing(Record):
    """Copies of a share of the answered requests go to ``release``, which never answers."""

    release: str
    share: float = Field(gt=0, le=1)


Strategy = Literal["blue_green", "canary", "ab_test", "shadow"]


class RolloutState(Record):
    """What the router in the model server follows; one small file, replaced atomically.

    ``weights`` maps release name to its share of traffic (they add up to 1); ``champion`` gets everything
    when anything is unclear, and after ``lease_until`` (epoch seconds): a rollout whose watcher died ends itself.
    With ``sticky_by``, a request field, equal values meet the same release: a value's place in [0, 1) is a hash of
    ``salt`` and the value, and the challenger has [0, share).

    ``rollout`` names the newest rollout (the run that deploys), ``outcome`` is how it stands, ``since`` (epoch
    seconds) when its present split began. ``interrupted``: a task died, and the same rollout may go on; what was
    ``aborted`` or ``kept`` (the champion, by a read-out) is over.
    """

    usecase: str
    generation: int
    champion: str
    weights: dict[str, float]
    strategy: Strategy
    reason: str
    lease_until: float | None = None
    sticky_by: str | None = None
    salt: str = ""
    shadow: Shadowing | None = None
    rollout: str = ""
    outcome: Literal["", "running", "promoted", "kept", "aborted", "interrupted"] = ""
    since: float | None = None

    @field_validator("weights")
    @classmethod
    def _whole(cls, weights: dict[str, float]) -> dict[str, float]:
        if not weights or min(weights.values()) < 0 or abs(sum(weights.values()) - 1) > 1e-9:
            raise ValueError(f"weights {weights} must be shares that add up to 1")
        return weights

    @property
    def challenger(self) -> str | None:
        """The release that is being rolled out or shadows, or None."""
        others = [name for name in self.weights if name != self.champion]
        return others[0] if others else self.shadow.release if self.shadow else None


class InferenceTensor(NamedTuple):
    """One tensor of the KServe v2 protocol: elements row by row, little-endian; texts with 4 bytes of length each."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    content: bytes


Route = Literal["infer", "metadata", "metrics"]
"""What a client of the gateway may be allowed; whether a model is ready, every client may ask."""


class GatewayClient(Record):
    """Who may ask through the gateway, known by an API key (its SHA-256, hex) or by tokens that it signs (RS256)."""

    key_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    public_key: str = Field(default="", description="PEM file of the key that verifies its tokens")
    roles: frozenset[Route] = frozenset({"infer"})
    models: frozenset[str] | None = Field(default=None, description="use cases that it may ask; None: all")
    rate: int = Field(default=50, ge=1, le=1_000_000, description="requests per second, counted over ten seconds")

    @model_validator(mode="after")
    def _is_known_by_one_thing(self) -> Self:
        if bool(self.key_sha256) == bool(self.public_key):
            raise ValueError("needs key_sha256 or public_key, one of both")
        return self


class Judgement(Record):
    """What Prometheus says of a rollout step: per arm, requests, error rate, p99 (ms) and mean answer.

    ``breaches`` names every abort criterion that is broken, ``queries`` has the worst value of each abort query
    (None: no sample), ``shadow`` what the copies said: share of changed predictions, mean difference, dropped copies.
    """

    enough: bool
    passed: bool
    reason: str
    requests: dict[str, float]
    error_rate: dict[str, float]
    p99_ms: dict[str, float]
    mean_answer: dict[str, float]
    breaches: list[str] = []
    queries: dict[str, float | None] = {}
    shadow: dict[str, float] = {}


class ReadOut(Record):
    """An A/B test so far: mean loss per labelled row of both arms, and challenger − champion (below 0: better).

    ``rows`` and ``entities`` count per release; ``missing`` labelled rows lack in the arm that has the fewest.
    ``difference`` is None until both arms have two entities; its interval is clustered by entity.
    """

    measure: str
    champion: str
    challenger: str
    rows: dict[str, int]
    entities: dict[str, int]
    loss: dict[str, float]
    difference: Interval | None
    missing: int
    decision: Literal["wait", "promote", "keep"]
    reason: str


class RolloutEvent(Record):
    """One change of what serves, or one judgement or drill: who, when, from what, to what, why, on which figures.

    ``at`` is UTC, ISO 8601; ``share`` is of ``release``; ``figures`` is the judgement, read-out or drill, as JSON.
    """

    usecase: str
    at: str
    rollout: str
    generation: int
    event: Literal[
        "shifted", "shadowed", "judged", "promoted", "kept", "aborted", "interrupted", "rolled_back", "drilled"
    ]
    champion: str
    release: str
    share: float
    by: str
    reason: str
    figures: dict[str, Any] = {}


class Figure(Record):
    """One monitored figure of one release in one period; ``subject`` is a feature or slice, else ''."""

    usecase: str
    release: str
    period: str
    name: str
    subject: str = ""
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0


class StreamEntry(Record):
    """One event on a stream: its place there (``<ms>-<n>``, rising), its JSON, how often it was handed out."""

    id: str
    text: str
    deliveries: int = 1


class KeptEvent(Record):
    """An event that a window keeps: where it was on the stream, its time (epoch seconds) and its fields."""

    entry: str
    time: float
    event: dict[str, Any]


class StreamWindow(Record):
    """The events of one key that its features look at, by event id.

    Times are epoch seconds: ``since`` the first ever seen, ``newest`` the last, ``settled`` the last among the events
    that were published before the oldest unfinished one: what is late is told by the order of publication alone.
    """

    since: float
    newest: float
    settled: float | None = None
    events: dict[str, KeptEvent]


class StreamChange(Record):
    """What a batch of events changes: windows by key, and pushed feature rows as JSON, by month and row id.

    ``late`` counts events that came too late for the speed layer.
    """

    windows: dict[str, StreamWindow] = {}
    rows: dict[str, dict[str, str]] = {}
    late: int = 0

    @property
    def pushed(self) -> int:
        return sum(map(len, self.rows.values()))


class DeadLetter(Record):
    """An event that was put aside: why, its JSON, and its place on the dead-letter stream."""

    id: str
    reason: str
    text: str


class Reconciliation(Record):
    """What the speed layer pushed of one feature view in one month, against the batch layer's rows.

    ``differing`` counts rows in which any feature differs; per feature, ``features`` has the rows that differ and
    ``largest`` the largest difference (of those where both layers have a number).
    """

    view: str
    period: str
    equal: int
    differing: int
    only_speed: int
    only_batch: int
    features: dict[str, int] = {}
    largest: dict[str, float] = {}


class Alert(Record):
    """A firing Prometheus alert."""

    name: str
    usecase: str
    severity: Literal["look", "retrain"]
    release: str
    period: str
    value: float
    summary: str


class RetrainPlan(Record):
    """What to change in the next training, and why."""

    usecase: str
    name: str
    decision: Literal["retrain", "keep", "fix_data"]
    cause: str
    evidence: list[str]
    action: str
    train_from: str | None
    train_to: str | None
    test_period: str | None
    alerts: list[Alert]
    decided_at: str


Role = Literal["viewer", "user", "op", "admin"]
"""Airflow's roles, from the one that may do least."""

Level = Literal["none", "public", "internal", "personal"]
"""How far a role may read: columns of this privacy class and below."""


class ExportedFile(Record):
    """One encrypted Parquet file of an export; ``sha256`` is of the encrypted bytes."""

    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    period: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    rows: int
    columns: list[str]
    bytes: int
    sha256: str

    @property
    def path(self) -> str:
        """Where it lies within the export."""
        return f"{self.period}/{self.table}.parquet"


class ExportManifest(Record):
    """What left, for whom, why and on whose word; ``fingerprint`` is of the recipient's public key."""

    usecase: str
    name: str
    kind: Literal["hand_over", "export"]
    recipient: str
    fingerprint: str
    periods: list[str]
    reason: str
    requested_by: str
    approved_by: str
    created_at: str
    files: list[ExportedFile] = []

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def write_atomically(path: Path, text: str, *, private: bool = False) -> None:
    """Replace ``path`` in one step: a reader sees the old or the new text, never half of it.

    ``private``: nobody but the owner can read it, at no moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    aside = path.with_name(f".{path.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}.aside")
    aside.touch(mode=0o600 if private else 0o666)
    aside.write_text(text)
    aside.replace(path)
