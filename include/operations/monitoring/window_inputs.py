"""What the figures of a release in a window are measured from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from include.contracts.evaluation import PartGain
from include.contracts.operations import BinnedCounts, BlockLoss, CalibrationBin, Figure, SliceFigure
from include.contracts.period import Period
from include.operations.monitoring.large_windows import InFiles
from include.operations.windows.window import Answering, Reference, forget


@dataclass(frozen=True)
class WindowInputs:
    """The answers of a window that ends with ``period``, and what is known about them.

    Attributes
    ----------
    predictions : logged rows of the window: request_id, logged_at, release, latency_ms, the event id, the feature
        columns, and what the task's answers are: ``probability``, ``prediction`` or ``scores`` (lists of K numbers);
        rows of other releases are left out. With the column ``unavailable``, rows above 0 (the online store could not
        be asked) are counted, and judged neither for drift nor for skew nor for quality: they say nothing about
        features or model
    events : event id and label of what has become known, with the time of the event and of the label where they are
        told; of a clustering, event ids are enough
    rescored : scores (n,) or (n, K) of other releases on the same rows, one per row of ``predictions``
    history : earlier figures, for ``breached_windows``
    offline : event id and features as the offline store has them, for ``feature_skew``
    as_of : the moment of the look (now by default): labels that are due later are not missing
    published : the end of the newest published period: nor are those of events whose truth may be in a later one
    stated : the gain by part that the verdict stated over other releases, for ``gain_outside_spread``
    keep_slices : is given the figures by slice; without, no slices are measured
    keep_bins : is given what pages draw of the window: distributions by bin, and the calibration by bin
    past : losses by block that earlier windows kept, oldest first, for ``concept_drift``
    keep : takes those of this window
    model : that of the release, for ``attribution_drift``
    compared_with : what was asked in the window before, and in the one that ended a year earlier
    labelled : events of the last windows with their times, labels and times of labels, for ``label_maturity``
    files : the features of ``predictions``, which are without, where the window is large
    """

    predictions: pd.DataFrame
    events: pd.DataFrame
    period: Period
    rescored: Mapping[str, np.ndarray] = field(default_factory=dict)
    history: Sequence[Figure] = ()
    offline: pd.DataFrame | None = None
    as_of: datetime | None = None
    published: datetime | None = None
    seed: int = 0
    stated: Mapping[str, Sequence[PartGain]] = field(default_factory=dict)
    keep_slices: Callable[[list[SliceFigure]], None] | None = None
    keep_bins: Callable[[list[BinnedCounts], list[CalibrationBin]], None] | None = None
    past: Sequence[BlockLoss] = ()
    keep: Callable[[Sequence[BlockLoss]], None] = forget
    model: Answering | None = None
    compared_with: tuple[Reference | None, Reference | None] = (None, None)
    labelled: pd.DataFrame | None = None
    files: InFiles | None = None
