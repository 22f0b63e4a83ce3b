"""# Batch inference

Scores every event of a month with the release that serves, straight through ONNX Runtime: features as they were known
at each event's time from the offline store, the release's own pre- and post-processing, its policy for features that
are missing. The answers are in the lake's table `batch_predictions`, by month and release.

**Runs** when a month's features are published, or by hand with a month and, if you like, another release. A repetition
replaces the month's answers of that release in one step; a run that is killed leaves what was.

**When it fails**

| task | means | do |
|---|---|---|
| `score_partition`, skipped | nothing serves yet | deploy a release, run the month by hand |
| `score_partition` with `NotFoundError` | the month is not published, or there is no such release | the message names those that there are |
| `score_partition` with `DeploymentError` | a file of the release was changed | roll back to another release |
| `score_partition` with `DataError` | the month lacks a column of the release, or is older than what is kept | publish the month again; name a later one |
"""

from airflow.sdk import PartitionedAssetTimetable
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration import assets
from include.orchestration.dags import MONTH, emit_period, form, moebius_dag, run_period, text_param, usecases
from include.orchestration.steps import Call, step
from include.specification.usecase import UseCase


def build(spec: UseCase) -> None:
    predictions = assets.predictions(spec.name)

    @step(spec, "batch_inference.score_partition", inlets=[assets.serving(spec.name)], outlets=[predictions])
    def score_partition(call: Call) -> dict[str, int | str]:
        counts = call(run_period(), form()["release"])
        if counts is None:
            raise AirflowSkipException(f"{spec.name} has no release that serves: nothing to score with")
        emit_period(predictions)
        return counts

    score_partition()


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ops",
        component="deployment",
        doc=__doc__,
        schedule=PartitionedAssetTimetable(assets=assets.features(usecase.name)),
        params={
            "period": text_param(
                None, "Month", "The month of this run, like 2013-04; a partition key says the same.", MONTH
            ),
            "release": text_param(None, "Release", "Score with this one, like r0002; empty: the one that serves."),
        },
    ):
        build(usecase)
