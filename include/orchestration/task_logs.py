"""Where the log page finds the logs of tasks: in the files of this host, so that no log server has to listen.

Airflow's own log servers listen on all addresses. Its handler asks them about a task that runs or waits; here the API
server reads the same files itself. Every process of Airflow imports this module before it logs.
"""

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.utils.log.file_task_handler import FileTaskHandler

from include.orchestration.full_disk_logs import leave_out

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance


class HostTaskLogs(FileTaskHandler):
    """Airflow's handler, without the log servers."""

    def _read_from_logs_server(self, ti: "TaskInstance", worker_log_rel_path: str) -> tuple[list[str], list[Any]]:
        """Names the missing file, where the files of this host have nothing yet."""
        file = Path(self.local_base, worker_log_rel_path)
        if any(file.parent.glob(f"{file.name}*")):
            return [], []
        return [f"{file} does not exist: the task has not written a log (yet), or its log was deleted"], []


leave_out()
CONFIG: dict[str, Any] = deepcopy(DEFAULT_LOGGING_CONFIG)
CONFIG["handlers"]["task"]["class"] = f"{__name__}.{HostTaskLogs.__name__}"
