"""Feature definitions of weather_forecast: entities, sources, feature views, feature service.

Each reading is a series of 24 hours in as many columns: ``_00`` is 23 hours before ``_23``, the newest.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, String

OWNER = "weather-desk"
HOURS = 24
READINGS = {
    "temp": "air temperature, °F",
    "dewp": "dew point, °F",
    "humid": "relative humidity, %",
    "wind_speed": "wind speed, mph",
    "pressure": "sea level pressure, mbar",
}

weather_station = Entity(
    name="weather_station",
    join_keys=["origin"],
    value_type=ValueType.STRING,
    description="weather station of a New York airport",
    owner=OWNER,
)

recent_weather = FeatureView(
    name="recent_weather",
    description="Readings of the last 24 hours, known one hour after the newest of them",
    owner=OWNER,
    tags={"usecase": "weather_forecast", "source": "weather", "update": "hourly"},
    entities=[weather_station],
    ttl=timedelta(hours=6),
    schema=[
        Field(name="origin", dtype=String),
        *(
            Field(name=f"{name}_{hour:02d}", dtype=Float64, description=f"{meaning}, {HOURS - 1 - hour} hours before")
            for name, meaning in READINGS.items()
            for hour in range(HOURS)
        ),
    ],
    source=FileSource(
        name="recent_weather_offline",
        path="lake/weather_forecast/recent_weather",
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    ),
)

weather_forecast_v1 = FeatureService(
    name="weather_forecast_v1",
    description="What the model of weather_forecast looks up: the last 24 hours at the airport",
    owner=OWNER,
    tags={"usecase": "weather_forecast"},
    features=[recent_weather],
)
