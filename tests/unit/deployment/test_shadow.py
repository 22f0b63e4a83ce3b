"""Copies for a release that never answers: compared and counted in the background, dropped when too many wait."""

import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.deployment.serving_code import served

SHADOW, ROUTER = served("shadow"), served("router")
BINARY = {"predicts": "class", "scores": "column", "threshold": 0.5, "classes": []}
VALUES = {"predicts": "value", "scores": "column", "threshold": None, "parity_bound": 0.1, "classes": []}


class Release:
    """Gives the field ``x`` plus 0.2 as its scores, when it may."""

    def __init__(self, facts: dict, free: threading.Event | None = None) -> None:
        self.name, self.manifest, self.asked, self._free = "r0002", facts, 0, free
        self.lacking: dict = {}

    def require(self, fields: dict) -> None:
        """Nothing may be missing of what is not there."""

    def predict(self, fields: dict) -> Any:
        if self._free:
            self._free.wait(10)
        self.asked += len(fields["x"])
        if (fields["x"] < 0).any():
            raise ValueError("negative")
        return SimpleNamespace(scores=fields["x"].reshape(-1, 1) + np.float32(0.2), lacking=self.lacking)


class Figures:
    def __init__(self) -> None:
        self.sums: Counter = Counter()

    def __call__(self, release: str, **figures: float) -> None:
        assert release == "r0002"
        self.sums.update(figures)


def copied(
    release: Release, scores: list[list[float]], share: float = 1.0, lacking: dict | None = None
) -> tuple[Figures, Any]:
    """What is counted after each batch of scores was offered and compared."""
    figures = Figures()
    shadow = SHADOW.Shadow(figures)
    for batch in scores:
        table = np.array(batch, dtype=np.float32).reshape(-1, 1)
        answered = SimpleNamespace(scores=table, lacking=lacking or {})
        shadow.offer(ROUTER.Shadowed(None, release, share), {"x": table[:, 0]}, release.manifest, answered)
    return figures, shadow


def test_copies_are_compared_with_what_the_champion_said() -> None:
    figures, shadow = copied(Release(BINARY), [[0.1, 0.4], [0.6]])
    shadow.stop()
    assert {name: figures.sums[name] for name in ("ok", "changed")} == {"ok": 3, "changed": 1}
    assert figures.sums["difference"] == pytest.approx(0.6)
    assert figures.sums["seconds"] > 0


def test_values_have_changed_when_they_differ_by_more_than_packaging_allows() -> None:
    for bound, changed in ((0.1, 2), (0.3, 0)):
        figures, shadow = copied(Release(VALUES | {"parity_bound": bound}), [[1.0, 5.0]])
        shadow.stop()
        assert figures.sums["changed"] == changed


def test_a_share_of_the_rows_is_copied() -> None:
    figures, shadow = copied(Release(BINARY), [[0.5] * 10_000], share=0.3)
    shadow.stop()
    assert figures.sums["ok"] == pytest.approx(3000, abs=300)


def test_a_shadow_that_fails_is_counted_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(SHADOW, "tell", told.append)
    figures, shadow = copied(Release(BINARY), [[-1.0, 0.5], [-1.0], [0.5]])
    shadow.stop()
    assert (figures.sums["error"], figures.sums["ok"]) == (3, 1)
    assert ["shadow r0002 fails, told once: ValueError" in words for words in told] == [True]


@pytest.mark.parametrize("of", ["champion", "shadow"])
def test_answers_without_a_lookup_compare_nothing(of: str) -> None:
    release, away = Release(BINARY), {"weather": ["unavailable", None]}
    release.lacking = away if of == "shadow" else {}
    figures, shadow = copied(release, [[0.1, 0.4]], lacking=away if of == "champion" else {"weather": ["stale", None]})
    shadow.stop()
    assert figures.sums == {"dropped": 2}


def test_a_slow_shadow_never_holds_up_and_what_does_not_fit_is_dropped() -> None:
    free = threading.Event()
    release = Release(BINARY, free)
    figures, shadow = copied(release, [[0.5, 0.5]] * (SHADOW.WAITING + 20))  # ends though nothing was compared
    assert release.asked == 0
    assert figures.sums["dropped"] in (2 * 19, 2 * 20)
    free.set()
    shadow.stop()
    assert figures.sums["ok"] + figures.sums["dropped"] == 2 * (SHADOW.WAITING + 20)
