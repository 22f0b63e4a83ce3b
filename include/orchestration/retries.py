"""Which failure of a task is tried again: what may pass by itself is, what is an answer or a fault is not hidden."""

from errno import EDQUOT, ENOSPC
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from include.errors import MoebiusError

FULL = (ENOSPC, EDQUOT)
AWAY = frozenset(
    {
        "builtins.ConnectionError", "builtins.TimeoutError", "httpx.TransportError", "redis.exceptions.ConnectionError",
        "redis.exceptions.TimeoutError", "requests.exceptions.ConnectionError", "requests.exceptions.Timeout",
        "sqlalchemy.exc.OperationalError", "sqlite3.OperationalError",
    }
)  # fmt: skip
"""What clients raise whose server is away or whose database is locked; they are not imported to say so."""


class OnlyWhatMayPass(RetryPolicy):
    """A service that did not answer is asked again as often as the task's ``retries`` say, and so is a full disk; a
    fault in the code, ``faults`` times.

    An error that Moebius raises on purpose ends the task at once, unless it says that a retry may help. A task whose
    process was lost (killed, or its machine went down) raises nothing: Airflow runs it again without asking here.
    """

    def __init__(self, faults: int) -> None:
        self.faults = faults

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        if isinstance(exception, MoebiusError):
            return _again(exception.retryable)
        return _again(_may_pass(exception) or try_number <= self.faults)

    def serialize(self) -> dict[str, Any]:
        return {"faults": self.faults}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "OnlyWhatMayPass":
        return cls(**data)


def _may_pass(exception: BaseException) -> bool:
    if isinstance(exception, AirflowRuntimeError):
        return exception.error.error is ErrorType.API_SERVER_ERROR
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(exception).__mro__}
    return bool(AWAY & kinds) or getattr(exception, "errno", None) in FULL


def _again(wanted: bool) -> RetryDecision:
    return RetryDecision.default() if wanted else RetryDecision.fail()
