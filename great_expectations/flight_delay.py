"""Expectation suites of flight_delay: what the raw tables and the features of a month must be.

``critical`` blocks publication, ``warning`` is recorded. ``min_rows`` is half of what the months before had.
"""

import great_expectations.expectations as gxe

NUMBERS = ["int64", "float64", "Int64", "Float64"]
AIRPORTS = ["EWR", "JFK", "LGA"]


def numeric(*columns: str) -> list:
    return [gxe.ExpectColumnValuesToBeInTypeList(column=c, type_list=NUMBERS) for c in columns]


def complete(*columns: str, mostly: float = 1.0) -> list:
    return [gxe.ExpectColumnValuesToNotBeNull(column=c, mostly=mostly) for c in columns]


def between(column: str, low: float, high: float, mostly: float = 1.0, severity: str = "critical") -> list:
    return [
        gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, mostly=mostly, severity=severity)
    ]


def volume(table: str) -> list:
    return [gxe.ExpectTableRowCountToBeBetween(min_value={"$PARAMETER": f"{table}_min_rows"})]


FLIGHT = ["year", "month", "day", "sched_dep_time", "carrier", "flight", "origin"]

RAW = {
    "flights": [
        *volume("flights"),
        *numeric("sched_dep_time", "sched_arr_time", "arr_delay", "distance"),
        *complete("year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "origin", "dest"),
        *complete("distance", "time_hour"),
        *complete("arr_delay", mostly=0.8),
        *complete("tailnum", mostly=0.95),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=FLIGHT),
        gxe.ExpectColumnValuesToBeInSet(column="origin", value_set=AIRPORTS),
        *between("sched_dep_time", 0, 2359),
        *between("sched_arr_time", 0, 2400),
        *between("distance", 1, 6000),
        *between("arr_delay", -200, 2880),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="day", min_value=27, severity="warning"),
    ],
    "weather": [
        *volume("weather"),
        *numeric("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"),
        *complete("origin", "time_hour"),
        *complete("temp", "humid", "wind_speed", "precip", "visib", mostly=0.95),
        gxe.ExpectColumnValuesToBeInSet(column="origin", value_set=AIRPORTS),
        *between("temp", -40, 130),
        *between("humid", 0, 100),
        *between("wind_speed", 0, 200, mostly=0.999),
        *between("precip", 0, 20),
        *between("pressure", 850, 1100),
        *between("visib", 0, 100),
    ],
    "planes": [
        gxe.ExpectTableRowCountToBeBetween(min_value=1000),
        *numeric("year", "engines", "seats"),
        *complete("tailnum"),
        gxe.ExpectColumnValuesToBeUnique(column="tailnum"),
        *between("engines", 1, 8),
        *between("seats", 1, 900),
        *between("year", 1930, 2014, severity="warning"),
    ],
}

FEATURES = {
    "events": [
        gxe.ExpectColumnValuesToBeUnique(column="flight_id"),
        *complete("flight_id", "event_timestamp", "carrier", "origin", "dest", "sched_dep_minute", "distance"),
        *complete("late", mostly=0.8),
        gxe.ExpectColumnValuesToBeInSet(column="late", value_set=[0, 1]),
        gxe.ExpectColumnMeanToBeBetween(column="late", min_value=0.02, max_value=0.7),
        *between("sched_dep_minute", 0, 1440),
        *between("day_of_week", 0, 6),
    ],
    "airport_weather": [
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["origin", "event_timestamp"]),
        *complete("origin", "event_timestamp"),
        *complete("temp", "humid", "visib", mostly=0.95),
        *between("precip_6h", 0, 60),
        *between("pressure_change_3h", -60, 60),
    ],
    "aircraft": [
        gxe.ExpectColumnValuesToBeUnique(column="tailnum"),
        *complete("tailnum", "event_timestamp"),
    ],
}

SUITES = {"raw": RAW, "features": FEATURES}
