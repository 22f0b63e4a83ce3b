"""Two registered versions beside each other."""

from typing import Any

from include.contracts.calendar import Calendar
from include.contracts.development import DatasetRef, PartRef, RegisteredVersion
from include.contracts.period import Period
from include.development import side_by_side
from include.development.side_by_side import Both, Side

MONTHS = Calendar(every="month")


def dataset(train: list[str], snapshots: dict[str, str]) -> DatasetRef:
    part = {"path": "/nowhere", "rows": 9, "content_hash": "0" * 64}
    parts = {"train": train, "validation": train[-1:], "test": ["2013-06"]}
    made = {name: PartRef.model_validate({**part, "periods": periods}) for name, periods in parts.items()}
    about: dict[str, Any] = {"usecase": "u", "name": "d", "path": "/", "feature_service": "s", "label": "late"}
    return DatasetRef.model_validate({**about, **made, "snapshots": snapshots})


def side(version: int, **more: Any) -> Side:
    fields = {name: more.pop(name) for name in ("tags", "parameters", "metrics") if name in more}
    return Side(RegisteredVersion(version=version, **fields), **more)


def test_parameters_that_differ_come_first_also_those_that_one_has_alone() -> None:
    lines = side_by_side.together({"depth": "6", "seed": "0"}, {"depth": "8", "seed": "0", "rate": "0.1"})
    assert lines == [Both("depth", "6", "8"), Both("rate", None, "0.1"), Both("seed", "0", "0")]
    assert [line.differs for line in lines] == [True, True, False]


def test_the_metrics_of_a_refit_are_those_of_its_proof() -> None:
    own = side(4, metrics={"test_roc_auc": 0.7, "test_brier": 0.1})
    refit = side(5, metrics={"in_sample_test_roc_auc": 0.9, "proof_test_roc_auc": 0.7}, tags={"refit_of": "4"})
    assert side_by_side.metrics(own, refit, ["roc_auc", "brier", "f1"]) == [
        Both("roc_auc", 0.7, 0.7), Both("brier", 0.1, None),
    ]  # fmt: skip
    assert (own.is_refit, refit.is_refit) == (False, True)


def test_the_largest_shares_come_first_and_a_new_feature_has_none_before() -> None:
    a = side(1, importance=[{"feature": "temp", "share": 0.6}, {"feature": "hour", "share": 0.4}])
    b = side(2, importance=[{"feature": "wind", "share": 0.7}, {"feature": "temp", "share": 0.3}])
    assert side_by_side.shares(a, b) == [Both("wind", None, 0.7), Both("temp", 0.6, 0.3), Both("hour", 0.4, None)]


def test_slices_without_an_interval_are_left_out() -> None:
    good = {"column": "origin", "value": "JFK", "n": 900, "metrics": {"auc": 0.7}, "intervals": {"auc": [0.6, 0.8]}}
    small = {"column": "origin", "value": "LGA", "n": 9, "metrics": {"auc": None}, "intervals": {}}
    assert side_by_side.slices(side(1, slices=[good, small]), side(2), "auc") == [
        Both("origin=JFK", (0.7, 0.6, 0.8, 900), None)
    ]


def test_parts_are_runs_of_periods_on_one_axis() -> None:
    one, other = dataset(["2013-01", "2013-02", "2013-04"], {}), dataset(["2013-03"], {})
    axis = side_by_side.axis(one, other, None)
    assert [str(period) for period in axis] == [f"2013-0{month}" for month in range(1, 7)]
    places = {period: place for place, period in enumerate(axis)}
    train = [(s.begins, s.ends) for s in side_by_side.runs(side(1, dataset=one), places, MONTHS) if s.part == "train"]
    assert train == [(0, 2), (3, 4)]
    assert side_by_side.axis(None, None) == []


def test_a_part_that_is_cut_within_a_period_begins_there_and_a_refit_has_learned_from_all() -> None:
    proof, by_time = dataset(["2013-01", "2013-04"], {}), {"split.by": "time", "split.validation": "6 days"}
    refit = proof.model_copy(update={"refit_of": "d"})
    places = {period: place for place, period in enumerate(side_by_side.axis(proof))}
    for one, learned in ((proof, 3 + 24 / 30), (refit, 4)):
        found = side_by_side.runs(side(1, dataset=one, parameters=by_time), places, MONTHS)
        spans = {(run.part, run.begins, run.ends) for run in found}
        assert spans == {("train", 0, 1), ("train", 3, learned), ("validation", 3 + 24 / 30, 4), ("test", 5, 6)}
    whole = side(1, dataset=proof.model_copy(update={"validates_from": Period("2013-04")}), parameters=by_time)
    assert ("validation", 3) in {(run.part, run.begins) for run in side_by_side.runs(whole, places, MONTHS)}


def test_a_refit_differs_from_its_proof_in_the_length_of_the_fit() -> None:
    proof = RegisteredVersion(
        version=4, parameters={"n_estimators": "200", "early_stopping_rounds": "30", "depth": "6"}
    )
    own = {"n_estimators": "180", "early_stopping_rounds": "0", "depth": "6", "refit_of": "flight_delay/4"}
    assert side_by_side.refitted(side(5, proof=proof, parameters=own)) == [Both("n_estimators", "200", "180")]


def test_a_period_read_from_another_snapshot_is_named() -> None:
    one, other = (dataset(["2013-01"], {"2013-01": name, "2013-02": "same", only: "x"})
                  for name, only in (("a", "2013-03"), ("b", "2013-04")))  # fmt: skip
    assert side_by_side.rewritten(one, other) == [Both(Period("2013-01"), "a", "b")]
