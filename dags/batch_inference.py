"""# Batch inference

Scores every event of a period with the serving release, directly in ONNX Runtime. The offline store provides the
features as they were known at the time of each event. The release provides pre-processing, post-processing and the
policy for missing features. The answers are in the lake table `batch_predictions`, by period and release.

**Runs** when the features of a period are published, or by hand with a period and optionally another release. If a period
is scored again, one commit replaces the answers of that release. A killed run leaves the previous answers.

**When it fails**

| task | cause | do |
|---|---|---|
| `score_partition`, skipped | no release serves yet | deploy a release, then run the period by hand |
| `score_partition` with `NotFoundError` | the period is not published, or the release does not exist | choose one of those that the message lists |
| `score_partition` with `DeploymentError` | a file of the release was changed | roll back to another release |
| `score_partition` with `DataError` | the period lacks a column of the release, or is older than the retention (of a range such periods are left out, and the log names them) | publish the period again, or choose a later period |
"""

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration import assets
from include.orchestration.dags import (
    dag_family,
    emit_periods,
    form,
    on_period,
    periods_param,
    release_param,
    run_periods,
)
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    predictions = assets.predictions(spec.name)

    @step(spec, "batch_inference.score_partitions", inlets=[assets.serving(spec.name)], outlets=[predictions])
    def score_partition(call: Call) -> dict[str, dict[str, int | str]]:
        if (counts := call(*run_periods(), wanted=form()["release"])) is None:
            raise AirflowSkipException(
                f"{spec.name} has no serving release, so nothing can be scored; deploy a release first"
            )
        emit_periods(predictions, list(counts))
        return {str(period): of for period, of in counts.items()}

    score_partition()


def fields(spec: UseCase) -> dict[str, Param]:
    return {"period": periods_param(spec), "release": release_param()}


dag_family(build, arc="ops", component="deployment", schedule=on_period(assets.features), params=fields)
