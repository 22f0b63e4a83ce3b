"""The tasks that run in a container of our own image: the same code, without network, on the mounted state."""

import os
from typing import TYPE_CHECKING

from airflow.providers.docker.operators.docker import DockerOperator
from docker.types import Mount

from include.settings import Settings
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # DAG files are parsed often
    from include.contracts.development import Remaining


def next_tasks(remaining: "Remaining", runtime: str) -> list[str]:
    """The tasks of `training` that an order needs before its registration; a container searches by itself."""
    if remaining == "registration":
        return ["register_candidate"]
    return ["search", "train_local"] if remaining == "search" and runtime == "local" else [f"train_{runtime}"]


def fit_in_container(task_id: str, spec: UseCase, settings: Settings, key: str) -> DockerOperator:
    """``include.processes.fit`` on the order ``key`` (a template), in the image of ``docker/training``."""
    datasets, training = str(settings.datasets), str(settings.training)
    return DockerOperator(
        task_id=task_id,
        image=settings.image,
        docker_url=settings.docker_url,
        command=[spec.name, key],
        environment={
            "MOEBIUS_HOME": str(settings.home),
            "MOEBIUS_ENVIRONMENT": settings.environment,
            "MOEBIUS_TRAIN_THREADS": str(settings.train_threads),
        },
        mounts=[Mount(datasets, datasets, type="bind", read_only=True), Mount(training, training, type="bind")],
        user=f"{os.getuid()}:{os.getgid()}",
        network_mode="none",
        mount_tmp_dir=False,
        auto_remove="success",
    )
