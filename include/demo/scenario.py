"""The scenario of the demo: periods of a year, from the first release until a retrained one was monitored."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import Any

from include.contracts.operations import Alert, RetrainPlan
from include.contracts.period import Period, in_run_name, range_text
from include.data import delivery
from include.demo.airflow_api import UNFINISHED, Airflow, RunFailedError, now
from include.demo.memory import Memory
from include.demo.pace import steps
from include.demo.progress import Progress
from include.demo.world import Traffic
from include.errors import ServiceError
from include.platform.patience import Patience
from include.services.composition import Services
from include.specification.usecase import UseCase

NIGHTLY = ("maintenance", "audit")
"""What the clock starts at night; the demo is over before that."""
FAMILIES = ("data_pipeline", "monitoring", "retrain_trigger", "training", "retrain_evaluation", "deployment", *NIGHTLY)
RETRAIN_DUE = "ask_for_retrain"
"""The task of monitoring that succeeds when the policy of the use case asks for a retrain."""
CANARY_SECONDS = 60
"""How long a rollout takes beside its bake times."""


@dataclass(frozen=True)
class Script:
    """How much of the year is played, and who approves.

    ``history``: runs of the data pipeline before the first training (None: as the rhythm is played). ``sample`` is
    requests per step; ``canary_rate`` the most requests per second while a rollout is judged. It ends when a retrained
    release was monitored, or after so many ``retrains`` that brought none.
    """

    usecase: str
    history: int | None = None
    sample: int = 4000
    canary_rate: float = 80.0
    approve: str = "demo"
    retrains: int = 4
    last: Period | None = None


def _periods(spec: UseCase, services: Services, last: Period) -> list[Period]:
    """The periods to play: in dev those that were handed over, without a gap; raises MissingPeriodError."""
    periods = Period.between(spec.periods.first, last)
    if services.settings.environment == "dev":
        landing = services.places.landing(spec)
        delivery.require_handed_over(spec, periods[0], landing)
        there = {*delivery.handed_over(spec, landing)}
        periods = list(takewhile(lambda period: period in there, periods))
    return periods


class Scenario:
    """Plays the loop through DAG runs and public interfaces; what is done already is not done again.

    It goes on by steps: a month, or several shorter periods that one run of each DAG is for (``pace``). A step is named
    by its range.

    A play that was interrupted at any moment goes on where it was: each step finds its own run by its range, by name or
    by the time when it began, requests go on behind the last answer, and what was seen or decided before counts.
    """

    def __init__(self, spec: UseCase, services: Services, airflow: Airflow, progress: Progress, script: Script) -> None:
        self.spec, self.services, self.airflow = spec, services, airflow
        self.progress, self.script = progress, script
        self.memory = Memory(services.adapters.state, f"demo/{spec.name}/progress.json")
        self._asked: set[str] = set()
        periods = _periods(spec, services, script.last or spec.periods.newest(now()))
        self.history, self.live = steps(spec.calendar, periods, script.history)

    def play(self) -> None:
        """Raises RunFailedError or ServiceError with what failed and where the log is."""
        self._play()
        with self.progress.stage("night", "what runs at night: costs are counted, the audit log is verified"):
            for family in NIGHTLY:
                self.airflow.wait(self.airflow.trigger(self._dag(family), run_id="demo__night"))

    def _play(self) -> None:
        for step in self.history:
            self.publish(step, then="the first training")
        self.first_release()
        for step in self.live:
            self.live_step(step)
            if self._retrained_and_monitored(step):
                return
            if (tried := len(self._retrains())) >= self.script.retrains:
                self.progress.note(f"{tried} retrains were judged, and none replaced the first release", style="yellow")
                return
        last = [*self.history, *self.live][-1][-1]
        self.progress.note(f"no retrained release was monitored by {last}", style="yellow")

    # -- stages
    def publish(self, step: list[Period], then: str) -> None:
        """What is published may still lack its online features; the end of its run says that it has all."""
        pipeline, key = self._dag("data_pipeline"), range_text(step)
        published = {*step} <= {*self.services.records.published(self.spec)}
        run = self.airflow.find(pipeline, partition=key)
        if published and (run is None or run["state"] == "success"):
            return
        with self.progress.stage("data pipeline", f"{key}: data pipeline", then):
            unfinished = run if run and run["state"] != "success" else None
            self.airflow.wait(unfinished or self.airflow.trigger(pipeline, partition_key=key))

    def first_release(self) -> None:
        if self.services.serving.rollout_state(self.spec) is not None:
            return
        begun = datetime.fromisoformat(self.memory.once("first", "begun", lambda: now().isoformat()))
        with self.progress.stage("training", "first training", "four comparisons (first release: no champion yet)"):
            training = self._dag("training")
            self.airflow.wait(self.airflow.find(training, after=begun) or self.airflow.trigger(training))
        self._evaluate_and_deploy(begun, None)
        if self.services.serving.rollout_state(self.spec) is None:
            refused = self.services.records.verdicts(self.spec, newest=1)[-1].reason
            raise ServiceError(
                f"nothing of {self.spec.name} serves, so there is nothing to send requests to: its first model was not "
                f"released ({refused}). Train and deploy one by {self._dag('training')}; then `make demo` continues"
            )

    def live_step(self, step: list[Period]) -> None:
        key = range_text(step)
        if self.memory.done(key, "closed"):
            return
        if self._asked_afterwards:
            self.publish(step, then="live traffic about all of it")
        self._send(step)
        self.publish(step, then="monitoring, when the truth has come")
        self._respond(step, self._monitor(step, by_hand=self._asked_afterwards))
        self.memory.mark(key, "closed")

    def _send(self, step: list[Period]) -> None:
        key = range_text(step)
        if self.memory.done(key, "traffic"):
            return
        traffic = self._begin_traffic(step)
        with self.progress.stage("live traffic", f"{key}: live traffic over gRPC", "its data pipeline"):
            traffic.rate = None
            self._show(traffic)
        self._close_traffic(key, traffic)

    def _monitor(self, step: list[Period], by_hand: bool) -> dict:
        """The run that the publication started, or one more by hand when the requests came only after that."""
        monitoring, key = self._dag("monitoring"), range_text(step)
        with self.progress.stage("monitoring", f"{key}: monitoring", "Prometheus scrapes, its rules decide"):
            if by_hand:
                run = self.airflow.trigger(monitoring, partition_key=key, run_id=f"demo__{in_run_name(key)}")
            else:
                run = self.airflow.wait_for(monitoring, partition=key)
            return self.airflow.wait(run)

    def _respond(self, step: list[Period], monitored: dict) -> None:
        key = range_text(step)
        with self.progress.stage("alerting", f"{key}: alerts"):
            by_release = self.memory.once(key, "alerts", lambda: _by_release(self._settled_alerts(step)))
            alerts = {(name, release) for release, names in by_release.items() for name in names}
            self.progress.status(", ".join(sorted({name for name, _ in alerts})) or "none")
        due = self._succeeded(monitored, RETRAIN_DUE)
        if not (alerts or due):
            return
        asks = "the policy asks for a retrain" if due else "the watcher starts retrain_trigger"
        with self.progress.stage(
            "retrain trigger", f"{key}: {asks}", "retrain or keep?" if due else "why did it decay?"
        ):
            decision = self._decision(step, alerts, monitored if due else None)
        decided = f"decision: {decision.decision}: {decision.cause}. {decision.action}"
        self.progress.note(decided, bold=decision.decision)
        if decision.decision == "retrain":
            self._retrain(decision.decided_at, step)

    def _retrain(self, decided: datetime, step: list[Period]) -> None:
        with self.progress.stage("training", f"{range_text(step)}: retraining by plan", "the four comparisons"):
            refused = self._refused(decided)
        if refused:
            self.progress.note(f"no candidate, the champion keeps serving: {refused}", style="yellow")
            return
        after = [one for one in self.live if one > step]
        ahead = after and not self._asked_afterwards
        self._evaluate_and_deploy(decided, after[0] if ahead else None)

    def _refused(self, begun: datetime) -> str:
        """Why the retrained model was not registered; '' when it was. It may fail a test of its behaviour."""
        run = self.airflow.wait_for(self._dag("training"), after=begun)
        try:
            self.airflow.wait(run)
        except RunFailedError as error:
            failed = [task["task_id"] for task in self.airflow.tasks(run) if task["state"] == "failed"]
            if failed != ["register_candidate"]:
                raise
            return str(error)
        return ""

    def _evaluate_and_deploy(self, begun: datetime, following: list[Period] | None) -> None:
        with self.progress.stage("evaluation", "the four comparisons", "deployment"):
            run = self._wait_for("retrain_evaluation", begun)
        verdict = self.services.records.verdicts(self.spec, newest=1)[-1]
        self.progress.note(f"verdict: {verdict.decision}: {verdict.reason}", bold=verdict.decision)
        if not self._succeeded(run, "hand_over"):
            self.progress.note("not handed over for deployment: the champion keeps serving")
            return
        with self.progress.stage("deployment", "deployment to Triton", "live traffic"):
            self._deploy_under_traffic(begun, following)

    def _deploy_under_traffic(self, begun: datetime, following: list[Period] | None) -> None:
        """While a canary is judged, the clients of the next step are already there."""
        if following is None:
            self._wait_for("deployment", begun)
            return
        key = range_text(following)
        if self.memory.done(key, "traffic"):
            self._wait_or_give_up(begun)
            return
        self._replace_abandoned_canary(begun)
        self._await_package(begun)
        traffic = self._begin_traffic(following)
        traffic.rate = self.script.canary_rate
        traffic.lasting = CANARY_SECONDS + len(self.spec.rollout.shares) * self.spec.rollout.bake_seconds
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
        self._close_traffic(key, traffic)

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
            self.airflow.trigger(deployment, {"version": version, "reason": "its canary had no traffic"})

    def _await_package(self, begun: datetime) -> None:
        """The clients of a canary come when its release is packaged: the refit before that takes its time."""
        run = self.airflow.wait_for(self._dag("deployment"), after=begun)
        while run["state"] in UNFINISHED and not self._succeeded(run, "package"):
            time.sleep(0.3)
            run = self.airflow.find(self._dag("deployment"), after=begun) or run

    # -- helpers
    def _wait_for(self, family: str, begun: datetime) -> dict:
        """Wait until the run that an asset event starts after ``begun`` ended well."""
        run = self.airflow.wait_for(self._dag(family), after=begun)
        return self.airflow.wait(run, on_question=self._approve)

    def _succeeded(self, run: dict, task: str) -> bool:
        """Whether the run has this task, and did not skip it."""
        return any(t["task_id"] == task and t["state"] == "success" for t in self.airflow.tasks(run))

    def _dag(self, family: str) -> str:
        return f"{self.spec.name}.{family}"

    @cached_property
    def _asked_afterwards(self) -> bool:
        """Whether requests are about a whole period, so that clients send them after its publication."""
        first = self.history[0][0]
        return Traffic(self.spec, self.services, [first], self.script.sample).begins >= self.spec.calendar.end(first)

    def _begin_traffic(self, step: list[Period]) -> Traffic:
        """The requests of the step; of traffic that began before, those that are left."""
        key = range_text(step)
        begun = self.memory.content.get(key, {}).get("asked_since")
        since = datetime.fromisoformat(begun) if begun else None
        self.memory.once(key, "asked_since", lambda: now().isoformat())
        return Traffic(self.spec, self.services, step, self.script.sample, since)

    def _show(self, traffic: Traffic) -> None:
        sender = threading.Thread(target=traffic.run, daemon=True)
        sender.start()
        while sender.is_alive():
            sender.join(0.3)
            self.progress.status(f"{traffic.sent}/{traffic.total} requests, {traffic.failed} failed")

    def _close_traffic(self, key: str, traffic: Traffic) -> None:
        if traffic.sent < traffic.total or not traffic.total:
            raise ServiceError(f"live traffic of {key} stopped after {traffic.sent} of {traffic.total} requests")
        if traffic.failed > traffic.total * 0.01:
            raise ServiceError(f"{traffic.failed} of {traffic.total} requests of {key} failed; see `make status`")
        figures = {"sent": traffic.sent, "failed": traffic.failed, "seconds": round(traffic.seconds, 1)}
        self.memory.mark(key, "traffic", {**figures, "answers": traffic.answers})

    def _settled_alerts(self, step: Sequence[Period]) -> list[Alert]:
        """Alerts once Prometheus has scraped the newest figures and evaluated its rules on them."""
        server, end = self.services.adapters.metrics_server, self.spec.calendar.end(step[-1]).timestamp()
        shown = f'moebius_window_end_timestamp_seconds{{usecase="{self.spec.name}",window="newest"}} == {end:.0f}'
        self._patiently(
            lambda: server.query(shown),
            f"Prometheus did not scrape the figures of {step[-1]}; see `make status`",
        )
        time.sleep(3 * self.services.settings.scrape_seconds)
        fired = self._patiently(
            lambda: [server.alerts(self.spec.name)], "Prometheus does not answer; see `make status`"
        )
        return [alert for alert in fired[0] if alert.period in step]

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

    def _decision(
        self, step: list[Period], alerts: set[tuple[str, str]], asked: dict | None, seconds: float = 180
    ) -> RetrainPlan:
        """The strongest decision on this step, once every alert that fires was decided on, and what a run asked for."""
        patience = Patience(seconds)
        if asked:
            self.airflow.wait_for(self._dag("retrain_trigger"), after=datetime.fromisoformat(asked["run_after"]))
        while True:
            for run in self.airflow.unfinished([self._dag("retrain_trigger")]):
                self.airflow.wait(run)
            mine = [d for d in self.services.records.decisions(self.spec) if d.about(step)]
            if mine and alerts <= {(a.name, a.release) for d in mine for a in d.alerts}:
                return next((d for d in mine if d.decision == "retrain"), mine[-1])
            if patience.fault():
                missing = f"no decision on {sorted(alerts) or 'a retrain that is due'} in {range_text(step)}"
                raise ServiceError(f"{self._dag('retrain_trigger')} recorded {missing}: is it paused or failed?")
            time.sleep(0.5)

    def _approve(self, task: dict) -> None:
        """Answer the question of a task that waits, or say where; each read of a question is in the audit log."""
        if task["id"] in self._asked or self.airflow.question(task).get("response_received"):
            return
        if self.script.approve == "me":
            self._asked.add(task["id"])
            run = f"{self.services.settings.airflow_url}/dags/{task['dag_id']}/runs/{task['dag_run_id']}"
            page = f"{run}/tasks/{task['task_id']}"
            self.progress.note(f"waits for you: approve or reject at {page}", bold="waits for you")
            return
        self.airflow.answer(task, "Approve")
        answered = "required action 'approve': the demo answered Approve by REST, as an approver"
        self.progress.note(answered, bold="Approve")

    def _retrains(self) -> list[RetrainPlan]:
        """Decisions to retrain, each with its verdict by now."""
        return [plan for plan in self.services.records.decisions(self.spec) if plan.decision == "retrain"]

    def _retrained_and_monitored(self, step: list[Period]) -> bool:
        state = self.services.serving.rollout_state(self.spec)
        releases = self.services.adapters.releases.all(self.spec.name)
        if state is None or len(releases) < 2:
            return False
        about = {"periods": step, "release": state.champion, "name": self.spec.metrics.primary}
        return state.champion != releases[0].name and bool(self.services.records.figures(self.spec, **about))


def _by_release(alerts: list[Alert]) -> dict[str, list[str]]:
    """Release → names of its alerts."""
    return {release: sorted(a.name for a in alerts if a.release == release) for release in {a.release for a in alerts}}
