"""A play that is killed at any step, and played again, ends as one that nobody interrupted."""

import io
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from include.contracts.operations import Alert
from include.contracts.period import Period, range_text
from include.demo import scenario
from include.demo.airflow_api import RunFailedError
from include.demo.memory import Memory
from include.demo.progress import Progress
from include.demo.scenario import Scenario, Script
from include.errors import ServiceError
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.fakes.state import MemoryState

REQUESTS, ENOUGH = 6, 2


class Plot(NamedTuple):
    """What is played: up to ``last``, with so many runs of history; the first release loses from ``decayed`` on."""

    usecase: str
    history: int
    decayed: Period
    last: Period
    runs: list[str]

    @property
    def spec(self) -> UseCase:
        return load_usecase(self.usecase)


MONTHS = Plot(
    "flight_delay", 2, Period("2013-04"), Period("2013-06"), ["2013-01", "2013-02", "2013-03", "2013-04", "2013-05"]
)
DAYS = Plot(
    "weather_forecast", 1, Period("2013-06-13"), Period("2013-06-27"),
    ["2013-03-01..2013-05-30", "2013-05-31..2013-06-06", "2013-06-07..2013-06-13", "2013-06-14..2013-06-20"],
)  # fmt: skip


class Killed(BaseException):
    """The process is gone: whatever it does next is not done."""


class World:
    """What outlives the play: Airflow with its runs, the lake, what serves. ``tick`` kills the play at a given step."""

    def __init__(self, plot: Plot = MONTHS) -> None:
        self.plot, self.spec = plot, plot.spec
        self.runs: list[dict[str, Any]] = []
        self.published: list[Period] = []
        self.asked: list[tuple[str, int, Period, str]] = []
        self.decisions: list[Any] = []
        self.verdicts: list[Any] = []
        self.releases: list[str] = []
        self.measured: list[tuple[Period, str]] = []
        self.state = MemoryState()
        self.ticks, self.last, self.seconds = 0, 0, 0
        self.lock = threading.RLock()

    def tick(self) -> None:
        with self.lock:
            self.ticks += 1
            if self.last and self.ticks >= self.last:
                raise Killed

    def now(self) -> datetime:
        self.seconds += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def start(self, family: str, partition: str | None = None, run_id: str = "") -> dict:
        run_id = run_id or f"{family}-{len(self.runs)}"
        known = [run for run in self.runs if (run["family"], run["dag_run_id"]) == (family, run_id)]
        if not known:
            about = {"family": family, "dag_id": f"{self.spec.name}.{family}", "dag_run_id": run_id, "state": "running"}
            when = {"run_after": self.now().isoformat(), "asked_before": len(self.asked)}
            self.runs.append({**about, **when, "partition_key": partition})
        return (known or self.runs)[-1]

    def alerts(self) -> list[Alert]:
        """The release that serves has lost since the month of decay; a replaced one fires no more."""
        decayed = self.plot.decayed
        fired = [m for m, release in self.measured if m >= decayed and release == self.releases[-1] == "r0001"]
        return [
            Alert(
                name="MoebiusPerformanceLoss", usecase=self.spec.name, severity="retrain", release="r0001",
                period=month, value=1.0, summary="s",
            )
            for month in fired[-1:]
        ]  # fmt: skip

    def finish(self, run: dict) -> None:
        """What the run does, and what its assets start."""
        getattr(self, f"_{run['family']}")(run)

    def _data_pipeline(self, run: dict) -> None:
        self.published += Period.ranged(run["partition_key"])
        run["state"] = "success"
        if self.releases:
            self.start("monitoring", run["partition_key"])

    def _monitoring(self, run: dict) -> None:
        self.measured += [(period, self.releases[-1]) for period in Period.ranged(run["partition_key"])]
        run["state"] = "success"
        if self.alerts():
            decided = {"decision": "retrain", "cause": "drift", "action": "retrain", "decided_at": self.now()}
            about = self.alerts()[0].period
            decided |= {"about": lambda step: about in step}
            self.decisions.append(SimpleNamespace(**decided, alerts=self.alerts()))
            self.start("training")

    def _training(self, run: dict) -> None:
        run["state"] = "success"
        self.start("retrain_evaluation")

    def _retrain_evaluation(self, run: dict) -> None:
        self.verdicts.append(SimpleNamespace(decision="promote", reason="better", candidate=len(self.verdicts) + 1))
        run["state"] = "success"
        self.start("deployment")

    def _deployment(self, run: dict) -> None:
        """The first release gets all traffic; any other is judged on live requests, and ended without them."""
        if self.releases and len(self.asked) - run["asked_before"] < ENOUGH:
            everybody = len([one for one in self.asked if one[0] == self.asked[-1][0]]) == REQUESTS
            run["state"] = "failed" if everybody else "running"
            return
        run["state"] = "success"
        self.releases.append(f"r000{len(self.releases) + 1}")

    def _maintenance(self, run: dict) -> None:
        run["state"] = "success"

    _audit = _maintenance

    def abandon(self) -> None:
        """While nobody plays, canaries end for want of traffic; every other run ends well."""
        for run in list(self.runs):
            if run["state"] == "running" and run["family"] == "deployment" and self.releases:
                run["state"] = "failed"
            elif run["state"] == "running":
                self.finish(run)


