"""Model cards that cost less than the fits of these tests: without pictures, and of few explained rows.

Whole cards are the subject of the tests in ``development/card``.
"""

import pytest

from include.development import explanation
from include.development.card import documentation


@pytest.fixture
def small_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the patch ends."""
    monkeypatch.setattr(documentation, "_pictures", lambda *given: {})
    monkeypatch.setattr(explanation, "MOST", explanation.FEWEST)
    monkeypatch.setattr(explanation, "REPEATS", 2)
