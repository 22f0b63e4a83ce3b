"""The longest first: with two workers the loop runs beside everything else, and both end together."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("numprocesses", None):
        items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
