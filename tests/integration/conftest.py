"""Fixtures of the session: a file that imported one would get another of its own."""

from tests.integration.mlflow_fixtures import mlflow, tracking_server

__all__ = ["mlflow", "tracking_server"]
