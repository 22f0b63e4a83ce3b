"""The tasks of a rollout, by the spec's strategy; the deployment DAG joins them.

Airflow repeats a task that dies, and the task continues from the rollout state. A breach and an abort are deliberate
and not retryable, so ``step`` fails the task at once.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue, task
from airflow.task.trigger_rule import TriggerRule

from include.orchestration.dags import run_key, triggered_by
from include.orchestration.steps import Call, bound, deliberate, step
from include.specification.usecase import UseCase

MARGIN = timedelta(hours=1)


SHIFT, JUDGE = "shift_{}", "judge_{}"
"""Tasks that give the release a share and judge it, by the number of the share (from 1) in ``rollout.shares``."""
FIRST_SHIFT = SHIFT.format(1)
FIRST_TASK = {"promotion": "promote", "shadow": "start_shadow", "ab_test": "start_ab_test", "shift": FIRST_SHIFT}
"""The task that a rollout begins with, by what ``loop.rollout.opening`` says."""


class ABTestSensor(BaseSensorOperator):
    """Looks at the test every ``look_seconds`` and holds no worker in between; its result is the read-out."""

    def __init__(self, *, spec: UseCase, **options: Any) -> None:
        limits = spec.rollout.ab_test
        timeout = (timedelta(hours=limits.max_hours) + MARGIN).total_seconds()
        super().__init__(mode="reschedule", poke_interval=limits.look_seconds, timeout=timeout, **options)
        self.spec = spec

    def poke(self, context: Context) -> PokeReturnValue:
        look = deliberate(bound(self.spec, "rollout.look_at_ab_test"))
        read_out = look(context["ti"].xcom_pull(task_ids="package")["name"], run_key(), triggered_by())
        return PokeReturnValue(is_done=read_out is not None, xcom_value=read_out and read_out.json_dict())


class RolloutTasks:
    """Makes the tasks; ``release`` is the output of the task that packages."""

    def __init__(self, spec: UseCase, release: Any) -> None:
        self.spec, self.release = spec, release

    def shifts_and_judges(self, opens: bool) -> list[Any]:
        """Shift and judge of every share, in order; ``opens``: the first begins the rollout."""
        shares = enumerate(self.spec.rollout.shares, start=1)
        return [task for number, share in shares for task in self._shift_and_judge(number, share, opens)]

    def _shift_and_judge(self, number: int, share: float, opens: bool) -> list[Any]:
        """The tasks of one step; the pages of Airflow show its share. Only the first step can begin a rollout."""
        spec, shown = self.spec, f"{100 * share:g} %"

        @step(spec, "rollout.shift_traffic", task_id=SHIFT.format(number), task_display_name=f"shift to {shown}")
        def shift(call: Call, release: dict[str, Any]) -> int:
            return call(release["name"], share, run_key(), triggered_by(), opens=opens and number == 1)

        @step(spec, "rollout.judge_rollout", task_id=JUDGE.format(number), task_display_name=f"judge at {shown}")
        def judge(call: Call, release: dict[str, Any]) -> dict[str, Any]:
            return call(release["name"], share, run_key(), triggered_by())

        return [shift(self.release), judge(self.release)]

    def look_before_traffic(self) -> tuple[list[Any], Any]:
        """What comes before a release gets all of the traffic, and the task that ends the rollout after it."""
        if self.spec.rollout.strategy == "shadow":
            return self._shadow()
        return self._ab_test() if self.spec.rollout.strategy == "ab_test" else ([], None)

    def _shadow(self) -> tuple[list[Any], Any]:
        spec = self.spec

        @step(spec, "rollout.mirror_traffic")
        def start_shadow(call: Call, release: dict[str, Any]) -> int:
            return call(release["name"], run_key(), triggered_by())

        @step(spec, "rollout.judge_rollout")
        def judge_shadow(call: Call, release: dict[str, Any]) -> dict[str, Any]:
            return call(release["name"], 0.0, run_key(), triggered_by())

        judged = judge_shadow(self.release)
        return [start_shadow(self.release), judged], None if spec.rollout.shares else self._keep(judged)

    def _ab_test(self) -> tuple[list[Any], Any]:
        spec, share = self.spec, self.spec.rollout.ab_test.share

        @step(spec, "rollout.shift_traffic", task_id="start_ab_test")
        def start(call: Call, release: dict[str, Any]) -> int:
            return call(release["name"], share, run_key(), triggered_by())

        @task.branch(task_id="decide_ab_test")
        def decide(read_out: dict[str, Any]) -> str:
            return FIRST_SHIFT if read_out["decision"] == "promote" else "keep_champion"

        watched = ABTestSensor(task_id="watch_ab_test", spec=spec)
        read_out: Any = watched.output
        decided, kept = decide(read_out), self._keep(read_out)
        decided >> kept
        return [start(self.release), watched, decided], kept

    def _keep(self, judged: Any) -> Any:
        @step(self.spec, "rollout.keep_champion")
        def keep_champion(call: Call, read_out: dict[str, Any]) -> str:
            return call(read_out["reason"], run_key(), triggered_by())

        return keep_champion(judged)

    def promote(self) -> Any:
        @step(self.spec, "rollout.promote", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        def promote(call: Call, release: dict[str, Any]) -> None:
            call(release["name"], run_key(), triggered_by())

        return promote(self.release)

    def roll_back(self) -> Any:
        @step(self.spec, "rollout.end_rollout", trigger_rule=TriggerRule.ONE_FAILED)
        def roll_back(call: Call) -> str:
            return call("a deployment task failed", triggered_by(), "interrupted", rollout_id=run_key())

        return roll_back()
