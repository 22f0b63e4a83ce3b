"""The training data of a model, built again from its manifest after the world moved on."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.calendar import Span
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import retention, versioning
from include.data import staging as stage
from include.development.datasets import building
from include.development.datasets.rebuild import rebuild
from include.errors import DataError, NotFoundError
from include.governance import erasure
from include.governance.mentions import Mentions
from include.loop.data_versions import rebuild_dataset
from include.services.composition import Services
from include.settings import Settings
from tests.integration.state_fixtures import snapshots_in
from tests.unit.development.frames import events, flight_spec

pytestmark = pytest.mark.integration
SPEC = flight_spec()
WEATHER = [f.name for f in SPEC.features if f.origin == "airport_weather"]
PLANE = [f.name for f in SPEC.features if f.origin == "aircraft"]
MUCH_LATER = datetime(2019, 1, 1, tzinfo=UTC)


class World:
    """Months of made-up flights in a real lake and a real feature store."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home)
        self.home, self.snapshots, self.datasets = home, snapshots_in(home, SPEC.name), home / "datasets" / SPEC.name
        self.lake, self.store = DeltaLake(settings.lake), FeastFeatureStore(settings)
        self.store.apply()

    def publish(self, period: str, edition: int = 0) -> SnapshotRef:
        month, random, plane = Period(period), self.random(period, edition), self.random(period, edition)
        days = pd.date_range(*SPEC.calendar.window(month).utc(), freq="D", inclusive="left").astype(
            "datetime64[us, UTC]"
        )
        index = pd.MultiIndex.from_product([["EWR", "JFK", "LGA"], days], names=["origin", "event_timestamp"])
        weather = pd.DataFrame({n: random.normal(size=len(index)) for n in WEATHER}, index=index).reset_index()
        planes = pd.DataFrame({"tailnum": ["N1"], "event_timestamp": days[:1]} | {n: plane.normal() for n in PLANE})
        flights = self.flights(period).drop(columns="period")
        flights["distance"] += edition
        tables = {"events": flights, "airport_weather": weather, "aircraft": planes}
        arrow = {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in tables.items()}
        stage.replace(self.home / "staging", stage.TABLES, arrow)
        stage.mark_passed(self.home / "staging")
        return versioning.publish(
            SPEC, month, self.home / "staging", self.lake, self.snapshots, SPEC.calendar.end(month)
        )

    def flights(self, period: str) -> pd.DataFrame:
        return events(period)

    def random(self, period: str, edition: int) -> np.random.Generator:
        """Of weather and planes."""
        return np.random.default_rng([int(period[-2:]), edition])

    def build(self, test_to: Period, excluded: Sequence[DatasetRef] = ()) -> DatasetRef:
        return building.build(
            SPEC, train_from=None, train_to=None, test_to=test_to, excluded=excluded, lake=self.lake,
            feature_store=self.store, snapshots=self.snapshots.published(), directory=self.datasets,
            as_of=MUCH_LATER,
        )  # fmt: skip

    def rebuild(self, dataset: DatasetRef) -> DatasetRef:
        arguments = {"lake": self.lake, "feature_store": self.store, "directory": self.datasets}
        return rebuild(SPEC, dataset, **arguments)

    def expire(self, uses: retention.Uses) -> list[str]:
        arguments = {"as_of": MUCH_LATER, "by": "ann", "why": "yearly"}
        return retention.expire(SPEC, self.lake, self.snapshots, uses, **arguments).expired