class FakeAirflow:
    def __init__(self, world: World) -> None:
        self.world = world

    def trigger(self, dag_id: str, conf: Any = None, partition_key: Any = None, run_id: str = "") -> dict:
        self.world.tick()
        run = self.world.start(dag_id.split(".")[1], partition_key, run_id)
        self.world.tick()
        return run

    def find(self, dag_id: str, after: datetime | None = None, partition: str | None = None) -> dict | None:
        self.world.tick()
        for run in reversed(self.world.runs):
            fresh = after is None or datetime.fromisoformat(run["run_after"]) >= after
            if run["dag_id"] == dag_id and fresh and (partition is None or run["partition_key"] == partition):
                return run
        return None

    def wait_for(self, dag_id: str, **wanted: Any) -> dict:
        found = self.find(dag_id, **wanted)
        assert found, f"no run of {dag_id} for {wanted}"
        return found

    def wait(self, run: dict, on_question: Any = None) -> dict:
        while run["state"] == "running":
            self.world.tick()
            self.world.finish(run)
            self.world.tick()
        if run["state"] == "failed":
            raise RunFailedError(run["dag_run_id"])
        return run

    def unfinished(self, dag_ids: list[str]) -> list[dict]:
        return [run for run in self.world.runs if run["dag_id"] in dag_ids and run["state"] == "running"]

    def tasks(self, run: dict) -> list[dict]:
        return [{"task_id": name, "state": "success"} for name in ("hand_over", "package")]


class FakeTraffic:
    """Requests one after the other; each sees the newest period of the online store and the release that serves."""

    def __init__(
        self, spec: Any, services: Any, periods: list[Period], sample: int, since: datetime | None = None
    ) -> None:
        self.world, self.step = services.world, range_text(periods)
        self.begins, self.since = spec.calendar.start(periods[0]), since
        self.answers: Counter[str] = Counter()
        self.total, self.sent, self.failed, self.seconds, self.rate = REQUESTS, 0, 0, 0.0, None
        done = [one for one in self.world.asked if one[0] == self.step] if since else []
        self.first = self.sent = len(done)

    def run(self) -> None:
        try:
            for number in range(self.first, REQUESTS):
                self.world.tick()
                self.world.asked.append((self.step, number, self.world.published[-1], self.world.releases[-1]))
                self.sent += 1
        except Killed:
            return


def services_of(world: World) -> Any:
    state = lambda spec: SimpleNamespace(champion=world.releases[-1]) if world.releases else None  # noqa: E731
    return SimpleNamespace(
        world=world,
        settings=SimpleNamespace(environment="prod", scrape_seconds=0.0, airflow_url="http://a"),
        serving=SimpleNamespace(rollout_state=state),
        records=SimpleNamespace(
            published=lambda spec: list(world.published),
            decisions=lambda spec: list(world.decisions),
            verdicts=lambda spec, newest: world.verdicts[-newest:],
            figures=lambda spec, periods, release, name: [
                one for one in world.measured if one in [(p, release) for p in periods]
            ],
        ),
        adapters=SimpleNamespace(
            state=world.state,
            releases=SimpleNamespace(all=lambda spec: [SimpleNamespace(name=name) for name in world.releases]),
            metrics_server=SimpleNamespace(query=lambda text: [1], alerts=lambda spec: world.alerts()),
        ),
    )


@pytest.fixture(params=[MONTHS, DAYS], ids=["months", "days"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    """The one of the uninterrupted play; others are made like it."""
    monkeypatch.setattr(scenario, "Traffic", FakeTraffic)
    return World(request.param)


def play(world: World, monkeypatch: pytest.MonkeyPatch, last: int = 0) -> bool:
    """Whether it came to its end; with ``last`` it is killed at that step."""
    world.ticks, world.last = 0, last
    monkeypatch.setattr(scenario, "now", world.now)
    plot = world.plot
    script = Script(plot.usecase, history=plot.history, sample=REQUESTS, last=plot.last)
    airflow: Any = FakeAirflow(world)
    try:
        Scenario(world.spec, services_of(world), airflow, Progress(Console(file=io.StringIO())), script).play()
    except (Killed, ServiceError):  # the kill in the thread of the clients reaches this one as traffic that stopped
        assert last, "it ends by itself"
        return False
    return True


def before(step: str) -> Period:
    """The last period before a step."""
    return Period.ranged(step)[0].shift(-1)


def outcome(world: World) -> dict[str, Any]:
    ended = [run for run in world.runs if run["state"] == "success"]
    memory = Memory(world.state, f"demo/{world.spec.name}/progress.json").content
    return {
        "asked": [(step, number, online) for step, number, online, _ in world.asked],
        "runs": sorted((run["family"], str(run["partition_key"])) for run in ended),
        "decided": [(one.decision, [(a.name, a.period) for a in one.alerts]) for one in world.decisions],
        "verdicts": [one.decision for one in world.verdicts],
        "releases": world.releases,
        "measured": world.measured,
        "alerts": {month: content.get("alerts") for month, content in memory.items()},
    }


@pytest.mark.slow
def test_a_play_that_is_killed_at_any_step_ends_like_one_that_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert play(world, monkeypatch)
    wanted = outcome(world)
    assert wanted["releases"] == ["r0001", "r0002"]
    assert len(wanted["asked"]) == len(set(wanted["asked"])), "each request once"
    assert all(online == before(step) for step, _, online in wanted["asked"]), "never of a period that came later"
    assert [key for family, key in wanted["runs"] if family == "data_pipeline"] == world.plot.runs
    later = 0
    for step in range(1, world.ticks + 1):
        for away in (False, True):
            other = World(world.plot)
            if not play(other, monkeypatch, step) and away:
                other.abandon()
            assert play(other, monkeypatch)
            if (found := outcome(other)) != wanted:  # too few clients were left for a canary: it takes a step more
                later += 1
                assert away, (step, {k: (found[k], wanted[k]) for k in wanted if found[k] != wanted[k]})
                assert found["releases"] == wanted["releases"], step
                assert len(found["asked"]) == len(set(found["asked"])), step
                assert all(online == before(one) for one, _, online in found["asked"]), step
    assert later <= world.ticks // 10
