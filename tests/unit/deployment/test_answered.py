"""A batch cut into responses, log records and figures, whichever releases answered its rows."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.deployment.serving_code import served

ANSWERED = served("answered")
FACTS = {"predicts": "class", "scores": "column", "threshold": 0.5, "classes": [], "answers_with_probability": True}
SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def arm(name: str, rows: np.ndarray | None, scores: np.ndarray, **found: Any) -> Any:
    """Row i of the batch has the id ``e<i>`` and the looked-up feature i."""
    places = np.arange(len(scores)) if rows is None else rows
    fields = {"id": np.array([f"e{i}" for i in places], dtype=object), "x": places.astype(float)}
    features = {"looked_up": [float(i) if i % 2 else None for i in places], "computed": scores[:, 0].astype(float)}
    prediction = {"scores": scores, "features": features, "lacking": {}, "fallback": None} | found
    return ANSWERED.Arm(
        SimpleNamespace(name=name, manifest=FACTS, classes=[]), rows, fields, SimpleNamespace(**prediction)
    )


@given(SIZES, st.data())
def test_each_request_gets_its_own_rows_in_order_whichever_release_answered(sizes: list[int], data: Any) -> None:
    count = sum(sizes)
    scores = np.linspace(0, 1, count, dtype=np.float32).reshape(-1, 1)
    new = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    parts = [("old", np.flatnonzero(~new)), ("new", np.flatnonzero(new))]
    arms = [arm(name, None if len(rows) == count else rows, scores[rows]) for name, rows in parts if len(rows)]
    batch = ANSWERED.Answered(sizes, arms)
    groups = batch.groups(tells_fallback=False)
    responses = [{n: v[begin:end] for n, v in outputs.items()} for outputs, bounds in groups for begin, end in bounds]
    assert [len(one["probability"]) for one in responses] == sizes
    joined = {name: np.concatenate([one[name] for one in responses])[:, 0].tolist() for name in responses[0]}
    assert joined["probability"] == scores[:, 0].tolist()
    assert joined["release"] == [b"new" if is_new else b"old" for is_new in new]
    logged = {record["request_id"].encode(): record for record in batch.records(0.001)}
    assert [logged[one]["inputs"]["id"] for one in joined["request_id"]] == [f"e{i}" for i in range(count)]
    assert [logged[one]["release"].encode() for one in joined["request_id"]] == joined["release"]
    assert [logged[one]["probability"] for one in joined["request_id"]] == joined["probability"]


def test_a_record_says_what_lacks_and_which_answer_is_the_constant() -> None:
    scores = np.array([[0.25], [0.5]], dtype=np.float32)
    lacking, fallback = {"weather": ["stale", None]}, np.array([True, False])
    features = {"t": (1.0, 2.0), "n": (None, 1)}
    one = arm("r1", None, scores, lacking=lacking, fallback=fallback, features=features)
    first, second = one.records(0.002)
    assert first["missing"] == ["weather"]
    assert first["fallback"] is True
    assert first["features"] == {"t": 1.0, "n": None}
    assert (second["missing"], second["features"], "fallback" in second) == ([], {"t": 2.0, "n": 1}, False)
    assert second["inputs"] == {"id": "e1", "x": 1.0}
    assert second["latency_ms"] == 2.0
    assert one.outputs(tells_fallback=True)["fallback"].tolist() == [[True], [False]]


def test_what_could_not_be_looked_up_is_told_apart_from_what_is_not_there() -> None:
    lacking = {"weather": ["unavailable", None], "plane": ["missing", "stale"]}
    first, second = arm("r1", None, np.array([[0.25], [0.5]]), lacking=lacking).records(0.002)
    assert (first["missing"], first["unavailable"]) == (["plane"], ["weather"])
    assert (second["missing"], "unavailable" in second) == (["plane"], False)


@given(st.integers(1, 200))
def test_request_ids_are_random_uuids(count: int) -> None:
    ids = ANSWERED.request_ids(count)
    assert len(set(ids)) == len(ids) == count
    version_4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
    assert all(version_4.match(one) for one in ids)
