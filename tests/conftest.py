"""The longest first: with two workers the loop runs beside everything else, and both end together."""

import pytest
from hypothesis import settings

settings.register_profile("shared_machine", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("shared_machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("numprocesses", None):
        items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
