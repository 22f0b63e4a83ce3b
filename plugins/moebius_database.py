"""Puts the writing requests of Airflow's API server in a row, where its database is SQLite."""

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from include.orchestration.database import OneWriter

SQLITE = str(conf.get("database", "sql_alchemy_conn")).startswith("sqlite")


class MoebiusDatabase(AirflowPlugin):
    name = "moebius_database"
    fastapi_root_middlewares = (
        [{"middleware": OneWriter, "args": [], "kwargs": {}, "name": "one writer"}] if SQLITE else []
    )
