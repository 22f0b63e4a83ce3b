"""A faulty spec takes its own use case away, says why, and leaves every other one."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from include.services import checking
from include.settings import Settings
from include.specification import companions, loader, usecase
from include.specification.data import ViewSpec
from include.specification.part import Fault, Part

FAULTS: dict[str, Callable[[Path], object]] = {
    "YAML syntax": lambda file: file.write_text(file.read_text().replace("task: binary", "task: [binary")),
    "unknown key": lambda file: file.write_text(file.read_text().replace("owner:", "ownr:")),
    "wrong type": lambda file: file.write_text(file.read_text().replace("resamples: 1000", "resamples: many")),
    "impossible value": lambda file: file.write_text(file.read_text().replace("confidence: 0.95", "confidence: 95")),
    "not a number": lambda file: file.write_text(file.read_text().replace("min_gain: 0.01", "min_gain: .nan")),
    "key twice": lambda file: file.write_text(file.read_text() + "\nowner: somebody\n"),
    "wrong encoding": lambda file: file.write_bytes(file.read_text().encode("utf-16")),
    "empty file": lambda file: file.write_text(""),
    "no spec": lambda file: file.unlink(),
    "a directory for a spec": lambda file: (file.unlink(), file.mkdir()),
    "another name": lambda file: file.write_text(file.read_text().replace("name: copied\n", "name: other\n")),
    "the name of another": lambda file: file.write_text(file.read_text().replace("name: copied", "name: flight_delay")),
    "a cron that no calendar has": lambda file: file.write_text(file.read_text().replace("0 6 1 * *", "0 6 31 2 *")),
}


@pytest.fixture(scope="module")
def usecases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all use cases; each spec is parsed once."""
    place = tmp_path_factory.mktemp("project") / "usecases"
    return shutil.copytree(loader.USECASES, place, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def copied(usecases: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The spec of one use case more, in a copy of the use cases that is read in place of them."""
    file = usecases / "copied" / "usecase.yaml"
    shutil.copytree(usecases / "flight_delay", file.parent)
    file.write_text(file.read_text().replace("name: flight_delay\n", "name: copied\n"))
    monkeypatch.setattr(loader, "USECASES", usecases)
    yield file
    shutil.rmtree(file.parent)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_kind_of_fault_stops_its_own_use_case_only(fault: str, copied: Path) -> None:
    others = set(loader.specifications().good) - {"copied"}
    assert "copied" in loader.specifications().good
    FAULTS[fault](copied)
    good, faulty = loader.specifications()
    assert set(good) == others
    assert set(faulty) == {"copied"}
    assert all(f"{copied}:" in line for line in faulty["copied"].splitlines())
    assert {spec.name for spec in loader.usecases()} == others


def test_a_corrected_spec_is_used_again_by_the_same_process(copied: Path) -> None:
    text = copied.read_text()
    copied.write_text(text.replace("owner:", "ownr:"))
    assert "copied" not in loader.specifications().good
    copied.write_text(text)
    assert "copied" in loader.specifications().good


def test_what_an_interpreter_leaves_behind_is_no_use_case(copied: Path) -> None:
    shutil.rmtree(copied.parent)
    (copied.parent / "__pycache__").mkdir(parents=True)
    assert "copied" not in loader.specifications().faulty


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("published_after_hours: 1", "published_after_hours: 1.0e+308"),
        ("freshness_hours: 12", "freshness_hours: 1.0e+30"),
        ("bake_seconds: 10", "bake_seconds: 1.0e+300"),
        ("max_wait_seconds: 180", "max_wait_seconds: 1.0e+12"),
    ],
)
def test_a_length_of_time_that_no_clock_counts_is_refused_with_key_value_and_bound(
    given: str, wrong: str, copied: Path
) -> None:
    copied.write_text(copied.read_text().replace(given, wrong))
    (fault,) = loader.specifications().faulty["copied"].splitlines()
    key = given.partition(":")[0]
    assert key in fault
    assert "less than or equal to" in fault


def test_a_number_that_a_check_cannot_compute_with_is_a_fault_of_its_part() -> None:
    class Ratio(Part):
        of: float

        def faults(self) -> Iterator[Fault]:
            yield Fault("of", str(1 / self.of))

    with pytest.raises(ValidationError, match="cannot be checked: a number in it is too large or too small"):
        Ratio(of=0)


def test_a_check_that_breaks_stops_its_own_use_case_only(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(spec: ViewSpec) -> Iterator[Fault]:
        if spec.freshness_hours == 13:
            raise IndexError("list index out of range")
        yield from ()

    monkeypatch.setattr(ViewSpec, "faults", broken)
    copied.write_text(copied.read_text().replace("freshness_hours: 12", "freshness_hours: 13"))
    good, faulty = loader.specifications()
    assert faulty == {"copied": f"{copied}:1: cannot be checked (IndexError: list index out of range)"}
    assert "flight_delay" in good


def test_an_abort_query_without_text_is_refused(copied: Path) -> None:
    text = copied.read_text()
    start, end = text.index("        query: >-\n"), text.index("  parity_bound:")
    copied.write_text(f"{text[:start]}        query: ' '\n{text[end:]}")
    assert "rollout.abort.queries.0.query" in (fault := loader.specifications().faulty["copied"])
    assert "is empty; write PromQL" in fault


@pytest.mark.parametrize("kind", ["module", "spec", "definition", "beside"])
def test_the_dead_link_that_an_editor_leaves_stops_nothing(
    kind: str, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    shutil.copytree(loader.ROOT / companions.DEFINITIONS, root / companions.DEFINITIONS)
    monkeypatch.setattr(loader, "ROOT", root)
    monkeypatch.setattr(usecase, "USECASES", copied.parent.parent)
    monkeypatch.setattr(companions, "companion_faults", partial(companions.companion_faults, root=root))
    settings = Settings(home=tmp_path / "home")
    before = {name: lines for name, lines in checking.known(settings).items() if name != "copied"}
    folder = {"definition": root / companions.DEFINITIONS, "beside": copied.parent.parent}.get(kind, copied.parent)
    link = folder / (".#usecase.yaml" if kind == "spec" else ".#some.py")
    link.symlink_to("somebody@host.1234:5678")
    try:
        after = checking.known(settings)
    finally:
        link.unlink()
    assert {name: lines for name, lines in after.items() if name != "copied"} == before


@pytest.mark.parametrize("text", ["x = " + "-" * 100_000 + "1", "x = a" + ".b" * 50_000, "x = " + "(" * 5000])
def test_a_module_that_is_nested_too_deep_is_named(text: str, tmp_path: Path) -> None:
    spec = loader.load_usecase("weather_forecast")
    file = tmp_path / "include/usecases/weather_forecast/features.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    faults = companions.companion_faults(spec, tmp_path)
    assert [line for line in faults if line.startswith("include/usecases/weather_forecast/features.py:1: ")]


def test_a_suite_that_is_nested_too_deep_is_named(tmp_path: Path) -> None:
    spec = loader.load_usecase("weather_forecast")
    file = tmp_path / companions.SUITES / "weather_forecast_raw_weather.json"
    file.parent.mkdir(parents=True)
    file.write_text("[" * 200_000)
    faults = companions.companion_faults(spec, tmp_path)
    assert f"{companions.SUITES}/{file.name}:1: cannot be read as JSON (RecursionError)" in faults


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("!!bool x", "'x' is no bool"),
        ("!!int x", "'x' is no int"),
        ("!!int ''", "'' is no int"),
        ("!!float x", "'x' is no float"),
        ("!!timestamp x", "'x' is no timestamp"),
        ("!!timestamp 2013-99-99", "'2013-99-99' is no timestamp"),
        ("!!set x", "expected a mapping node"),
        ("9" * 5000, f"'{'9' * 60}…' is no int"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_named_with_its_line(owner: str, said: str, copied: Path) -> None:
    lines = copied.read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith("owner:"))
    lines[number] = f"owner: {owner}"
    copied.write_text("\n".join(lines))
    good, faulty = loader.specifications()
    assert "flight_delay" in good
    assert faulty["copied"].startswith(f"{copied}:{number + 1}: is not YAML: ")
    assert said in faulty["copied"]
