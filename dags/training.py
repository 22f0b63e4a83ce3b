"""# Training

Builds a dataset (point-in-time join at pinned snapshots), searches parameters, fits a model, tests its behaviour,
explains it, and registers it as a *candidate* with a model card.

**Runs** on a retrain plan, or by hand. An empty form means: everything published so far, tested on the newest of it
(`split.test`). The test set of the serving release is never used to train. With `recalibrate` nothing is trained: the
serving model gets a new calibrator, from labelled rows that it never saw. `docs/guides/training.md` explains the fields.

**When it fails**

| task | cause | do |
|---|---|---|
| `build_dataset` | a period is missing, a retrain would see no new rows, a part has too few rows or only one class, a leakage check refused, or the fit cannot start from the champion, or nothing is left to recalibrate on | publish the period first, or choose another window; `start_from: scratch` |
| `build_dataset` | the input guard finds a fault in a test period (a faulty period that would train is left out, and the log says so) | repair the source and publish the period again, or accept it: `docs/guides/input_guard.md` |
| `search`, `train_local`, `train_docker` | the fit failed; for Docker, check that the image of `MOEBIUS_IMAGE` exists | correct the parameters; a killed task continues when you clear it |
| `register_candidate` | the model fails a behaviour test or is not better than the baseline, or MLflow does not answer | read the figures in the message; for MLflow, `make status` |

A repeated run with the same dataset and parameters finds its model registered and does not train again.
"""

from typing import Any

from airflow.sdk import Param, chain, task
from airflow.task.trigger_rule import TriggerRule

from include.orchestration import assets
from include.orchestration.containers import ContainerFit, next_tasks
from include.orchestration.dags import (
    choice,
    dag_family,
    emit,
    form,
    number,
    on,
    period_param,
    run_key,
    starters,
    triggered_by,
    triggering_extra,
    yes_or_no,
)
from include.orchestration.steps import Call, bound, step
from include.settings import load_settings
from include.specification.usecase import UseCase

KEY = "{{ ti.xcom_pull(task_ids='build_dataset', key='key') }}"
SAMPLERS, STARTS = ["tpe", "random", "grid"], ["scratch", "champion"]


def fields(spec: UseCase) -> dict[str, Param]:
    tuning, every = spec.trainer.tuning, spec.calendar.every
    return {
        "train_from": period_param(spec, "Train from", f"First {every} to train on; empty: as retrain.window says."),
        "train_to": period_param(spec, "Train to", f"Last {every} to train on; empty: the {every} before the test."),
        "test_from": period_param(spec, "Test from", f"First {every} held out to evaluate; empty: as split.test says."),
        "test_to": period_param(spec, "Test to", f"Last {every} held out; empty: the newest with most labels due."),
        "trials": number(tuning.trials, "Tuning trials", "Parameter sets to try, the spec's first; 0: none.", 0),
        "minutes": number(tuning.minutes, "Tuning minutes", "Time limit of the search; empty: none."),
        "sampler": choice(tuning.sampler, SAMPLERS, "Sampler", "How the next parameters are chosen; grid needs lists."),
        "start_from": choice(
            spec.trainer.start_from, STARTS, "Start from", "champion: from the serving model's weights."
        ),
        "recalibrate": yes_or_no(
            False,
            "Recalibrate only",
            "The serving model stays as it is; only its calibrator is fitted, on the rows from Train from to Train to.",
        ),
        "task_runtime": choice(
            "local", ["local", "docker"], "Where the fit runs", "docker: in the image of docker/training, same model."
        ),
    }


def build(spec: UseCase) -> None:
    candidate, plan = assets.candidate(spec.name), assets.retrain_plan(spec.name)

    @step(spec, "training.order", task.branch)
    def build_dataset(call: Call, ti: Any = None) -> list[str]:
        from include.contracts.development import TrainingRequest

        request = TrainingRequest.of(form(), triggering_extra(plan.name))
        ti.xcom_push(key="key", value=(key := call(request, starters())))
        return next_tasks(bound(spec, "training.remaining")(key), request.task_runtime)

    @step(spec, "training.search")
    def search(call: Call, worker: int, key: str) -> None:
        call(key)

    @step(spec, "training.fit", trigger_rule=TriggerRule.NONE_FAILED)
    def train_local(call: Call, key: str) -> dict:
        return call(key)

    train_docker = ContainerFit(task_id="train_docker", spec=spec, settings=load_settings(), key=KEY)

    @step(spec, "training.register", outlets=[candidate], trigger_rule=TriggerRule.NONE_FAILED)
    def register_candidate(call: Call, key: str) -> dict:
        model = call(key, by=triggered_by(), people=starters(), run=run_key())
        emit(candidate, version=model.version)
        return model

    ordered = build_dataset()
    searched = search.partial(key=KEY).expand(worker=list(range(spec.trainer.tuning.workers)))
    fitted = train_local(KEY)
    chain(ordered, searched, fitted)
    chain(ordered, [fitted, train_docker, registered := register_candidate(KEY)])
    chain([fitted, train_docker], registered)


dag_family(
    build, arc="ml", component="model-development", schedule=on(assets.retrain_plan), params=fields,
    render_template_as_native_obj=False,
)  # fmt: skip
