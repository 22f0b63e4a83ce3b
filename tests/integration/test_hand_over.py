"""Real flights from prod to dev: asked for, approved, encrypted, taken in and built on there."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.contracts.governance import ExportManifest
from include.contracts.period import Period
from include.data import delivery, ingestion
from include.data import staging as stage
from include.errors import (
    AccessError,
    ExportFileError,
    MissingPeriodError,
    MoebiusError,
    NotFoundError,
    SettingsError,
)  # fmt: skip
from include.formats import state_file
from include.loop import data_pipeline, hand_over, take_in
from include.platform import state
from include.services import export_log
from tests.integration.environments_fixtures import ANSWER, Environments, both, environments, personal_spec

__all__ = ["both"]
pytestmark = pytest.mark.integration
JANUARY = Period("2013-01")


def handed_over(both: Environments, first: str = "2013-01", last: str = "2013-01", run: str = "r1") -> ExportManifest:
    asked = hand_over.ask(both.spec, both.prod, Period(first), Period(last), "try a feature", "uwe")
    return hand_over.export(both.spec, both.prod, asked, ANSWER, run)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """January and February were handed over and taken in."""
    both = environments(tmp_path_factory.mktemp("done"))
    handed_over(both, "2013-01", "2013-02")
    take_in.take_in(both.spec, both.dev, None)
    return both


def landed(both: Environments, table: str, month: str = "2013-01") -> pa.Table:
    return pq.read_table(both.dev.places.landing(both.spec) / month / f"{table}.parquet")


def raw(both: Environments, table: str, directory: Path) -> pa.Table:
    return ingestion.tables(both.spec, JANUARY, directory / "nothing", both.prod.adapters.connector)[table]


def test_dev_gets_the_sample_and_what_belongs_to_it(done: Environments, tmp_path: Path) -> None:
    assert delivery.handed_over(done.spec, done.dev.places.landing(done.spec)) == ["2013-01", "2013-02"]
    everything, sample = raw(done, "flights", tmp_path), landed(done, "flights")
    assert sample.num_rows == pytest.approx(0.1 * everything.num_rows, rel=0.2)
    assert sample.schema.names == everything.schema.names
    assert landed(done, "weather").num_rows == raw(done, "weather", tmp_path).num_rows
    flown, known = set(sample["tailnum"].to_pylist()), set(landed(done, "planes")["tailnum"].to_pylist())
    all_flown, all_known = (
        set(everything["tailnum"].to_pylist()),
        set(raw(done, "planes", tmp_path)["tailnum"].to_pylist()),
    )
    assert len(flown & known) / len(flown) == pytest.approx(len(all_flown & all_known) / len(all_flown), abs=0.05)
    february = set(landed(done, "flights", "2013-02")["tailnum"].to_pylist())
    assert len(flown & february) > len(flown) / 2, "the same planes in every month"


def test_no_personal_value_leaves_and_tokens_do_not_join(done: Environments, tmp_path: Path) -> None:
    clear = {t for t in raw(done, "flights", tmp_path)["tailnum"].to_pylist() if t}
    tokens = {t for t in landed(done, "flights")["tailnum"].to_pylist() if t}
    assert len(tokens) > 100
    assert not tokens & clear
    data_pipeline.collect(done.spec, done.prod, JANUARY, "compare")
    staged = pq.read_table(stage.path(done.prod.places.staging(done.spec, "compare"), stage.RAW, "flights"))
    assert not tokens & set(staged["tailnum"].to_pylist())
    kept = [p for p in done.prod.settings.exchange.rglob("*") if p.is_file()]
    assert not any(value.encode() in path.read_bytes() for path in kept for value in sorted(clear)[:50])


def test_nothing_is_left_in_staging(done: Environments) -> None:
    assert not list(done.prod.settings.staging.glob("*/hand-over-*"))


def test_dev_builds_on_what_was_handed_over(done: Environments) -> None:
    """The data pipeline of dev, up to the published snapshot."""
    spec = done.spec
    data_pipeline.collect(spec, done.dev, JANUARY, "run")
    assert data_pipeline.gate(spec, done.dev, JANUARY, "run", "raw").passed
    data_pipeline.build_features(spec, done.dev, JANUARY, "run")
    assert data_pipeline.gate(spec, done.dev, JANUARY, "run", "features").passed
    snapshot = data_pipeline.publish(spec, done.dev, JANUARY, "run")
    assert snapshot.tables["events"].rows == pytest.approx(2700, rel=0.2)
    aircraft = done.dev.adapters.lake.read(spec.name, "aircraft").to_pandas()
    events = done.dev.adapters.lake.read(spec.name, "events").to_pandas()
    assert pd.Series(events["tailnum"].unique()).isin(aircraft["tailnum"]).mean() > 0.7, "events find their planes"


def test_dev_calls_no_source_for_a_month_that_was_not_handed_over(done: Environments) -> None:
    with pytest.raises(MissingPeriodError, match=r"2013-03 was not handed over .*2013-02.*hand_over.*take_in"):
        data_pipeline.collect(done.spec, done.dev, Period("2013-03"), "run")
    assert data_pipeline.collect(done.spec, done.prod, Period("2013-03"), "run")["flights"] > 20_000


def test_who_asked_and_who_approved_is_recorded_once(both: Environments) -> None:
    first = handed_over(both)
    assert handed_over(both).files == first.files, "the same run gives the same export"
    (record,) = export_log.recorded(both.spec, both.prod)
    assert (record.requested_by, record.approved_by, record.reason) == ("uwe", "olga", "try a feature")
    (row,) = both.prod.adapters.lake.read(both.spec.name, "exports").to_pylist()
    assert (row["rows"], row["sha256"], row["recipient"]) == (first.rows, first.digest, "dev")


def test_taking_in_twice_changes_nothing(both: Environments) -> None:
    name = handed_over(both).name
    assert take_in.take_in(both.spec, both.dev, None)[name] > 0
    before = {p: p.read_bytes() for p in both.dev.settings.landing.rglob("*.parquet")}
    assert take_in.take_in(both.spec, both.dev, None) == {}
    assert take_in.take_in(both.spec, both.dev, name)[name] > 0
    assert {p: p.read_bytes() for p in both.dev.settings.landing.rglob("*.parquet")} == before


def test_of_a_damaged_hand_over_nothing_is_taken_in(both: Environments) -> None:
    name = handed_over(both).name
    file = both.prod.settings.exchange / both.spec.name / name / "2013-01" / "weather.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ExportFileError, match=r"weather\.parquet was truncated"):
        take_in.take_in(both.spec, both.dev, None)
    assert [p for p in both.dev.settings.landing.rglob("*") if p.is_file()] == []


def test_without_approval_nothing_leaves(both: Environments) -> None:
    asked = hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "uwe")
    for answer in (None, {}, {"chosen_options": ["Reject"], "responded_by_user": {"name": "olga"}}):
        with pytest.raises(AccessError, match="no person approved"):
            hand_over.export(both.spec, both.prod, asked, answer, "r1")
    assert both.prod.adapters.exports.names(both.spec.name) == []


def test_a_role_that_is_too_low_neither_asks_nor_approves(both: Environments) -> None:
    with pytest.raises(AccessError, match=r"'vera' has the role 'viewer', which does not read internal columns"):
        hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "vera")
    asked = hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "uwe")
    with pytest.raises(AccessError, match="'vera' has the role 'viewer'"):
        hand_over.export(both.spec, both.prod, asked, {**ANSWER, "responded_by_user": {"name": "vera"}}, "r1")
    with pytest.raises(SettingsError, match="the login 'nobody' has no role"):
        hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "nobody")


def test_an_approval_is_of_one_recipient_key(both: Environments) -> None:
    asked = hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "uwe")
    state_file.delete(both.dev.settings.private_key_file)
    state.make_keys(both.dev.settings)
    with pytest.raises(AccessError, match="the key of dev changed after the approval"):
        hand_over.export(both.spec, both.prod, asked, ANSWER, "r1")


def test_a_spec_that_forbids_it_is_obeyed_before_anybody_is_asked(both: Environments) -> None:
    with pytest.raises(AccessError, match="must not leave"):
        hand_over.ask(personal_spec(allowed=False), both.prod, Period("2013-01"), Period("2013-01"), "why", "uwe")


def test_prods_own_keys_do_not_serve_for_hand_overs(tmp_path: Path) -> None:
    both = environments(tmp_path, hand_over_keys="k01:the-key-of-prod-alone")
    with pytest.raises(SettingsError, match="also prod's own"):
        hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "uwe")


def test_each_side_has_its_place(both: Environments) -> None:
    with pytest.raises(AccessError, match="from prod to dev, and this is dev"):
        hand_over.ask(both.spec, both.dev, Period("2013-01"), Period("2013-01"), "why", "uwe")
    with pytest.raises(AccessError, match="taken in by dev, and this is prod"):
        take_in.take_in(both.spec, both.prod, None)


def test_dev_without_a_hand_over_says_where_it_comes_from(both: Environments) -> None:
    with pytest.raises(NotFoundError, match=r"has no hand-over: run `flight_delay\.hand_over` in prod"):
        take_in.take_in(both.spec, both.dev, None)


def test_dev_that_was_never_up_has_no_key_to_encrypt_for(both: Environments) -> None:
    (both.prod.settings.exchange / "recipients" / "dev.pub").unlink()
    with pytest.raises(NotFoundError, match=r"'dev' has no public key.*make up ENV=dev"):
        hand_over.ask(both.spec, both.prod, Period("2013-01"), Period("2013-01"), "why", "uwe")


def test_the_state_of_one_environment_is_not_used_by_the_other(both: Environments) -> None:
    wrong = both.dev.settings.model_copy(update={"home": both.prod.settings.home})
    with pytest.raises(SettingsError, match=r"is the state of prod, and this is dev: unset MOEBIUS_HOME"):
        state.claim(wrong)


def test_only_the_owner_may_read_the_keys(both: Environments) -> None:
    for file in (both.prod.settings.private_key_file, both.prod.settings.hand_over_key_file):
        assert file.stat().st_mode & 0o077 == 0
    assert not both.dev.settings.hand_over_key_file.exists(), "prod alone can make dev's tokens"


def test_a_broken_source_leaves_no_half_export(both: Environments) -> None:
    landing = both.prod.places.landing(both.spec) / "2013-02"
    landing.mkdir(parents=True)
    (landing / "weather.csv").write_text("origin\nEWR\n")
    with pytest.raises(MoebiusError, match=r"2013-02: source 'weather'.*lacks"):
        handed_over(both, "2013-01", "2013-02")
    assert [p.name for p in (both.prod.settings.exchange / both.spec.name).iterdir()] == []


def test_null_entities_stay_null(done: Environments) -> None:
    assert pc.sum(pc.is_null(landed(done, "flights")["tailnum"])).as_py() > 0
