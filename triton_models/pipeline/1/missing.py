"""Policy for missing features, by view: the model's own treatment, an error, or a constant answer."""

from collections import Counter

import numpy as np

REJECT, FALL_BACK = "reject", "fall_back"  # what a view may declare besides "default"
UNAVAILABLE = "unavailable"
"""Why a row lacks a view that could not be looked up: whether the online store has it is not known."""


def not_asked(lacking: dict) -> bool:
    """Whether a row lacks a view only because the online store could not be asked."""
    return any(UNAVAILABLE in reasons for reasons in lacking.values())


class LackingFeaturesError(ValueError):
    """Rows lack features that they must not be answered without; ``lacking`` {view: reason or None per row}."""

    def __init__(self, release: str, lacking: dict) -> None:
        self.release, self.lacking = release, lacking
        counts = {view: dict(Counter(filter(None, reasons))) for view, reasons in lacking.items()}
        self.unavailable = not_asked(lacking)
        what = "could not be looked up" if self.unavailable else "are not in the online store"
        again = "; ask again" if self.unavailable else ""
        super().__init__(f"features that release {release} needs {what}, rows by view: {counts}{again}")


class MissingPolicy:
    """``manifest``: a release's; ``when_missing`` of its views, ``fallback_scores`` [m].

    Raises ValueError when a view falls back and the release has no such scores.
    """

    def __init__(self, release: str, manifest: dict) -> None:
        self._release = release
        declared = {view: facts.get("when_missing", "default") for view, facts in manifest["views"].items()}
        self._rejecting = {view for view, policy in declared.items() if policy == REJECT}
        self._falling_back = {view for view, policy in declared.items() if policy == FALL_BACK}
        scores = manifest.get("fallback_scores")
        if self._falling_back and (scores is None or len(scores) != manifest["scores_per_row"]):
            raise ValueError(f"release {release} falls back without {manifest['scores_per_row']} fallback_scores")
        self._scores = None if scores is None else np.array(scores, dtype=np.float64)

    def refuse(self, lacking: dict) -> None:
        """Raises LackingFeaturesError when a row lacks a view that it must have."""
        if self._rejecting.intersection(lacking):
            raise LackingFeaturesError(self._release, lacking)

    def apply(self, scores, lacking: dict) -> tuple:
        """Scores [N, m] with the constant where a view lacks that falls back, and which rows [N] those are, or None."""
        reasons = [lacking[view] for view in self._falling_back.intersection(lacking)]
        if not reasons:
            return scores, None
        rows = np.array([any(row) for row in zip(*reasons, strict=True)])
        return np.where(rows[:, None], np.asarray(self._scores, dtype=scores.dtype), scores), rows
