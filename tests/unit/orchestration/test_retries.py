"""What may pass is tried again, what is an answer or a fault is not hidden; a lost task is no failure of its own."""

import errno
import sqlite3
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
import redis
import requests
import sqlalchemy.exc
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from include.errors import ConflictError, DataError, GateRefusedError, ServiceError
from include.orchestration.dags import NO_RETRY, RETRY
from include.orchestration.retries import OnlyWhatMayPass


def of_airflow(kind: ErrorType) -> AirflowRuntimeError:
    return AirflowRuntimeError(SimpleNamespace(error=kind, detail={}))  # type: ignore[arg-type]


PASSES = [
    ServiceError("Redis does not answer"), ConflictError("another writer"), ConnectionResetError(), TimeoutError(),
    OSError(errno.ENOSPC, "no space left"), of_airflow(ErrorType.API_SERVER_ERROR), httpx.ConnectError("refused"),
    redis.ConnectionError(), sqlite3.OperationalError("database is locked"), requests.Timeout(),
    sqlalchemy.exc.OperationalError("select", {}, Exception("locked")),
]  # fmt: skip
ANSWERS = [GateRefusedError("too many nulls"), DataError("the column changed")]
FAULTS = [KeyError("x"), OSError(errno.EACCES, "no"), of_airflow(ErrorType.CONNECTION_NOT_FOUND)]


def tried_again(defaults: dict, exception: BaseException, number: int) -> bool:
    return defaults["retry_policy"].evaluate(exception, number, 6).action is not RetryAction.FAIL


@pytest.mark.parametrize("defaults", [RETRY, NO_RETRY], ids=["retry", "no_retry"])
def test_what_may_pass_is_tried_again_and_an_answer_is_not(defaults: dict) -> None:
    assert [tried_again(defaults, one, 5) for one in PASSES] == [True] * len(PASSES)
    assert [tried_again(defaults, one, 1) for one in ANSWERS] == [False] * len(ANSWERS)


def test_a_fault_in_the_code_is_tried_once_more_where_failure_is_no_answer() -> None:
    assert [[tried_again(RETRY, one, number) for number in (1, 2)] for one in FAULTS] == [[True, False]] * len(FAULTS)
    assert not any(tried_again(NO_RETRY, one, 1) for one in FAULTS)


def test_the_tries_outlast_a_service_that_is_away_for_a_minute() -> None:
    waits = [min(RETRY["retry_delay"] * 2.0**n, RETRY["max_retry_delay"]) for n in range(RETRY["retries"])]
    assert RETRY["retry_exponential_backoff"] == 2.0
    assert sum(waits, timedelta()) > timedelta(minutes=2)


def test_a_policy_survives_the_serialisation_of_a_dag() -> None:
    assert OnlyWhatMayPass.deserialize(OnlyWhatMayPass(faults=1).serialize()).faults == 1
