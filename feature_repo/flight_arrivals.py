"""Feature definitions of flight_arrivals: how punctual the flights of the last hours were.

Each view has a row for every minute with a message, and is kept current by a stream of these messages.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, String

OWNER = "flight-ops"

departure_airport = Entity(
    name="departure_airport",
    join_keys=["origin"],
    value_type=ValueType.STRING,
    description="New York airport of departure",
    owner=OWNER,
)
airline_at_airport = Entity(
    name="airline_at_airport",
    join_keys=["airline_at"],
    value_type=ValueType.STRING,
    description="an airline at a New York airport",
    owner=OWNER,
)
arrival_airport = Entity(
    name="arrival_airport",
    join_keys=["dest"],
    value_type=ValueType.STRING,
    description="airport of arrival",
    owner=OWNER,
)

airport_departures = FeatureView(
    name="airport_departures",
    description="Departures from the airport in the last hours, known when each has left",
    owner=OWNER,
    tags={"usecase": "flight_arrivals", "source": "departures", "update": "by event"},
    entities=[departure_airport],
    ttl=timedelta(hours=6),
    schema=[
        Field(name="origin", dtype=String),
        Field(name="departures_1h_count", dtype=Float64, description="departures of the last hour"),
        Field(name="departures_1h_delay", dtype=Float64, description="their mean delay, minutes"),
        Field(name="departures_1h_late", dtype=Float64, description="share of them more than 15 minutes late"),
        Field(name="departures_3h_count", dtype=Float64, description="departures of the last three hours"),
        Field(name="departures_3h_delay", dtype=Float64, description="their mean delay, minutes"),
        Field(name="departures_3h_late", dtype=Float64, description="share of them more than 15 minutes late"),
    ],
    source=FileSource(
        name="airport_departures_offline",
        path="lake/flight_arrivals/airport_departures",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

airline_departures = FeatureView(
    name="airline_departures",
    description="Departures of an airline from the airport in the last hours, known when each has left",
    owner=OWNER,
    tags={"usecase": "flight_arrivals", "source": "departures", "update": "by event"},
    entities=[airline_at_airport],
    ttl=timedelta(hours=6),
    schema=[
        Field(name="airline_at", dtype=String),
        Field(name="airline_3h_count", dtype=Float64, description="departures of the last three hours"),
        Field(name="airline_3h_delay", dtype=Float64, description="their mean delay, minutes"),
        Field(name="airline_3h_late", dtype=Float64, description="share of them more than 15 minutes late"),
    ],
    source=FileSource(
        name="airline_departures_offline",
        path="lake/flight_arrivals/airline_departures",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

airport_arrivals = FeatureView(
    name="airport_arrivals",
    description="Arrivals from New York at the airport in the last hours, known when each has landed",
    owner=OWNER,
    tags={"usecase": "flight_arrivals", "source": "arrivals", "update": "by event"},
    entities=[arrival_airport],
    ttl=timedelta(hours=6),
    schema=[
        Field(name="dest", dtype=String),
        Field(name="arrivals_3h_count", dtype=Float64, description="arrivals of the last three hours"),
        Field(name="arrivals_3h_delay", dtype=Float64, description="their mean delay, minutes"),
        Field(name="arrivals_3h_late", dtype=Float64, description="share of them more than 15 minutes late"),
    ],
    source=FileSource(
        name="airport_arrivals_offline",
        path="lake/flight_arrivals/airport_arrivals",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

flight_arrivals_v1 = FeatureService(
    name="flight_arrivals_v1",
    description="What the model looks up: the last hours of the airport, the airline and the destination",
    owner=OWNER,
    tags={"usecase": "flight_arrivals"},
    features=[airport_departures, airline_departures, airport_arrivals],
)
