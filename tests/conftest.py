"""The longest first: with two workers the loop runs beside everything else, and both end together."""

import os

import pytest
from hypothesis import settings

settings.register_profile("shared_machine", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("shared_machine")
# every state root of a test has this key, also one that `make up` did not make
os.environ.setdefault("MOEBIUS_APPROVAL_KEY", "a2V5IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZy4=")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("numprocesses", None):
        items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
