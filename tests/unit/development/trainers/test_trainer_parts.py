"""What trainers share: parameters, archives, checkpoints, the encoding of what codes stand for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.encoding import FIRST_WORD
from include.development.datasets.encoder import Encoder
from include.development.trainers import sklearn_estimators
from include.development.trainers.archive import pack, unpack
from include.development.trainers.checkpoint import Checkpoint, checkpoint
from include.development.trainers.parameters import checked
from include.development.trainers.protocol import Input, Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.errors import TrainingError
from include.specification.data import Feature
from include.specification.trainers import ESTIMATORS, SKLEARN, TrainerFacts, parameter_faults, space_faults
from include.specification.trainers import TRAINERS as DECLARED
from tests.unit.fakes.damage import KINDS, damage

DEFAULTS = {"depth": 6, "rate": 0.1, "cell": "gru"}
TREE = TrainerFacts(
    frozenset({"class"}), DEFAULTS, {}, {"depth": 1, "rate": 0}, {"rate": 10}, {"cell": ("gru", "lstm")}
)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(st.dictionaries(names, st.binary(max_size=50), max_size=4))
def test_an_archive_gives_back_what_went_in(files: dict[str, bytes]) -> None:
    assert unpack(pack(files), "files") == files
    assert pack(files) == pack(dict(files))


@given(st.binary(max_size=60))
def test_other_bytes_are_no_archive(content: bytes) -> None:
    with pytest.raises(TrainingError, match=f"{len(content)} bytes are not a model"):
        unpack(content, "a model")


@given(st.integers(1, 20), st.floats(0, 10), st.sampled_from(["gru", "lstm"]))
def test_what_is_given_wins(depth: int, rate: float, cell: str) -> None:
    wanted = {"depth": depth, "rate": rate, "cell": cell}
    assert checked("tree", TREE, wanted) == wanted
    assert checked("tree", TREE, {"depth": float(depth)}) == {**DEFAULTS, "depth": depth}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"deep": 3}, r"'deep' is not a parameter of tree; did you mean depth. allowed: depth, rate, cell"),
        ({"depth": 2.5}, "tree parameter depth = 2.5 must be like 6"),
        ({"depth": "6"}, "tree parameter depth = '6' must be like 6"),
        ({"cell": 3}, "tree parameter cell = 3 must be like 'gru'"),
        ({"depth": 0}, "tree parameter depth = 0 must be 1 or more"),
        ({"rate": float("nan")}, "tree parameter rate = nan must be 0 or more, and 10 or less"),
        ({"cell": "rnn"}, "tree parameter cell = 'rnn': 'rnn' is not a value of cell; allowed: gru, lstm"),
    ],
)
def test_a_wrong_value_is_named(wrong: dict[str, int | float | str], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        checked("tree", TREE, wrong)


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "new", "fit")
    assert kept.read() is None
    kept.write(b"one")
    kept.write(b"two")
    assert kept.read() == b"two"
    (tmp_path / "new" / "fit.tmp").write_bytes(b"thr")  # a kill in the middle of the next one
    assert kept.read() == b"two"


def test_without_a_directory_nothing_is_kept() -> None:
    kept = Checkpoint(None, "fit")
    kept.write(b"one")
    assert not kept.kept
    assert kept.read() is None


@pytest.mark.parametrize("what", ["rows", "labels", "weights", "parameters", "problem", "threads"])
def test_a_checkpoint_is_of_one_fit(what: str, tmp_path: Path) -> None:
    problem, part = Problem("binary", (Input("x", "numeric"),), 2), Matrix(np.ones((3, 1), np.float32), np.ones(3))
    other = {
        "rows": part._replace(X=part.X * 2),
        "labels": part._replace(y=part.y * 0),
        "weights": part._replace(weight=np.ones(3)),
    }.get(what, part)
    changed = Problem("regression", problem.inputs) if what == "problem" else problem
    parameters = {"depth": 4 if what == "parameters" else 3}
    checkpoint(problem, part, part, {"depth": 3}, Run(1, tmp_path)).write(b"here")
    assert checkpoint(problem, part, part, {"depth": 3}, Run(1, tmp_path)).read() == b"here"
    assert checkpoint(changed, other, part, parameters, Run(2 if what == "threads" else 1, tmp_path)).read() is None


def test_a_trainer_is_told_what_the_codes_stand_for() -> None:
    features = [
        Feature.model_validate({"name": "carrier", "kind": "categorical", "from": "request"}),
        Feature.model_validate({"name": "remark", "kind": "text", "from": "request", "length": 3}),
    ]
    frame = pd.DataFrame({"carrier": ["UA", "AA"], "remark": ["late again", "late"]})
    encoder = Encoder.fit(frame, features)
    carrier, remark = encoder.inputs
    matrix = encoder.transform(frame)
    assert [carrier.values[int(code)] for code in matrix[:, 0]] == ["UA", "AA"]
    assert [remark.values[int(code) - FIRST_WORD] for code in matrix[0, 1:3]] == ["late", "again"]
    assert remark.size == FIRST_WORD + len(remark.values)


def test_what_the_spec_declares_of_trainers_is_what_they_are() -> None:
    for name, facts in DECLARED.items():
        known = trainer(name)
        assert (known.predicts, known.defaults, known.space) == (facts.predicts, facts.defaults, facts.space)
        assert set(facts.least) | set(facts.most) | set(facts.words) | set(facts.space) <= set(facts.defaults)
        assert list(parameter_faults(name, facts, facts.defaults)) == []
        assert list(space_faults(name, facts, facts.space, "tpe")) == []
    found = {name: frozenset(kind.predicts for kind in kinds) for name, kinds in sklearn_estimators.ESTIMATORS.items()}
    assert found == ESTIMATORS
    assert set(SKLEARN.words["reduce"]) == {"none", *sklearn_estimators.REDUCERS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_checkpoint_is_none(tmp_path: Path, kind: str) -> None:
    kept = Checkpoint(tmp_path, "k")
    kept.write(b"a model that is half fitted, " * 20)
    assert kept.read() == b"a model that is half fitted, " * 20
    damage(tmp_path / "k.checkpoint", kind)
    assert kept.read() is None
