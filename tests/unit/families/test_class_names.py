"""Names travel with codes: when the spec orders its classes anew, every consumer maps by name or refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.development import judging, training
from include.development.datasets import rebuild
from include.development.datasets.encoded import frames_of
from include.development.datasets.encoder import Encoder
from include.development.datasets.parts import content_hash, write_part
from include.development.trainers.ensemble import average, signature
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.errors import DataError, TrainingError
from include.families.class_names import in_order, maps, places, recoded
from include.families.registry import family
from include.families.serving import flags, logged_in_order, logged_scores
from include.operations.monitoring import monitoring
from include.operations.monitoring.window_inputs import WindowInputs
from include.specification.usecase import UseCase
from tests.unit.deployment.serving_code import served
from tests.unit.development.tasks import CLASSES, ROWS, rows, task_dataset, task_spec
from tests.unit.operations.task_worlds import multiclass

ORDERS = st.permutations(["a", "b", "c", "d"])
SERVED = served("answers")
OTHER = ["high", "low", "middle"]


def ordered(names: list[str]) -> UseCase:
    spec = task_spec("multiclass", trainer={"name": "sklearn", "parameters": {}}, features=FEATURES)
    return spec.model_copy(update={"event": spec.event.model_copy(update={"classes": names})})


FEATURES = [
    {"name": "strength", "kind": "numeric", "from": "request"},
    {"name": "place", "kind": "categorical", "from": "request"},
]


def model(names: list[str]) -> TrainedModel:
    """Trained on labels whose codes are the places in ``names``."""
    spec, frame = ordered(names), rows("multiclass", 300, 0)
    codes = frame["label"].map(dict(enumerate(names.index(name) for name in CLASSES)))
    encoder = Encoder.fit(frame, spec.features)
    matrix = Matrix(encoder.transform(frame), codes.to_numpy())
    fitted = trainer("sklearn").fit(Problem("multiclass", encoder.inputs, 3), matrix, matrix, {}, Run())
    made = TrainedModel(spec.name, "v1", "sklearn", "multiclass", 3, encoder, fitted, tuple(names))
    return TrainedModel.from_bytes(made.to_bytes())


@given(ORDERS, ORDERS)
def test_scores_and_codes_in_another_order_mean_the_same_classes(names: list[str], wanted: list[str]) -> None:
    codes = np.arange(4)
    scores = np.eye(4)[codes]
    mapped = in_order("it", scores, names, wanted)
    assert [wanted[code] for code in mapped.argmax(axis=1)] == [names[code] for code in codes]
    frame = recoded("it", pd.DataFrame({"label": codes.astype("int16")}), "label", names, wanted)
    assert [wanted[code] for code in frame["label"]] == [names[code] for code in codes]
    assert frame["label"].dtype == "int16"


@given(ORDERS, ORDERS, st.lists(st.integers(0, 3)))
def test_codes_of_equal_scores_are_mapped_by_name_too(names: list[str], wanted: list[str], codes: list[int]) -> None:
    mapped = places(np.array(codes, dtype=np.int16), names, wanted)
    assert mapped.dtype == np.int16
    assert [wanted[code] for code in mapped] == [names[code] for code in codes]


def test_a_class_that_is_new_scores_nothing_and_one_that_is_gone_is_refused() -> None:
    assert in_order("it", np.array([[0.4, 0.6]]), ["a", "b"], ["c", "b", "a"]).tolist() == [[0, 0.6, 0.4]]
    with pytest.raises(DataError, match=r"model 1 knows the classes \['b'\], event.classes are \['a', 'c'\]; put"):
        in_order("model 1", np.array([[0.4, 0.6]]), ["a", "b"], ["a", "c"])
    with pytest.raises(DataError, match="dataset x has the classes without names"):
        recoded("dataset x", pd.DataFrame({"label": [0]}), "label", [], ["a", "b", "c"])
    assert not maps(["a", "b", "c"], [])


def test_a_model_keeps_its_class_names_and_is_as_good_in_any_order_of_the_spec() -> None:
    frame = rows("multiclass", 240, 5)
    for names in (CLASSES, OTHER):
        champion = model(names)
        assert champion.class_names == tuple(names)
        for wanted in (CLASSES, OTHER, CLASSES[::-1]):
            said = [wanted[code] for code in champion.predict_classes(frame, wanted).argmax(axis=1)]
            assert np.mean([a == CLASSES[b] for a, b in zip(said, frame["label"], strict=True)]) > 0.75


def test_models_of_another_order_are_not_averaged() -> None:
    assert signature(model(CLASSES)) != signature(model(OTHER))
    with pytest.raises(TrainingError, match="1 of 2 models"):
        average([model(CLASSES), model(OTHER)])
    assert average([model(OTHER), model(OTHER)]).class_names == tuple(OTHER)


def test_weights_of_another_order_are_not_continued() -> None:
    content = model(CLASSES).to_bytes()
    assert training.start_of(ordered(CLASSES), content) is not None
    with pytest.raises(TrainingError, match="its weights belong to other classes; train with start_from: scratch"):
        training.start_of(ordered(OTHER), content)


def test_a_model_is_not_judged_under_other_classes() -> None:
    with pytest.raises(DataError, match=r"has the classes \['low', 'middle', 'high'\], event.classes are"):
        judging.judge(ordered(OTHER), task_dataset(ordered(OTHER)), model(CLASSES).to_bytes(), None)  # type: ignore[arg-type]


def written(directory: Path, names: list[str]) -> DatasetRef:
    """A dataset whose labels are codes of ``CLASSES``, which it keeps as ``names``."""
    parts = {}
    for seed, (part, count) in enumerate(ROWS.items()):
        frame, path = rows("multiclass", count, seed), directory / f"{part}.parquet"
        write_part(frame, path)
        periods = ["2013-01", "2013-02"]
        parts[part] = PartRef(path=str(path), rows=count, content_hash=content_hash(frame), periods=periods)
    return task_dataset(ordered(CLASSES)).model_copy(update={"class_names": names, **parts})


def test_labels_of_a_dataset_are_read_by_name(tmp_path: Path) -> None:
    dataset = written(tmp_path, CLASSES)
    as_built, anew = (frames_of(ordered(names), dataset)["test"]["label"] for names in (CLASSES, OTHER))
    assert [OTHER[code] for code in anew] == [CLASSES[code] for code in as_built]
    with pytest.raises(DataError, match="without names"):
        frames_of(ordered(OTHER), dataset.model_copy(update={"class_names": []}))


def test_a_dataset_of_another_order_is_not_rebuilt() -> None:
    dataset = task_dataset(ordered(CLASSES)).model_copy(update={"class_names": CLASSES, "snapshots": {}})
    with pytest.raises(DataError, match=r"was built with the classes \['low', 'middle', 'high'\]"):
        rebuild.require_pinned(ordered(OTHER), dataset)


def test_a_release_answers_in_the_names_of_its_model_and_in_the_clients_order() -> None:
    facts, scores = flags(ordered(OTHER), CLASSES), np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]], dtype=np.float32)
    said = SERVED.tensors(facts, scores, OTHER)
    assert said["prediction"].tolist() == [[b"high"], [b"low"]]
    np.testing.assert_array_equal(said["scores"], scores[:, [2, 0, 1]])
    others = flags(ordered(OTHER), OTHER)
    shadow = SERVED.named(others, SERVED.codes(others, scores[:, [2, 0, 1]]))
    assert shadow.tolist() == SERVED.named(facts, SERVED.codes(facts, scores)).tolist()


def test_monitoring_reads_the_log_of_a_release_by_name() -> None:
    month = multiclass()
    names = ["2", "0", "1"]
    assert family(month.spec).names(month.spec) == ["0", "1", "2"]
    other = month.log.assign(scores=[*month.scores[:, [2, 0, 1]]])
    mapped = logged_in_order(month.spec, other, "r0001", names)
    np.testing.assert_array_equal(logged_scores(month.spec, mapped), month.scores)
    measured = [
        monitoring.measure(
            month.spec,
            "r0001",
            month.baseline(accuracy=0.9),
            WindowInputs(predictions=log, events=month.events, period=Period("2013-06")),
        )
        for log in (month.log, mapped)
    ]
    assert {f.name: f.value for f in measured[0]} == {f.name: f.value for f in measured[1]}
    with pytest.raises(DataError, match=r"release r0001 of .* knows the classes \['x'\]"):
        logged_in_order(month.spec, other, "r0001", ["x", "0", "1"])
