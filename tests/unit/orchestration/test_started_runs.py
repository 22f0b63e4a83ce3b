"""A task that starts a run of another DAG."""

import pytest
from airflow.sdk.exceptions import DagRunTriggerException

from include.orchestration.dags import start_run


def test_a_run_that_another_starts_has_no_logical_date() -> None:
    """A logical date after the DAG's ``end_date`` gives a run that succeeds at once, without any task."""
    with pytest.raises(DagRunTriggerException) as started:
        start_run("a.data_pipeline", "late__1", {"period": "2013-02"})
    wish = started.value
    assert (wish.trigger_dag_id, wish.dag_run_id, wish.conf) == ("a.data_pipeline", "late__1", {"period": "2013-02"})
    assert wish.logical_date is None
    assert wish.skip_when_already_exists
    assert not wish.wait_for_completion
