"""The tasks of a rollout, by the spec's strategy; the deployment DAG joins them.

Every task but a breach is repeated when it dies, and goes on where the rollout state stands: what is deliberate (a
breach, an abort) is not retryable, so ``step`` ends it at once.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue, task
from airflow.task.trigger_rule import TriggerRule

from include.orchestration.dags import deliberate, run_key, step, triggered_by
from include.specification.usecase import UseCase

MARGIN = timedelta(hours=1)


class ABTestSensor(BaseSensorOperator):
    """Looks at the test every ``look_seconds`` and holds no worker in between; its result is the read-out."""

    def __init__(self, *, spec: UseCase, **options: Any) -> None:
        limits = spec.rollout.ab_test
        timeout = (timedelta(hours=limits.max_hours) + MARGIN).total_seconds()
        super().__init__(mode="reschedule", poke_interval=limits.look_seconds, timeout=timeout, **options)
        self.spec = spec

    def poke(self, context: Context) -> PokeReturnValue:
        from include.loop.rollout import look_at_ab_test
        from include.services.composition import services

        release = context["ti"].xcom_pull(task_ids="package")["name"]
        found = deliberate(look_at_ab_test)(self.spec, services(), release, run_key(), triggered_by())
        return PokeReturnValue(is_done=found is not None, xcom_value=found and found.json_dict())


class RolloutTasks:
    """Makes the tasks; ``release`` is the output of the task that packages."""

    def __init__(self, spec: UseCase, release: Any) -> None:
        self.spec, self.release = spec, release

    def shifts_and_judges(self, opens: bool) -> list[Any]:
        """Shift and judge of every share, in order; ``opens``: the first begins the rollout."""
        shares = enumerate(self.spec.rollout.shares)
        return [one for at, share in shares for one in self._shift_and_judge(share, opens and at == 0)]

    def _shift_and_judge(self, share: float, first: bool) -> list[Any]:
        """``shift_<percent>`` and ``judge_<percent>``; only the ``first`` of a run begins a rollout."""
        spec, percent = self.spec, f"{share:.0%}".removesuffix("%")

        @step(task_id=f"shift_{percent}")
        def shift(release: dict[str, Any]) -> int:
            from include.loop.rollout import shift_traffic
            from include.services.composition import services

            return shift_traffic(spec, services(), release["name"], share, run_key(), triggered_by(), opens=first)

        @step(task_id=f"judge_{percent}")
        def judge(release: dict[str, Any]) -> dict[str, Any]:
            from include.loop.rollout import judge_rollout
            from include.services.composition import services

            return judge_rollout(spec, services(), release["name"], share, run_key(), triggered_by()).json_dict()

        return [shift(self.release), judge(self.release)]

    def look_before_traffic(self) -> tuple[list[Any], Any]:
        """What comes before a release gets all of the traffic, and the task that ends the rollout after it."""
        if self.spec.rollout.strategy == "shadow":
            return self._shadow()
        return self._ab_test() if self.spec.rollout.strategy == "ab_test" else ([], None)

    def _shadow(self) -> tuple[list[Any], Any]:
        spec = self.spec

        @step()
        def start_shadow(release: dict[str, Any]) -> int:
            from include.loop.rollout import mirror_traffic
            from include.services.composition import services

            return mirror_traffic(spec, services(), release["name"], run_key(), triggered_by())

        @step()
        def judge_shadow(release: dict[str, Any]) -> dict[str, Any]:
            from include.loop.rollout import judge_rollout
            from include.services.composition import services

            return judge_rollout(spec, services(), release["name"], 0.0, run_key(), triggered_by()).json_dict()

        judged = judge_shadow(self.release)
        if spec.rollout.shares:
            return [start_shadow(self.release), judged], None
        return [start_shadow(self.release), judged], self._keep(judged)

    def _ab_test(self) -> tuple[list[Any], Any]:
        spec, limits = self.spec, self.spec.rollout.ab_test
        going = f"shift_{spec.rollout.shares[0]:.0%}".removesuffix("%")

        @step(task_id="start_ab_test")
        def start(release: dict[str, Any]) -> int:
            from include.loop.rollout import shift_traffic
            from include.services.composition import services

            return shift_traffic(spec, services(), release["name"], limits.share, run_key(), triggered_by())

        @task.branch(task_id="decide_ab_test")
        def decide(read_out: dict[str, Any]) -> str:
            return going if read_out["decision"] == "promote" else "keep_champion"

        looked = ABTestSensor(task_id="watch_ab_test", spec=spec)
        told: Any = looked.output
        decided, kept = decide(told), self._keep(told)
        decided >> kept
        return [start(self.release), looked, decided], kept

    def _keep(self, judged: Any) -> Any:
        spec = self.spec

        @step()
        def keep_champion(read_out: dict[str, Any]) -> str:
            from include.loop.rollout import keep_champion
            from include.services.composition import services

            return keep_champion(spec, services(), read_out["reason"], run_key(), triggered_by())

        return keep_champion(judged)

    def promote(self) -> Any:
        spec = self.spec

        @step(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        def promote(release: dict[str, Any]) -> None:
            from include.loop.rollout import promote
            from include.services.composition import services

            promote(spec, services(), release["name"], run_key(), triggered_by())

        return promote(self.release)

    def roll_back(self) -> Any:
        spec = self.spec

        @step(trigger_rule=TriggerRule.ONE_FAILED)
        def roll_back() -> str:
            from include.loop.rollout import end_rollout
            from include.services.composition import services

            why = "a deployment task failed"
            return end_rollout(spec, services(), why, triggered_by(), "interrupted", rollout_id=run_key())

        return roll_back()
