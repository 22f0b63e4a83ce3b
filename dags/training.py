"""# Training

Builds a dataset (point-in-time join at pinned snapshots, split by time), tunes, trains, validates and
explains, and registers the result as a *candidate* with its model card.

**Runs** on a retrain plan, or by hand. Left empty, the form means: everything published so far, the newest
month as test set. The test set of the serving release never trains.

**When it fails**

| task | means | do |
|---|---|---|
| `build_dataset` | a month is missing, a part has too few rows or one class only, or a leakage check refused | publish the month first, or choose another window |
| `train_local`, `train_docker` | the fit failed, or MLflow does not answer | MLflow: `make status`; Docker: does the image of `MOEBIUS_IMAGE` exist? |

A repeated run with the same dataset and parameters finds its model registered and does not train again.
"""

import os

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import Param, chain, task
from airflow.task.trigger_rule import TriggerRule
from docker.types import Mount

from include.orchestration import assets
from include.orchestration.dags import MONTH, emit, moebius_dag, step, text_param, triggering_extra, usecases
from include.settings import load_settings
from include.usecase import UseCase


def form(spec: UseCase) -> dict[str, Param]:
    return {
        "train_from": text_param(None, "Train from", "First month to train on; empty: the first published.", MONTH),
        "train_to": text_param(
            None, "Train to", "Last month to train on; empty: the month before the test month.", MONTH
        ),
        "test_period": text_param(None, "Test month", "Held out to evaluate; empty: the newest published.", MONTH),
        "trials": Param(
            spec.trainer.tuning.trials,
            type="integer",
            minimum=0,
            maximum=500,
            title="Tuning trials",
            description="Optuna trials on the validation part; 0 keeps the parameters of the spec.",
        ),
        "task_runtime": Param(
            "local",
            enum=["local", "docker"],
            title="Where the fit runs",
            description="local: in the Airflow worker; docker: in the image of docker/training, same code, same model.",
        ),
    }


def build(spec: UseCase) -> None:
    candidate, plan = assets.candidate(spec.name), assets.retrain_plan(spec.name)
    settings = load_settings()

    @step()
    def build_dataset(params: dict | None = None) -> dict:
        from include.loop.training import dataset_for
        from include.services import services

        wanted = {**(params or {}), **triggering_extra(plan.name)}
        window = {key: wanted.get(key) for key in ("train_from", "train_to", "test_period")}
        return dataset_for(spec, services(), **window).json_dict()

    @task.branch
    def choose_runtime(params: dict | None = None) -> str:
        return f"train_{(params or {})['task_runtime']}"

    @step()
    def train_local(dataset: dict, params: dict | None = None) -> dict:
        from include.training_task import train

        return train(dataset, trials=(params or {})["trials"]).json_dict()

    train_docker = DockerOperator(
        task_id="train_docker",
        image=settings.image,
        docker_url=settings.docker_url,
        command="train '{{ ti.xcom_pull(task_ids=\"build_dataset\") | tojson }}' --trials {{ params.trials }}",
        environment={"MOEBIUS_HOME": str(settings.home), "MOEBIUS_MLFLOW_PORT": str(settings.mlflow_port)},
        mounts=[Mount(str(settings.datasets), str(settings.datasets), type="bind", read_only=True)],
        user=f"{os.getuid()}:{os.getgid()}",
        network_mode="host",
        mount_tmp_dir=False,
        auto_remove="success",
    )

    @step(outlets=[candidate], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def register_candidate(ti: object = None) -> dict:
        from include.loop.training import registered

        model = registered(ti.xcom_pull(task_ids=["train_local", "train_docker"]))  # type: ignore[attr-defined]
        emit(candidate, version=model.version)
        return model.json_dict()

    dataset = build_dataset()
    chain(dataset, choose_runtime(), [train_local(dataset), train_docker], register_candidate())


for usecase in usecases():
    with moebius_dag(
        usecase,
        __file__,
        arc="ml",
        component="model-development",
        doc=__doc__,
        schedule=[assets.retrain_plan(usecase.name)],
        params=form(usecase),
        render_template_as_native_obj=False,
    ):
        build(usecase)
