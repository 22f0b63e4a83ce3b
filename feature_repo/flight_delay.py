"""Feature definitions of flight_delay: entities, sources, feature views, feature service.

A source is a table of the lake, ``lake/<usecase>/<view>``; which version of it is read, the snapshots say.
A ttl is the spec's ``freshness_hours``; 0 never expires. Give owner, description and tags: people search by them.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, String

OWNER = "flight-ops"

project = Project(name="moebius", description="Features of the Moebius use cases")

airport = Entity(
    name="airport",
    join_keys=["origin"],
    value_type=ValueType.STRING,
    description="New York airport of departure",
    owner=OWNER,
)
aircraft = Entity(
    name="aircraft", join_keys=["tailnum"], value_type=ValueType.STRING, description="tail number", owner=OWNER
)

airport_weather = FeatureView(
    name="airport_weather",
    description="Hourly weather at the airport, known one hour after the observation",
    owner=OWNER,
    tags={"usecase": "flight_delay", "source": "weather", "update": "hourly"},
    entities=[airport],
    ttl=timedelta(hours=12),
    schema=[
        Field(name="origin", dtype=String),
        Field(name="temp", dtype=Float64, description="air temperature, °F"),
        Field(name="dewp", dtype=Float64, description="dew point, °F"),
        Field(name="humid", dtype=Float64, description="relative humidity, %"),
        Field(name="wind_speed", dtype=Float64, description="wind speed, mph"),
        Field(name="precip_1h", dtype=Float64, description="precipitation of the hour, inches"),
        Field(name="precip_6h", dtype=Float64, description="precipitation of the last six hours, inches"),
        Field(name="pressure", dtype=Float64, description="sea level pressure, mbar"),
        Field(name="pressure_change_3h", dtype=Float64, description="pressure minus three hours before, mbar"),
        Field(name="visib", dtype=Float64, description="visibility, miles"),
        Field(name="visib_min_3h", dtype=Float64, description="lowest visibility of the last three hours, miles"),
    ],
    source=FileSource(
        name="airport_weather_offline",
        path="lake/flight_delay/airport_weather",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

aircraft_registry = FeatureView(
    name="aircraft",
    description="The FAA registry's entry of the plane",
    owner=OWNER,
    tags={"usecase": "flight_delay", "source": "planes", "update": "monthly"},
    entities=[aircraft],
    ttl=timedelta(0),
    schema=[
        Field(name="tailnum", dtype=String),
        Field(name="year_built", dtype=Float64, description="year of manufacture"),
        Field(name="seats", dtype=Float64, description="number of seats"),
        Field(name="engines", dtype=Float64, description="number of engines"),
    ],
    source=FileSource(
        name="aircraft_offline",
        path="lake/flight_delay/aircraft",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

flight_delay_v1 = FeatureService(
    name="flight_delay_v1",
    description="What the model of flight_delay looks up: the weather at the airport and the plane",
    owner=OWNER,
    tags={"usecase": "flight_delay"},
    features=[airport_weather, aircraft_registry],
)
