"""How figures stand against their limits: the one place that says what a page marks, and in which colour."""

import pytest

from include.contracts.operations import Figure
from include.operations.overview import standings
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
DRIFT, LOSS = SPEC.monitoring.drift_threshold, SPEC.monitoring.performance_loss


def figure(name: str, value: float, subject: str = "", **more: object) -> Figure:
    return Figure(
        usecase=SPEC.name, release="r0001", period="2013-06", name=name, subject=subject, value=value, n=1000, **more
    )


@pytest.mark.parametrize(("one", "standing"), [
    (figure("psi", DRIFT * 2, "temp", floor=DRIFT), "beyond"),
    (figure("psi", DRIFT * 2, "temp", floor=DRIFT * 3), "within"),
    (figure("psi", DRIFT * 2, "temp", floor=DRIFT, state="too few"), "not judged"),
    (figure("psi_last_season", DRIFT * 2, "temp", floor=DRIFT), "watched"),
    (figure("psi", 0.0, "temp", state="constant"), "not judged"),
    (figure("performance_loss", LOSS * 2, low=0.001, high=1.0), "beyond"),
    (figure("performance_loss", LOSS * 2, low=-0.001, high=1.0), "within"),
    (figure("performance_loss", LOSS * 2, low=0.001, high=1.0, state="provisional"), "not judged"),
    (figure("gain_over_replaced", -0.1, low=-0.2, high=-0.01), "beyond"),
    (figure("calibration_error", 0.05, floor=0.03), "watched"),
    (figure("calibration_slope", 0.8, low=0.7, high=0.9), "watched"),
    (figure("calibration_slope", 0.8, low=0.7, high=1.1), "within"),
    (figure("calibration_intercept", 0.4, low=0.1, high=0.7), "watched"),
    (figure("feature_skew", 0.5, "temp", floor=0.03), "beyond"),
    (figure("feature_skew", 0.025, "temp", floor=0.03), "within"),
    (figure("missing_increase", 0.4, "temp"), "beyond"),
    (figure("concept_drift", 1.0, "adwin"), "watched"),
    (figure("attribution_drift", 0.2, floor=0.1), "watched"),
    (figure("slices_beyond", 1.0, "origin"), "watched"),
    (figure("estimated_loss", LOSS * 2, low=0.001, high=1.0, state="provisional"), "not judged"),
    (figure("latency_p99_ms", SPEC.rollout.abort.max_p99_ms + 1), "watched"),
])  # fmt: skip
def test_a_figure_stands_by_its_limit_its_chance_and_its_state(one: Figure, standing: str) -> None:
    [found] = standings.judged(SPEC, [one])
    assert found.standing == standing


def test_labels_that_never_came_are_a_share_of_those_that_are_due() -> None:
    few = standings.judged(SPEC, [figure("labelled", 900), figure("unmatched", 100)])
    many = standings.judged(SPEC, [figure("labelled", 500), figure("unmatched", 500)])
    assert [one.standing for one in (*few, *many)] == ["within", "beyond"]


def test_counts_and_means_are_judged_nowhere_and_column_faults_by_feature_only() -> None:
    figures = [
        figure("rows", 5),
        figure("prediction_mean", 0.2),
        figure("missing_increase", 0.9),
        figure("label_rate", 1),
    ]
    assert standings.judged(SPEC, figures) == []


def test_a_group_stands_as_its_worst_figure_and_is_not_good_where_nothing_was_judged() -> None:
    drifted = figure("psi", DRIFT * 2, "temp", floor=DRIFT)
    few = figure("psi", DRIFT * 2, "dewp", floor=DRIFT, state="too few")
    quiet = figure("feature_skew", 0.0, "temp", floor=0.03, state="too few")
    found = {of.group: of for of in standings.counts(standings.judged(SPEC, [drifted, few, quiet]))}
    assert (found["drift"].standing, found["drift"].beyond, found["drift"].not_judged) == ("beyond", 1, 1)
    assert (found["skew"].standing, found["skew"].total) == ("not judged", 1)
