"""How the demo treats a question of a task that waits."""

from types import SimpleNamespace
from typing import Any

from include.demo.scenario import Scenario


class Asked:
    def __init__(self) -> None:
        self.reads, self.answers = 0, 0

    def question(self, task: dict) -> dict:
        self.reads += 1
        return {"response_received": self.answers > 0}

    def answer(self, task: dict, option: str) -> None:
        self.answers += 1


def played(approve: str, times: int) -> tuple[Asked, list[str]]:
    """What the demo asks and says while a task waits."""
    airflow, notes = Asked(), list[str]()
    about: dict[str, Any] = {"airflow": airflow, "script": SimpleNamespace(approve=approve), "_asked": set()}
    about["services"] = SimpleNamespace(settings=SimpleNamespace(airflow_url="http://here"))
    about["progress"] = SimpleNamespace(note=lambda text, **_: notes.append(text))
    scenario = Scenario.__new__(Scenario)
    vars(scenario).update(about)
    for _ in range(times):
        scenario._approve({"id": "1", "dag_id": "d", "dag_run_id": "r", "task_id": "approve"})
    return airflow, notes


def test_a_question_that_waits_for_a_person_is_read_once_since_each_read_is_an_entry_of_the_audit_log() -> None:
    airflow, notes = played("me", 1000)
    assert (airflow.reads, airflow.answers, len(notes)) == (1, 0, 1)


def test_the_demo_answers_by_itself_once() -> None:
    airflow, _ = played("auto", 3)
    assert airflow.answers == 1
