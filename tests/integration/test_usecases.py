"""weather_forecast and aircraft_segment through the real parts of the loop, on the real data of 2013."""

from pathlib import Path

import pandas as pd
import pytest

from include.data import versioning
from include.data.pseudonyms import is_token
from tests.integration.usecase_fixtures import Loop

pytestmark = pytest.mark.integration


def features_of(loop: Loop, snapshot: versioning.SnapshotRef) -> pd.DataFrame:
    """The month's events with what the offline store gives for them."""
    events = versioning.read(snapshot, "events", loop.services.lake).to_pandas()
    asked = events.drop(columns=[c for c in (loop.spec.event.label, loop.spec.event.label_time) if c])
    store = loop.services.feature_store
    return store.historical(loop.spec.feature_service, asked, loop.services.snapshot_refs(loop.spec))


def test_the_months_of_weather_forecast_pass_their_gates_and_join_across_the_month(tmp_path: Path) -> None:
    loop = Loop(tmp_path, "weather_forecast")
    loop.publish("2013-01", gated=True)
    february = loop.publish("2013-02", gated=True)
    assert {t: r.rows for t, r in february.tables.items()} == dict.fromkeys(
        ["events", "recent_weather", "weather"], 2010
    )
    rows = features_of(loop, february)
    first = rows[rows["event_timestamp"] == pd.Timestamp("2013-02-01T00:00Z")]
    assert set(first["origin"]) == {"EWR", "JFK", "LGA"}
    assert first.filter(like="temp_").notna().all(axis=None), "readings of January are in the series"
    assert rows["temp_06"].notna().mean() > 0.99
    events = versioning.read(february, "events", loop.services.lake).to_pandas().set_index("forecast_id")
    day_before = rows.assign(truth=events.loc[rows["forecast_id"], "temp_ahead"].to_numpy())
    assert 5 < (day_before["truth"] - day_before["temp_06"]).abs().mean() < 6.5, "the seasonal baseline of February"


def test_the_months_of_aircraft_segment_pass_their_gates_and_show_no_tail_number(tmp_path: Path) -> None:
    loop = Loop(tmp_path, "aircraft_segment")
    loop.publish("2013-01", gated=True)
    february = loop.publish("2013-02", gated=True)
    assert february.tables["events"].rows == 1710
    rows = features_of(loop, february)
    assert all(map(is_token, rows["tailnum"]))
    assert (rows["flights"] >= 5).all()
    assert (rows["plane_usage__event_timestamp"] == pd.Timestamp("2013-03-01T06:00Z")).all()
    assert 0.75 < rows["seats"].notna().mean() < 0.95
    online = loop.services.feature_store.online(loop.spec.feature_service, rows[["tailnum"]].head(5).to_dict("records"))
    assert [one["flights"] for one in online] == rows["flights"].head(5).tolist()
