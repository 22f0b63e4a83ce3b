"""Sources beside each other in DuckDB, when features of a stream are computed; and how often they are compiled."""

import operator
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.specification.part import Name
from include.streaming.features import EARLIER, NOW, StreamFeatures, _sql, _Unseen
from include.usecases.weather_forecast import features


@pytest.mark.parametrize("prefix", [NOW, EARLIER])
def test_no_source_is_called_as_the_rows_of_another_one_are(prefix: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(f"{prefix}weather")


@pytest.mark.parametrize(("usecase", "view", "looks"), [
    ("flight_delay", "airport_weather", True), ("weather_forecast", "recent_weather", False),
])  # fmt: skip
def test_what_does_not_look_at_the_period_is_compiled_once(usecase: str, view: str, looks: bool) -> None:
    assert (_sql(usecase, view, None) is None) == looks


@pytest.mark.parametrize(
    "look",
    [str, repr, bool, len, hash, iter, "{}".format, lambda p: p[:7], lambda p: p.month, lambda p: p == "2013-07",
     lambda p: p < "2013-07", lambda p: "2013" in p, lambda p: p in {"2013-07"}, lambda p: p in ["2013-07"],
     lambda p: isinstance(p, Period), Period, lambda p: "a" + p, lambda p: p + "a", lambda p: f"{p:>9}",
     operator.methodcaller("shift", 1), lambda p: "%s" % p],  # noqa: UP031
)  # fmt: skip
def test_whatever_looks_at_a_period_is_seen(look: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        look(_Unseen())


def test_a_build_that_looks_at_the_period_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, build = [], features.build

    def looking(tables: Any, period: Period, history: Any = None) -> Any:
        seen.append(str(period))
        return build(tables, period, history)

    monkeypatch.setattr(features, "build", looking)
    _sql.cache_clear()
    computed = StreamFeatures(load_usecase("weather_forecast"), "recent_weather")
    for period in (Period("2013-05"), Period("2013-06")):
        computed.rows(period, [], [])
    _sql.cache_clear()
    assert seen == ["2013-05", "2013-06"]
