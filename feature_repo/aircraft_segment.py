"""Feature definitions of aircraft_segment: entities, sources, feature views, feature service."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, String

OWNER = "fleet-analysis"

plane = Entity(name="plane", join_keys=["tailnum"], value_type=ValueType.STRING, description="tail number", owner=OWNER)

plane_usage = FeatureView(
    name="plane_usage",
    description="How the plane was used from New York in its newest complete month",
    owner=OWNER,
    tags={"usecase": "aircraft_segment", "source": "flights", "update": "monthly"},
    entities=[plane],
    ttl=timedelta(hours=1080),
    schema=[
        Field(name="tailnum", dtype=String),
        Field(name="flights", dtype=Float64, description="scheduled departures in the month"),
        Field(name="mean_distance", dtype=Float64, description="mean distance of these flights, miles"),
        Field(name="long_share", dtype=Float64, description="share of them over more than 1,000 miles"),
        Field(name="destinations", dtype=Float64, description="number of different airports flown to"),
        Field(name="departure_hour", dtype=Float64, description="mean local hour of the scheduled departures"),
        Field(name="weekend_share", dtype=Float64, description="share of them on a Saturday or Sunday"),
    ],
    source=FileSource(
        name="plane_usage_offline",
        path="lake/aircraft_segment/plane_usage",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

plane_registry = FeatureView(
    name="plane_registry",
    description="The FAA registry's entry of the plane",
    owner=OWNER,
    tags={"usecase": "aircraft_segment", "source": "planes", "update": "monthly"},
    entities=[plane],
    ttl=timedelta(0),
    schema=[
        Field(name="tailnum", dtype=String),
        Field(name="year_built", dtype=Float64, description="year of manufacture"),
        Field(name="seats", dtype=Float64, description="number of seats"),
        Field(name="engines", dtype=Float64, description="number of engines"),
    ],
    source=FileSource(
        name="plane_registry_offline",
        path="lake/aircraft_segment/plane_registry",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

aircraft_segment_v1 = FeatureService(
    name="aircraft_segment_v1",
    description="What the model of aircraft_segment looks up: the plane's month and what it is",
    owner=OWNER,
    tags={"usecase": "aircraft_segment"},
    features=[plane_usage, plane_registry],
)
