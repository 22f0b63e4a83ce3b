"""Feast definitions of flight_delay: what is known of an airport and of an aircraft at scheduled departure."""

import os
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float64

OFFLINE = Path(os.environ["MOEBIUS_HOME"]) / "feature_store" / "offline"

airport = Entity(
    name="airport", join_keys=["origin"], value_type=ValueType.STRING, description="New York airport of departure"
)
aircraft_entity = Entity(name="aircraft", join_keys=["tailnum"], value_type=ValueType.STRING, description="tail number")


def numbers(**meanings: str) -> list[Field]:
    return [Field(name=name, dtype=Float64, description=meaning) for name, meaning in meanings.items()]


def parquet(view: str) -> FileSource:
    """The months of a view, one Parquet file each."""
    return FileSource(name=f"{view}_batch", path=str(OFFLINE / view / "*.parquet"), timestamp_field="event_timestamp")


airport_weather = FeatureView(
    name="airport_weather",
    entities=[airport],
    ttl=timedelta(hours=12),
    schema=numbers(
        temp="temperature, °F",
        dewp="dew point, °F",
        humid="relative humidity, %",
        wind_speed="wind speed, mph",
        precip_1h="precipitation of the last hour, inches",
        precip_6h="precipitation of the last six hours, inches",
        pressure="sea-level pressure, millibars",
        pressure_change_3h="change of pressure in three hours, millibars",
        visib="visibility, miles",
        visib_min_3h="lowest visibility of the last three hours, miles",
    ),
    source=PushSource(name="airport_weather_live", batch_source=parquet("airport_weather")),
    owner="flight-ops",
    description="The newest weather observation that is known at the hour, one hour old.",
)

aircraft = FeatureView(
    name="aircraft",
    entities=[aircraft_entity],
    ttl=timedelta(days=400),
    schema=numbers(year_built="year of manufacture", seats="number of seats", engines="number of engines"),
    source=parquet("aircraft"),
    owner="flight-ops",
    description="The plane behind a tail number, from the FAA's registry.",
)

flight_delay_v1 = FeatureService(
    name="flight_delay_v1",
    features=[airport_weather, aircraft],
    owner="flight-ops",
    description="Looked-up features of flight_delay.",
)
