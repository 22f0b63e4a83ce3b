"""The spec refuses what it does not know, with the file, the key and what is allowed."""

from pathlib import Path

import pytest

from include.errors import SpecError
from include.specification.loader import load_usecase, parse_usecase

GOOD = load_usecase("flight_delay").directory / "usecase.yaml"


def changed(tmp_path: Path, old: str, new: str, name: str = "flight_delay") -> Path:
    text = GOOD.read_text()
    assert old in text
    path = tmp_path / name / "usecase.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("drift_features: 3", "drift_feature: 3", r"unknown key 'monitoring.drift_feature'; allowed here: drift_thr"),
        ("min_gain: 0.01", "min_gain: -1", r"'comparison.min_gain' = -1: .*greater than or equal to 0"),
        ("bins: [0.001, 0.01", "bims: [0.001, 0.01", r"unknown key 'features.12.bims'; allowed here: name, kind, from"),
        (
            "strategy: canary",
            "strategy: yolo",
            r"'rollout.strategy' = 'yolo': .*'canary', 'ab_test' or 'shadow'",
        ),
        ("steps: [0.2, 0.5]", "steps: [0.5, 0.2]", r"rollout steps .* must rise"),
        ("first: 2013-01", "first: January", r"period 'January' is not a month"),
        ("from: aircraft}", "from: plane}", r"features come from \['plane'\], which feature_views does not have"),
        ("name: flight_delay\n", "name: other\n", r"'name' = 'other' must be the name of its directory"),
        (
            "{source: weather, id: [origin, time_hour]",
            "{source: planes, id: [tailnum]",
            r"'planes' needs a 'time' column",
        ),
        ("{source: weather, id: [origin, time_hour]", "{source: weather, id: [gate]", r"id and key name \['gate'\]"),
        (
            "{source: weather, id: [origin, time_hour]",
            "{source: flights, id: [origin]",
            r"has \['tailnum'\].* in clear",
        ),
        ("  event_timestamp: timestamp ", "  asked_at: timestamp ", r"\['event_timestamp'\], so clients must send it"),
        ("task: binary", "task: [binary", r"cannot be read as YAML"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(SpecError, match=said) as caught:
        parse_usecase(path)
    assert str(path) in str(caught.value)


def test_a_use_case_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(SpecError, match=r"no use case 'flights'; there are: .*flight_delay"):
        load_usecase("flights")


def test_the_spec_knows_its_views_and_features() -> None:
    spec = load_usecase("flight_delay")
    assert spec.views == ["airport_weather", "aircraft"]
    assert len(spec.feature_names) == len(set(spec.feature_names)) == 21
