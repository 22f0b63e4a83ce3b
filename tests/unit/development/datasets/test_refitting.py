"""The dataset of a refit: every row of the proof's window, and the parts that judged the proof."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from include.contracts.development import DatasetRef, Proof
from include.development.datasets.building import load_dataset
from include.development.datasets.leakage import FEWEST_OF_CLASS
from include.development.datasets.parts import read_part
from include.development.datasets.rebuild import rebuild
from include.development.order import Order
from include.development.training_key import training_key
from include.errors import DataError, LeakageError, NotFoundError
from tests.unit.development.frames import (
    LATER,
    PERIODS,
    MemoryFeatureStore,
    MemoryLake,
    build,
    build_refit,
    events,
    flight_spec,
)

SPEC = flight_spec()


def ids(dataset: DatasetRef, *parts: str) -> list[str]:
    return [i for part in parts for i in read_part(getattr(dataset, part))["flight_id"]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the two datasets that follow; tests change nothing in it."""
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def champion(place: Path) -> DatasetRef:
    return build(place, {p: events(p) for p in PERIODS[:2]}, test_to=PERIODS[1])


@pytest.fixture(scope="module")
def proof(place: Path, champion: DatasetRef) -> DatasetRef:
    return build(place, excluded=[champion])


def test_it_learns_every_row_of_the_window_and_shows_the_parts_of_the_proof(
    tmp_path: Path, champion: DatasetRef, proof: DatasetRef
) -> None:
    refit = build_refit(tmp_path, proof)
    learned = ids(refit, "train")
    assert sorted(learned) == sorted(ids(proof, "train", "validation", "test") + ids(champion, "test"))
    assert len(learned) == len(set(learned)) == 3 * 700
    assert read_part(refit.train)["event_timestamp"].is_monotonic_increasing
    for part in ("validation", "test"):
        assert getattr(refit, part).content_hash == getattr(proof, part).content_hash
    assert (refit.refit_of, refit.excluded_hashes, refit.snapshots) == (proof.name, [], proof.snapshots)
    assert (refit.as_of, refit.given_labels, refit.reads) == (proof.as_of, proof.given_labels, proof.reads)
    assert refit.facts.classes["train"] == {
        code: sum(dataset.facts.classes[part][code] for dataset, part in
                  ((proof, "train"), (proof, "validation"), (proof, "test"), (champion, "test")))
        for code in ("0", "1")
    }  # fmt: skip


def test_the_same_proof_gives_the_same_name_and_another_one_another(tmp_path: Path, proof: DatasetRef) -> None:
    refit = build_refit(tmp_path, proof)
    assert build_refit(tmp_path, proof) == refit == load_dataset(refit.name, tmp_path)
    assert refit.name != proof.name
    other = build(tmp_path, as_of=LATER, train_from=PERIODS[1])
    assert build_refit(tmp_path, other).name != refit.name


def test_it_is_rebuilt_bit_for_bit(tmp_path: Path, proof: DatasetRef) -> None:
    refit = build_refit(tmp_path, proof)
    before = Path(refit.train.path).read_bytes()
    shutil.rmtree(refit.path)
    lake, store = MemoryLake({p: events(p) for p in PERIODS}), MemoryFeatureStore(SPEC)
    assert rebuild(SPEC, refit, lake=lake, feature_store=store, directory=tmp_path) == refit
    assert Path(refit.train.path).read_bytes() == before


def test_labels_that_people_gave_teach_it_wherever_they_are(tmp_path: Path) -> None:
    """Those of the test window train no proof; the refit learns them."""
    tables = {p: events(p) for p in PERIODS}
    tables["2013-03"].loc[:29, "late"] = pd.NA
    gone = tables["2013-03"].loc[:29, "flight_id"]
    answers = {"flight_id": gone, "late": 1, "label_timestamp": pd.Timestamp("2013-06-01", tz="UTC")}
    given = tables | {"given_labels": pd.DataFrame(answers)}
    proof = build(tmp_path, tables, lake=MemoryLake(given))
    refit = build_refit(tmp_path, proof, given)
    assert not set(gone) & set(ids(proof, "train", "validation", "test"))
    assert set(gone) <= set(ids(refit, "train"))
    assert refit.facts.given == 30


def test_data_that_come_out_otherwise_are_refused(tmp_path: Path, proof: DatasetRef) -> None:
    tables = {p: events(p) for p in PERIODS}
    tables["2013-03"]["distance"] += 1
    with pytest.raises(DataError, match=r"the parts \['test'\] come out with other content"):
        build_refit(tmp_path, proof, tables)
    erased = build_refit(tmp_path, proof, tables, rewrites=["a subject was erased"])
    assert erased.test.content_hash != proof.test.content_hash, "of what was rewritten that is so"
    with pytest.raises(NotFoundError, match="does not pin the table versions"):
        build_refit(tmp_path, proof.model_copy(update={"features_from": []}))


def test_what_any_dataset_must_be_it_must_be(tmp_path: Path, proof: DatasetRef) -> None:
    """Enough of a class, no feature from after its event, no feature that is the label."""
    late = {"airport_weather__event_timestamp": pd.Timestamp("2014-01-01", tz="UTC")}
    with pytest.raises(LeakageError, match="rows of train have airport_weather features from after the event"):
        build_refit(tmp_path, proof, store=MemoryFeatureStore(SPEC, **late))
    tables = {p: events(p) for p in PERIODS}
    for rows in tables.values():
        rows["distance"] = rows["late"].astype(float) * 1000 + 200
    with pytest.raises(LeakageError, match="one feature alone predicts the label late: distance"):
        build_refit(tmp_path, proof, tables, rewrites=["so that the test part is not compared"])
    for rows in tables.values():
        rows["late"] = 0
    with pytest.raises(DataError, match=rf"too few rows of a class .* {FEWEST_OF_CLASS['train']} are needed"):
        build_refit(tmp_path, proof, tables, rewrites=["the same"])


def test_the_key_of_its_training_covers_what_it_refits(proof: DatasetRef, tmp_path: Path) -> None:
    named = (None, Proof(version=1, artifact_hash="a"), Proof(version=1, artifact_hash="b"))
    datasets = (proof, build_refit(tmp_path, proof))
    orders = [Order(dataset=dataset, refit_of=one) for dataset in datasets for one in named]
    assert len({training_key(SPEC, one) for one in orders}) == len(orders)
