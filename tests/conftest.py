"""The longest first: then the workers end together."""

import gc
import os
import sys

import pytest
from hypothesis import settings

settings.register_profile("shared_machine", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("shared_machine")
# every state root of a test has this key, also one that `make up` did not make
os.environ.setdefault("MOEBIUS_APPROVAL_KEY", "a2V5IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZy4=")


LONG = ("test_training_task.py",)
"""Files that take minutes beside the loop: one builds an image."""

gc.disable()  # what is imported and collected stays: no search for garbage while it grows


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000)  # a search after every 700 new objects takes a tenth of the time of the tests
    gc.enable()


def pytest_sessionfinish() -> None:
    if "include.ui.charts.drawing" in sys.modules:  # its process would be told as left behind
        sys.modules["include.ui.charts.drawing"].drawing.close()
    gc.unfreeze()  # else libraries take what lives until the end for a leak, and print it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several workers: each orders for itself, and alike
        items.sort(key=lambda item: (item.get_closest_marker("e2e") is None, item.path.name not in LONG))
