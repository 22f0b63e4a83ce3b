"""The tasks that run in a container of our own image: the same code, without network, on the mounted state."""

import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context

from include.settings import Settings
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # DAG files are parsed often
    from airflow.providers.docker.operators.docker import DockerOperator

    from include.contracts.development import Remaining


def next_tasks(remaining: "Remaining", runtime: str) -> list[str]:
    """The tasks of `training` that an order needs before its registration; a container searches by itself."""
    if remaining == "registration":
        return ["register_candidate"]
    return ["search", "train_local"] if remaining == "search" and runtime == "local" else [f"train_{runtime}"]


class ContainerFit(BaseOperator):
    """``include.processes.fit`` on the order ``key`` (a template), in the image of ``docker/training``.

    It becomes a DockerOperator when it runs: the Docker SDK takes longer to import than a DAG file to parse.
    """

    template_fields = ("key",)

    def __init__(self, *, spec: UseCase, settings: Settings, key: str, **options: Any) -> None:
        super().__init__(**options)
        self.key, self._usecase, self._settings = key, spec.name, settings
        self._running: DockerOperator | None = None

    def execute(self, context: Context) -> Any:
        from airflow.providers.docker.operators.docker import DockerOperator

        self._running = self.container()
        return DockerOperator.execute.__wrapped__(self._running, context)  # this task is the one that Airflow runs

    def on_kill(self) -> None:
        if self._running:
            self._running.on_kill()

    def container(self) -> "DockerOperator":
        """The operator that runs the container."""
        from airflow.providers.docker.operators.docker import DockerOperator
        from docker.types import Mount

        settings = self._settings
        datasets, training = str(settings.datasets), str(settings.training)
        return DockerOperator(
            task_id=self.task_id,
            image=settings.image,
            docker_url=settings.docker_url,
            command=[self._usecase, self.key],
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