def content(dataset: DatasetRef) -> dict[str, bytes]:
    return {part: Path(getattr(dataset, part).path).read_bytes() for part in ("train", "validation", "test")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for period in ("2013-01", "2013-02", "2013-03"):
        world.publish(period)
    return world


def test_a_models_training_data_come_back_bit_for_bit_years_later(world: World) -> None:
    champion = world.build(Period("2013-02"))
    candidate = world.build(Period("2013-03"), excluded=[champion])
    before = content(champion), content(candidate)
    assert [s.period for s in candidate.features_from] == ["2013-01", "2013-02", "2013-03"]

    unused = world.publish("2013-02", edition=1)
    for period in ("2013-01", "2013-02", "2013-03", "2013-04"):
        world.publish(period, edition=2)
    shutil.rmtree(world.datasets)
    assert world.expire({"model 1": champion, "model 2": candidate}) == [unused.name]

    assert world.rebuild(candidate) == candidate
    assert world.rebuild(champion) == champion
    assert (content(champion), content(candidate)) == before
    assert building.load_dataset(candidate.name, world.datasets) == candidate
    assert world.build(Period("2013-03"), excluded=[champion]).name != candidate.name, (
        "the months have other content now"
    )


def test_an_earlier_month_that_only_features_reach_is_pinned_too(world: World) -> None:
    dataset = building.build(
        SPEC, train_from=Period("2013-02"), train_to=None, test_to=Period("2013-03"), excluded=[], lake=world.lake,
        feature_store=world.store, snapshots=world.snapshots.published(), directory=world.datasets,
        as_of=MUCH_LATER,
    )  # fmt: skip
    january = dataset.features_from[0]
    assert (list(dataset.snapshots), january.period) == (["2013-02", "2013-03"], "2013-01")
    world.publish("2013-01", edition=1)
    assert january.name not in world.expire({"model 1": dataset})
    facts = retention.overview(SPEC, world.snapshots, {"model 1": dataset}, [Period("2013-01")])
    assert {f.name: f.used_by for f in facts}[january.name] == ["model 1"]


def test_a_damaged_file_is_replaced_and_a_sound_one_left_alone(world: World) -> None:
    dataset = world.build(Period("2013-03"))
    before, file = content(dataset), Path(dataset.train.path)
    written = file.stat().st_mtime_ns
    assert world.rebuild(dataset) == dataset
    assert file.stat().st_mtime_ns == written
    file.write_bytes(before["train"][:100])
    world.rebuild(dataset)
    assert content(dataset) == before


def test_what_nobody_kept_cannot_be_rebuilt_and_says_so(world: World) -> None:
    dataset = world.build(Period("2013-03"))
    shutil.rmtree(world.datasets)
    replaced = versioning.snapshot(Period("2013-02"), world.snapshots)
    world.publish("2013-02", edition=1)
    assert world.expire({}) == [replaced.name]
    with pytest.raises(NotFoundError, match="files were vacuumed because no snapshot pinned it"):
        world.rebuild(dataset)
    assert not world.datasets.exists()


def test_other_code_is_refused_and_nothing_is_written(world: World) -> None:
    dataset = world.build(Period("2013-03"))
    shutil.rmtree(world.datasets)
    split = SPEC.split.model_copy(update={"validation": Span("3 days")})
    arguments = {"lake": world.lake, "feature_store": world.store, "directory": world.datasets}
    with pytest.raises(DataError, match=r"\['train', 'validation'\] come out with other content .* check out the rev"):
        rebuild(SPEC.model_copy(update={"split": split}), dataset, **arguments)
    with pytest.raises(DataError, match="was built with flight_delay_v1, the spec now says v9"):
        rebuild(SPEC.model_copy(update={"feature_service": "v9"}), dataset, **arguments)
    with pytest.raises(NotFoundError, match="does not pin the table versions of"):
        world.rebuild(dataset.model_copy(update={"features_from": []}))
    assert not world.datasets.exists()


def test_data_that_were_erased_do_not_come_back_and_the_error_says_why(world: World) -> None:
    services, dataset = Services(Settings(home=world.home)), world.build(Period("2013-03"))
    mark = "a subject was erased (k01-0123)"
    change = Mentions(["2013-02_00001"], SPEC.event.id).without
    erasure.LakeRewrite(SPEC.name, world.lake, world.snapshots, change, mark).run()
    assert rebuild_dataset(SPEC, services, dataset) == dataset, "its files are sound"

    manifest = world.datasets / dataset.name / building.MANIFEST
    again = dataset.model_copy(update={"rewrites": [mark, "tokens were rewritten to key k02"]})
    manifest.write_text(again.model_dump_json())
    Path(dataset.train.path).unlink()
    with pytest.raises(NotFoundError, match=r"since it was built, a subject was erased \(k01-0123\); tokens were rewr"):
        rebuild_dataset(SPEC, services, dataset)
    shutil.rmtree(world.datasets)
    with pytest.raises(NotFoundError, match=r"must not come back: since it was built, a subject was erased \(k01-01"):
        rebuild_dataset(SPEC, services, dataset)
    assert not world.datasets.exists()

    later = world.build(Period("2013-03"))
    shutil.rmtree(world.datasets)
    assert rebuild_dataset(SPEC, services, later) == later, "it was built from what is left"
