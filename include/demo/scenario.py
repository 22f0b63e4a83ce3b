"""The scenario of the demo: months of a year, from the first release until a retrained one was monitored."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import Any

from include.contracts.operations import Alert, RetrainPlan
from include.contracts.period import Period
from include.data import ingestion
from include.demo.airflow_api import Airflow, RunFailedError, now
from include.demo.progress import Progress
from include.demo.world import Traffic
from include.errors import ServiceError
from include.platform.patience import Patience
from include.ports.state import StateStore
from include.services.composition import Services
from include.specification.usecase import UseCase

FAMILIES = ("data_pipeline", "monitoring", "retrain_trigger", "training", "retrain_evaluation", "deployment")


@dataclass(frozen=True)
class Script:
    """How much of the year is played, and who approves.

    ``sample`` is requests per month; ``canary_rate`` requests per second while a rollout is judged.
    """

    usecase: str
    training_months: int = 3
    sample: int = 8000
    canary_rate: float = 80.0
    approve: str = "demo"
    last: Period | None = None


def _months(spec: UseCase, services: Services, last: Period) -> list[Period]:
    """The months to play: in dev those that were handed over, without a gap; raises MissingPeriodError."""
    months = Period.between(spec.periods.first, last)
    if services.settings.environment == "dev":
        landing = services.places.landing(spec)
        ingestion.require_handed_over(spec, months[0], landing)
        there = ingestion.handed_over(spec, landing)
        months = list(takewhile(lambda month: month in there, months))
    return months


class Scenario:
    """Plays the loop through DAG runs and public interfaces; what is done already is not done again.

    A play that was interrupted at any moment goes on where it was: each step finds its own run by month, name or the
    time when it began, requests go on behind the last answer, and what was seen or decided before counts.
    """

    def __init__(self, spec: UseCase, services: Services, airflow: Airflow, progress: Progress, script: Script) -> None:
        self.spec, self.services, self.airflow = spec, services, airflow
        self.progress, self.script = progress, script
        self.memory = Memory(services.adapters.state, f"demo/{spec.name}/progress.json")
        self._asked: set[str] = set()
        self.months = _months(spec, services, script.last or spec.periods.newest(now()))

    def play(self) -> None:
        """Raises RunFailedError or ServiceError with what failed and where the log is."""
        history, live = self.months[: self.script.training_months], self.months[self.script.training_months :]
        for month in history:
            self.publish(month, then="the first training")
        self.first_release()
        for month in live:
            self.live_month(month)
            if self._retrained_and_monitored(month):
                return
        self.progress.note(f"no retrained release was monitored by {self.months[-1]}", style="yellow")

    # -- stages
    def publish(self, month: Period, then: str) -> None:
        """A month that is published may still lack its online features; the end of its run says that it has all."""
        pipeline, published = self._dag("data_pipeline"), month in self.services.records.published(self.spec)
        run = self.airflow.find(pipeline, partition=month)
        if published and (run is None or run["state"] == "success"):
            return
        with self.progress.stage("data pipeline", f"{month}: data pipeline", then):
            unfinished = run if run and run["state"] != "success" else None
            self.airflow.wait(unfinished or self.airflow.trigger(pipeline, partition_key=month))

    def first_release(self) -> None:
        if self.services.serving.rollout_state(self.spec) is not None:
            return
        begun = datetime.fromisoformat(self.memory.once("first", "begun", lambda: now().isoformat()))
        with self.progress.stage("training", "first training", "four comparisons (first release: no champion yet)"):
            training = self._dag("training")
            self.airflow.wait(self.airflow.find(training, after=begun) or self.airflow.trigger(training))
        self._evaluate_and_deploy(begun, None)

    def live_month(self, month: Period) -> None:
        if self.memory.done(month, "closed"):
            return
        if self._asked_afterwards:
            self.publish(month, then="live traffic about the whole month")
        self._send(month)
        self.publish(month, then="monitoring, when the truth has come")
        self._monitor(month, by_hand=self._asked_afterwards)
        self._respond(month)
        self.memory.mark(month, "closed")

    def _send(self, month: Period) -> None:
        if self.memory.done(month, "traffic"):
            return
        traffic = self._begin_traffic(month)
        with self.progress.stage("live traffic", f"{month}: live traffic over gRPC", "the month's data pipeline"):
            traffic.rate = None
            self._show(traffic)
        self._close_traffic(month, traffic)

    def _monitor(self, month: Period, by_hand: bool) -> None:
        """By the publication of the month, or once more by hand when its requests came only after that."""
        monitoring = self._dag("monitoring")
        with self.progress.stage("monitoring", f"{month}: monitoring", "Prometheus scrapes, its rules decide"):
            if by_hand:
                run = self.airflow.trigger(monitoring, partition_key=month, run_id=f"demo__{month}")
            else:
                run = self.airflow.wait_for(monitoring, partition=month)
            self.airflow.wait(run)

    def _respond(self, month: Period) -> None:
        with self.progress.stage("alerting", f"{month}: alerts"):
            by_release = self.memory.once(month, "alerts", lambda: _by_release(self._settled_alerts(month)))
            alerts = {(name, release) for release, names in by_release.items() for name in names}
            self.progress.status(", ".join(sorted({name for name, _ in alerts})) or "none")
        if not alerts:
            return
        title = f"{month}: the watcher starts retrain_trigger"
        with self.progress.stage("retrain trigger", title, "why did it decay?"):
            decision = self._decision(month, alerts)
        decided = f"decision: {decision.decision}: {decision.cause}. {decision.action}"
        self.progress.note(decided, bold=decision.decision)
        if decision.decision == "retrain":
            self._retrain(decision.decided_at, month)

    def _retrain(self, decided: datetime, month: Period) -> None:
        with self.progress.stage("training", f"{month}: retraining by plan", "the four comparisons"):
            self._wait_for("training", decided)
        following = month.shift(1)
        ahead = following in self.months and not self._asked_afterwards
        self._evaluate_and_deploy(decided, following if ahead else None)

    def _evaluate_and_deploy(self, begun: datetime, following: Period | None) -> None:
        with self.progress.stage("evaluation", "the four comparisons", "deployment"):
            run = self._wait_for("retrain_evaluation", begun)
        verdict = self.services.records.verdicts(self.spec, newest=1)[-1]
        self.progress.note(f"verdict: {verdict.decision}: {verdict.reason}", bold=verdict.decision)
        if not self._handed_over(run):
            self.progress.note("not handed over for deployment: the champion keeps serving")
            return
        with self.progress.stage("deployment", "deployment to Triton", "live traffic"):
            self._deploy_under_traffic(begun, following)

    def _deploy_under_traffic(self, begun: datetime, following: Period | None) -> None:
        """While a canary is judged, the clients of the next month are already there."""
        if following is None:
            self._wait_for("deployment", begun)
            return
        if self.memory.done(following, "traffic"):
            self._wait_or_give_up(begun)
            return
        self._replace_abandoned_canary(begun)
        traffic = self._begin_traffic(following)
        traffic.rate = self.script.canary_rate
        sender = threading.Thread(target=traffic.run, daemon=True)
        sender.start()
        try:
            if traffic.since:
                self._wait_or_give_up(begun)
            else:
                self._wait_for("deployment", begun)
        finally:
            traffic.rate = None
        self.progress.status(f"{traffic.sent} requests while releases were swapped, {traffic.failed} failed")
        self.memory.mark("canary", "requests", {"sent": traffic.sent, "failed": traffic.failed})
        sender.join()
        self._close_traffic(following, traffic)

    def _wait_or_give_up(self, begun: datetime) -> None:
        """Of a canary that began before an interruption, the clients may be too few that are left to judge it."""
        run = self.airflow.wait_for(self._dag("deployment"), after=begun)
        try:
            if run["state"] != "failed":
                self.airflow.wait(run, on_question=self._approve)
                return
        except RunFailedError as error:
            self.progress.note(str(error), style="yellow")
        self.progress.note("not promoted after the interruption: the champion keeps serving", style="yellow")

    def _replace_abandoned_canary(self, begun: datetime) -> None:
        """One whose clients went away with an interrupted play was ended for want of traffic: a new one begins."""
        deployment = self._dag("deployment")
        run = self.airflow.find(deployment, after=begun)
        if run and run["state"] == "failed":
            version = self.services.records.verdicts(self.spec, newest=1)[-1].candidate
            self.airflow.trigger(deployment, {"version": version})

    # -- helpers
    def _wait_for(self, family: str, begun: datetime) -> dict:
        """Wait until the run that an asset event starts after ``begun`` ended well."""
        run = self.airflow.wait_for(self._dag(family), after=begun)
        return self.airflow.wait(run, on_question=self._approve)

    def _handed_over(self, run: dict) -> bool:
        """Whether the evaluation ended in an approval, by policy or by a person."""
        return any(t["task_id"] == "hand_over" and t["state"] == "success" for t in self.airflow.tasks(run))

    def _dag(self, family: str) -> str:
        return f"{self.spec.name}.{family}"

    @cached_property
    def _asked_afterwards(self) -> bool:
        """Whether requests are about a whole month, so that clients send them after its publication."""
        first = self.months[0]
        return Traffic(self.spec, self.services, first, self.script.sample).begins >= self.spec.calendar.end(first)

    def _begin_traffic(self, month: Period) -> Traffic:
        """The requests of the month; of traffic that began before, those that are left."""
        begun = self.memory.content.get(month, {}).get("asked_since")
        since = datetime.fromisoformat(begun) if begun else None
        self.memory.once(month, "asked_since", lambda: now().isoformat())
        return Traffic(self.spec, self.services, month, self.script.sample, since)

    def _show(self, traffic: Traffic) -> None:
        sender = threading.Thread(target=traffic.run, daemon=True)
        sender.start()
        while sender.is_alive():
            sender.join(0.3)
            self.progress.status(f"{traffic.sent}/{traffic.total} requests, {traffic.failed} failed")

    def _close_traffic(self, month: Period, traffic: Traffic) -> None:
        if traffic.sent < traffic.total or not traffic.total:
            raise ServiceError(f"live traffic of {month} stopped after {traffic.sent} of {traffic.total} requests")
        if traffic.failed > traffic.total * 0.01:
            raise ServiceError(f"{traffic.failed} of {traffic.total} requests of {month} failed; see `make status`")
        figures = {"sent": traffic.sent, "failed": traffic.failed, "seconds": round(traffic.seconds, 1)}
        self.memory.mark(month, "traffic", {**figures, "answers": traffic.answers})

    def _settled_alerts(self, month: Period) -> list[Alert]:
        """Alerts once Prometheus has scraped the month's figures and evaluated its rules on them."""
        server, end = self.services.adapters.metrics_server, self.spec.calendar.end(month).timestamp()
        shown = f'moebius_window_end_timestamp_seconds{{usecase="{self.spec.name}",window="newest"}} == {end:.0f}'
        self._patiently(
            lambda: server.query(shown),
            f"Prometheus did not scrape the figures of {month}; see `make status`",
        )
        time.sleep(3 * self.services.settings.scrape_seconds)
        fired = self._patiently(
            lambda: [server.alerts(self.spec.name)], "Prometheus does not answer; see `make status`"
        )
        return [alert for alert in fired[0] if alert.period == month]

    def _patiently(self, ask: Callable[[], list[Any]], words: str, seconds: float = 180) -> list[Any]:
        """What is asked for, once there is something; a service that is being restarted is asked again."""
        patience = Patience(seconds)
        while True:
            try:
                if found := ask():
                    return found
                fault = words
            except ServiceError as error:
                fault = f"{words}: {error}"
            if patience.fault():
                raise ServiceError(f"{fault} ({seconds:.0f} s)")
            time.sleep(0.3)

    def _decision(self, month: Period, alerts: set[tuple[str, str]], seconds: float = 180) -> RetrainPlan:
        """The strongest decision on this month, once every alert that fires was decided on."""
        patience = Patience(seconds)
        while True:
            for run in self.airflow.unfinished([self._dag("retrain_trigger")]):
                self.airflow.wait(run)
            mine = [d for d in self.services.records.decisions(self.spec) if any(a.period == month for a in d.alerts)]
            if alerts <= {(a.name, a.release) for d in mine for a in d.alerts}:
                return next((d for d in mine if d.decision == "retrain"), mine[-1])
            if patience.fault():
                missing = f"no decision on {sorted(alerts)} in {month}: is it paused or failed?"
                raise ServiceError(f"{self._dag('retrain_trigger')} recorded {missing}")
            time.sleep(0.5)

    def _approve(self, task: dict) -> None:
        question = self.airflow.question(task)
        if question.get("response_received"):
            return
        if self.script.approve == "me":
            run = f"{self.services.settings.airflow_url}/dags/{task['dag_id']}/runs/{task['dag_run_id']}"
            if task["id"] not in self._asked:
                self._asked.add(task["id"])
                page = f"{run}/tasks/{task['task_id']}"
                self.progress.note(f"waits for you: approve or reject at {page}", bold="waits for you")
            return
        self.airflow.answer(task, "Approve")
        answered = "required action 'approve': the demo answered Approve by REST, as the operator"
        self.progress.note(answered, bold="Approve")

    def _retrained_and_monitored(self, month: Period) -> bool:
        state = self.services.serving.rollout_state(self.spec)
        releases = self.services.adapters.releases.all(self.spec.name)
        if state is None or len(releases) < 2:
            return False
        about = {"periods": [month], "release": state.champion, "name": self.spec.metrics.primary}
        return state.champion != releases[0].name and bool(self.services.records.figures(self.spec, **about))


class Memory:
    """What the demo has done, so that an interrupted one resumes: one small JSON."""

    def __init__(self, state: StateStore, key: str) -> None:
        self._state, self._key = state, key
        value = state.get(key)
        self.content: dict[str, dict] = json.loads(value.text) if value else {}

    def mark(self, month: str, what: str, value: object = True) -> None:
        self.content.setdefault(month, {})[what] = value
        self._state.put(self._key, json.dumps(self.content, indent=1))

    def done(self, month: str, what: str) -> bool:
        return what in self.content.get(month, {})

    def once(self, month: str, what: str, make: Callable[[], Any]) -> Any:
        """What was marked before; else it is made, and marked."""
        if not self.done(month, what):
            self.mark(month, what, make())
        return self.content[month][what]


def _by_release(alerts: list[Alert]) -> dict[str, list[str]]:
    """Release → names of its alerts."""
    return {release: sorted(a.name for a in alerts if a.release == release) for release in {a.release for a in alerts}}
