"""Model cards and releases that cost less than the fits of these tests: without pictures, and of few explained rows.

Whole cards are the subject of the tests in ``development/card``, what answers are attributed to of ``operations``.
"""

import pytest

from include.development import explanation
from include.development.card import documentation
from include.operations.drift import attribution


@pytest.fixture
def small_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the patch ends."""
    monkeypatch.setattr(documentation, "_pictures", lambda *given: {})
    for explained in (explanation, attribution):
        monkeypatch.setattr(explained, "MOST", explained.FEWEST)
    monkeypatch.setattr(explanation, "REPEATS", 2)
