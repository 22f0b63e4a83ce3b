"""What is measured of classes, numbers and clusters."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.errors import DataError
from include.evaluation import histograms
from include.evaluation.divergence import divergence
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from tests.unit.operations.task_worlds import CLASSES, PIXELS, Month, clustering, multiclass, regression

Found = dict[tuple[str, str], Figure]


def figures(month: Month, baseline: dict[str, Any], release: str = "r0001", **more: Any) -> Found:
    given = {"predictions": month.log, "events": month.events, "period": Period("2013-06")} | more
    found = measure(month.spec, "r0001", baseline, WindowInputs(**given))
    return {(f.name, f.subject): f for f in found if f.release == release}


def test_classes_have_metrics_calibration_and_shares_of_what_was_said_and_true() -> None:
    month = multiclass()
    found = figures(month, multiclass(seed=2).baseline(accuracy=0.9))
    right = (month.scores.argmax(axis=1) == month.events["late"].astype(int)).mean()
    assert found["accuracy", ""].value == pytest.approx(right)
    assert found["performance_loss", ""].value == pytest.approx(0.9 - right)
    assert found["breached", ""].value == 0
    assert {("roc_auc_ovr", ""), ("log_loss", ""), ("calibration_error", "")} <= found.keys()
    for name in ("label_share", "prediction_share"):
        assert sum(found[name, c].value for c in CLASSES) == pytest.approx(1)
    assert found["prediction_mean", ""].value == pytest.approx(month.scores.max(axis=1).mean())
    assert ("label_rate", "") not in found


def test_lost_accuracy_is_a_breach() -> None:
    found = figures(multiclass(skill=0.6), multiclass(seed=2).baseline(accuracy=0.9))
    assert found["breached", ""].value == found["breached_windows", ""].value == 1


def test_a_rare_class_takes_the_ranking_metrics_only() -> None:
    month = multiclass()
    most = month.events[month.events["late"] != "2"]
    found = figures(replace(month, events=pd.concat([most, month.events[month.events["late"] == "2"].head(3)])),
                    multiclass(seed=2).baseline(accuracy=0.9))  # fmt: skip
    assert ("accuracy", "") in found
    assert ("roc_auc_ovr", "") not in found


def test_drift_of_a_tensor_is_one_feature_with_its_mean_and_its_worst_column() -> None:
    described = multiclass(seed=2).baseline()
    calm, moved = figures(multiclass(), described), figures(multiclass(shift=3.0), described)
    assert calm["drifted_features", ""].value == 0
    assert moved["drifted_features", ""].value == 1
    assert moved["psi", "pixels"].value > 0.25 > calm["psi_max", "pixels"].value
    assert moved["psi_max", "pixels"].value >= moved["psi", "pixels"].value
    assert not [key for key in moved if key[1] in PIXELS]
    assert ("psi_max", "x") not in moved


def test_one_dead_pixel_shows_in_the_worst_column_and_is_no_drifted_image() -> None:
    month = multiclass()
    one = figures(replace(month, log=month.log.assign(pixels_00=9.0)), multiclass(seed=2, n=3000).baseline())
    assert one["psi_max", "pixels"].value > 4 * one["missing", "pixels"].value
    assert one["psi_max", "pixels"].value > 2 * one["psi", "pixels"].value


def test_skew_of_a_tensor_counts_a_row_once() -> None:
    month = multiclass()
    stored = month.log[["flight_id", *PIXELS]].copy()
    stored.loc[:29, PIXELS] += 1.0
    found = figures(month, multiclass(seed=2).baseline(), offline=stored)
    assert found["feature_skew", "pixels"].value == pytest.approx(0.1)
    assert ("feature_skew", "x") not in found


def test_numbers_are_judged_in_their_unit_and_less_error_is_better() -> None:
    described = regression(seed=2).baseline(mae=1.0)
    good, bad = figures(regression(), described), figures(regression(noise=2.0), described)
    assert good["mae", ""].value == pytest.approx(1)
    assert good["performance_loss", ""].value == pytest.approx(0, abs=1e-9)
    assert bad["performance_loss", ""].value == pytest.approx(1)
    assert (good["breached", ""].value, bad["breached", ""].value) == (0, 1)
    assert good["label_mean", ""].value == pytest.approx(10, abs=0.5)
    assert good["label_std", ""].value == pytest.approx(3, abs=0.5)
    assert not {("calibration_error", ""), ("label_rate", ""), ("prediction_share", "0")} & good.keys()


def test_predicted_numbers_drift_against_the_bins_of_the_baseline() -> None:
    described = regression(seed=2, n=3000).baseline()
    assert len(described["prediction"]["edges"]) == 9
    assert figures(regression(n=1000), described)["prediction_psi", ""].value < 0.1
    assert figures(regression(n=1000, rise=5.0), described)["prediction_psi", ""].value > 0.25


def test_clusters_are_judged_without_labels_on_all_served_rows() -> None:
    described = clustering(seed=2).baseline(silhouette=0.85)
    good, blurred = figures(clustering(), described), figures(clustering(spread=3.0), described)
    assert good["silhouette", ""].n == 300
    assert good["breached", ""].value == 0
    assert blurred["breached", ""].value == 1
    assert not {("labelled", ""), ("unmatched", ""), ("calibration_error", "")} & good.keys()
    assert sum(good["prediction_share", str(k)].value for k in range(3)) == pytest.approx(1)


def test_a_collapsed_clustering_drifts_and_has_no_silhouette() -> None:
    month = clustering()
    collapsed = replace(month, log=month.log.assign(scores=[[1.0, 0.0, 0.0]] * 300))
    found = figures(collapsed, clustering(seed=2).baseline(silhouette=0.85))
    assert found["prediction_psi", ""].value > 0.25
    assert ("silhouette", "") not in found


@pytest.mark.parametrize(
    ("world", "metric"), [(multiclass, "accuracy"), (regression, "mae"), (clustering, "silhouette")]
)
def test_another_release_is_rescored_whatever_the_shape_of_its_scores(world: Any, metric: str) -> None:
    month = world()
    shuffled = month.log.sample(frac=1, random_state=0)
    scores = month.scores[shuffled.index.to_numpy()]
    given = {"predictions": shuffled, "rescored": {"r0000": scores}}
    mine = figures(month, world(seed=2).baseline(), **given)[metric, ""]
    other = figures(month, world(seed=2).baseline(), release="r0000", **given)[f"counterfactual_{metric}", ""]
    assert other.value == pytest.approx(mine.value)
    assert other.n == mine.n


def test_a_label_that_is_no_class_and_a_log_without_scores_are_refused() -> None:
    month, described = multiclass(), multiclass(seed=2).baseline()
    with pytest.raises(DataError, match=r"ground truth: flight_delay: 1 of 300 labels .*must be one of event.classes"):
        figures(replace(month, events=month.events.assign(late=["7", *month.events["late"][1:]])), described)
    with pytest.raises(DataError, match=r"lacks the columns \['scores'\]"):
        figures(replace(month, log=month.log.drop(columns="scores")), described)


def test_too_few_rows_are_not_judged() -> None:
    month = regression(n=19)
    found = figures(month, regression(seed=2).baseline(mae=1.0))
    assert found["labelled", ""].value == 19
    assert ("mae", "") not in found


def test_texts_drift_by_their_words() -> None:
    usual = pd.Series(["late again", "on time", "late", None] * 25)
    described = histograms.text(usual)
    assert described["counts"] == {"late": 50, "again": 25, "on": 25, "time": 25}
    assert described["missing"] == 25
    assert divergence(described, usual)[:2] == (0, 0)
    assert divergence(described, pd.Series(["cancelled flight"] * 100))[0] > 1
    assert divergence(described, pd.Series(["", "?"] * 50))[0] > 0.25
    found = divergence(histograms.text(pd.Series(["", None])), usual)
    assert np.isfinite([found.psi, found.js, found.floor, found.p_value]).all()
