"""The embedded MLflow server: how it starts, who logs in, and what a login may do."""

from include.adapters.experiment_server.server import ADMIN, directory, mlflow_server

__all__ = ["ADMIN", "directory", "mlflow_server"]
