"""Lets Airflow's scheduler read the timetable of the data pipelines."""

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.timetable import PeriodTimetable


class MoebiusTimetables(AirflowPlugin):
    name = "moebius_timetables"
    timetables = [PeriodTimetable]  # noqa: RUF012 - Airflow's form
