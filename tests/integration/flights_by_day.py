"""The real flights with days as periods: a run of a range, in this process or in one of its own that can be killed."""

import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from include.contracts.period import Period
from include.loop import data_pipeline
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.privacy_fixtures import KEYS


def by_day(**changes: Any) -> UseCase:
    """The use case of the flights, by days of New York; on the last day of 2013 there is no weather."""
    spec = load_usecase("flight_delay")
    daily = {"every": "day", "first": Period("2013-01-01"), "last": Period("2013-12-30"), "schedule": "0 6 * * *"}
    return spec.model_copy(update={"periods": spec.periods.model_copy(update=daily), **changes})


def services_in(home: Path) -> Services:
    return Services(Settings(home=home, pseudonym_keys=SecretStr(KEYS)))


def run_range(
    spec: UseCase, services: Services, text: str, run: str, *, scheduled: bool = False, online: bool = True
) -> list[Period]:
    """The tasks of one pipeline run, one after the other; the periods that it announces."""
    periods = Period.ranged(text)
    at: Any = (spec, services, periods[-1], run)
    data_pipeline.catch_up(spec, services, periods, run, scheduled=scheduled)
    data_pipeline.collect(*at)
    data_pipeline.gate(*at, "raw")
    data_pipeline.build_features(*at)
    data_pipeline.gate(*at, "features")
    data_pipeline.publish(*at)
    if online:
        data_pipeline.materialize(*at)
    return data_pipeline.announce_all(*at)


if __name__ == "__main__":
    run_range(by_day(), services_in(Path(sys.argv[1])), sys.argv[2], sys.argv[3], online=False)
