"""Whether a retrain is due by the policy of a use case, ``retrain.every``, whatever figures and alerts say."""

from collections.abc import Sequence

from include.contracts.operations import RetrainPlan
from include.contracts.period import Period
from include.specification.usecase import UseCase


def due(spec: UseCase, newest: Period, tested: Sequence[Period], plans: Sequence[RetrainPlan]) -> str:
    """Why a retrain is due when ``newest`` is the newest monitored period; '' when none is, or nothing serves yet.

    ``tested``: the periods of the test set that the serving release was released with. ``plans``: the retrains that
    were decided, whatever came of them: a refused candidate is not trained again before the time has come.
    """
    every, calendar = spec.retrain.every, spec.calendar
    if every is None or not tested:
        return ""
    since = max([*tested, *(plan.test_to for plan in plans if plan.test_to)])
    if calendar.end(newest) < every.after(calendar.end(since), calendar.timezone):
        return ""
    return f"by policy a retrain is due every {every}; the newest {calendar.every} that was tested on is {since}"
