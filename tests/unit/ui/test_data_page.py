"""The page of a use case's data: what the gates, the snapshots and the quarantine say, as far as the role reads it."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.contracts.governance import Role
from include.contracts.guard import Oddity, PeriodProfile
from include.contracts.period import Period
from include.contracts.quality import QuarantinedRow
from include.contracts.streaming import Reconciliation, RecordedReconciliation
from include.contracts.tables import SnapshotRef, TableRef
from include.data.gate_outcomes import PeriodState
from include.data.manifests import Turn
from include.records.registry import PERIOD_PROFILES, QUARANTINE, RECONCILIATION
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui.access import Reader
from include.ui.charts import state_grid
from include.ui.charts.state_grid import Cell
from include.ui.links import Links
from include.ui.pages import data
from tests.unit.data.test_gate_history import recorded, result
from tests.unit.fakes.adapters import services_in
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
AT = datetime(2013, 5, 1, 6, tzinfo=UTC)
MARCH, APRIL = Period("2013-03"), Period("2013-04")
TAIL = "N14228"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Two months: one that passed and is published twice, one whose rows wait in quarantine."""
    services = services_in(tmp_path)
    lake, snapshots = services.adapters.lake, services.records.snapshots(SPEC)
    recorded(lake, result("raw", MARCH, True, True), result("features", MARCH, True, False))  # type: ignore[arg-type]
    recorded(lake, result("raw", APRIL, False, True))  # type: ignore[arg-type]
    for name in ("2013-03-a", "2013-03-b"):
        table = TableRef(table="events", version=1, rows=27_902, content_hash="0" * 64)
        published = SnapshotRef(usecase=SPEC.name, period=MARCH, name=name, tables={"events": table})
        snapshots.make_current(published, Turn.of(name, AT, "", "published"))
    snapshots.announce(published, "scheduled--2013-05-01-1a2b3c4d")
    snapshots.pin(Turn.of("2013-03-b", AT, "ada", "for the <audit>"))
    content = json.dumps({"tailnum": TAIL, "dest": "<b>MIA</b>"})
    QUARANTINE.append(SPEC.name, lake, [QuarantinedRow(
        period=APRIL, gate="raw", table="flights", row="a" * 64, reasons="delivered twice", content=content,
        status="held", recorded_at=AT,
    )])  # fmt: skip
    odd = Oddity(column="temp", check="mean", value=30, least=1, most=2, chance=0.001)
    PERIOD_PROFILES.append(SPEC.name, lake, [PeriodProfile(
        period=MARCH, source="s", at=AT, rows=9, days=31, shapes={}, counts={}, orders={}, columns=[], mean=[],
        covariance=[], oddities=[odd],
    )])  # fmt: skip
    compared = Reconciliation(view="airport_weather", period=MARCH, equal=8, differing=1, only_speed=0, only_batch=2)
    RECONCILIATION.append(
        SPEC.name, lake, [RecordedReconciliation(period=MARCH, view=compared.view, at=AT, record=compared)]
    )
    return services


def page(services: Services, role: Role = "auditor", language: str = "en") -> str:
    reader = Reader(services, "ada", role)
    shown = data.shown(SPEC, reader)
    view: Any = SimpleNamespace(
        text=lambda text: text, picture=lambda chart, label: label, small_picture=lambda chart, label: label
    )
    pictures = data.drawn(view, SPEC, shown)
    return render(
        "data.html", SPEC, language, data=shown, pictures=pictures, levels=data.LEVELS, words=data.WORDS, reader=reader
    )


def test_the_page_says_what_waits_and_where_it_was_measured(services: Services) -> None:
    text = page(services)
    for words in (
        "1 rows wait in quarantine", "rows in quarantine", "loaded up to 2013-03", "1 periods are left out",
        "temp: mean is 30, before 1 to 2", "27,902", "for the &lt;audit&gt;", "airport_weather",
        "1 of the shown periods were published more than once", "delivered twice",
        "/dags/flight_delay.data_pipeline/runs?run_id_pattern=scheduled__2013_05_01",
    ):  # fmt: skip
        assert words in text, words
    assert "<b>MIA" not in text


def test_a_row_in_quarantine_is_shown_without_what_the_role_does_not_read(services: Services) -> None:
    treated = {column for column, rule in SPEC.privacy.columns.items() if rule.level == "personal"}
    assert "tailnum" in treated, "the test is about a personal column"
    for role in ("admin", "auditor", "engineer"):
        assert TAIL not in page(services, role)
    assert "&lt;b&gt;MIA" in page(services, "auditor")


def test_a_role_that_reads_no_records_is_told_so(services: Services) -> None:
    text = page(services, "viewer")
    assert "the role viewer does not read the table gate_results" in text
    assert "the role viewer does not read the table quarantine" in text
    assert "delivered twice" not in text
    assert "no row waits" not in text


def test_a_use_case_without_data_says_what_to_run(tmp_path: Path) -> None:
    for language in ("en", "ko"):
        text = page(services_in(tmp_path), language=language)
        assert text.count('href="/dags/flight_delay.data_pipeline"') >= 2
        assert "mark good" not in text, "nothing was judged"


def test_words_are_in_the_language_of_the_reader(services: Services) -> None:
    text = page(services, language="ko")
    assert "데이터 품질 검증" in text
    assert "Quality gates" not in text


# -- the calendar
@pytest.mark.parametrize(("period", "place"), [
    ("2013-04-01T05Z", ("05", "2013-04-01")), ("2013-04-03", ("2013-04-01", "Wed")), ("2013-W14", ("W14", "2013")),
    ("2013-04", ("04", "2013")),
])  # fmt: skip
def test_a_period_stands_where_the_calendar_of_its_rhythm_has_it(period: str, place: tuple[str, str]) -> None:
    assert state_grid.places(Period(period).every)(Period(period), data.WEEKDAYS) == place


def test_a_year_of_days_is_weeks_by_weekdays_and_a_telephone_sees_the_newest() -> None:
    days = Period.ranged("2013-01-01..2013-12-31")
    cells, rows = data.calendar("day", [PeriodState(day, "passed") for day in days], str)
    assert rows[0] == "Mon"
    wide, narrow = (state_grid.grid(cells, rows, width, cut=7) for width in (1000, 340))
    columns = [spec["layer"][0]["encoding"]["x"]["scale"]["domain"] for spec in (wide, narrow)]
    assert len(columns[0]) == 53
    assert columns[1] == columns[0][-25:]
    assert narrow["width"] <= 340


def test_a_mark_has_a_shape_and_words_of_its_own() -> None:
    looks = list(state_grid.LOOKS.values())
    assert len({colour for colour, _ in looks}) == len({shape for _, shape in looks}) == len(looks)
    picture = state_grid.grid([Cell("1", "a", "refused", "1: refused")], ["a"], 340)
    assert picture["data"]["values"] == [{"column": "1", "row": "a", "state": "refused", "said": "1: refused"}]
    assert all(layer["encoding"]["description"]["field"] == "said" for layer in picture["layer"])


def test_labels_of_columns_stand_apart_and_within_the_picture() -> None:
    hours = [str(hour) for hour in Period.ranged("2013-04-01T00Z..2013-04-02T05Z")]
    shown = state_grid._labelled(hours, 26, 20)
    places = [hours.index(hour) for hour in shown]
    assert places[0] == 0
    assert all(b - a >= 5 for a, b in pairwise(places))
    assert len(hours) - places[-1] >= 3


def test_the_label_of_a_mark_stands_above_it_and_that_of_a_group_where_it_begins() -> None:
    def axis(columns: list[str], cut: int) -> Any:
        cells = [Cell(column, "a", "passed", column) for column in columns]
        return state_grid.grid(cells, ["a"], 1000, cut=cut)["layer"][0]["encoding"]["x"]["axis"]

    assert axis(["2013-01", "2013-02"], 20)["labelAlign"] == "center"
    weeks = axis(["2012-12-31", "2013-01-07", "2013-01-14"], 7)
    assert (weeks["labelAlign"], weeks["labelOffset"]) == ("left", -state_grid.MOST // 2)


@pytest.mark.parametrize(("counts", "state"), [
    ((0, 0, 0, 9), "not checked"), ((9, 0, 0, 0), "passed"), ((9, 0, 1, 0), "warned"), ((9, 0, 0, 1), "warned"),
    ((9, 1, 0, 0), "refused"),
])  # fmt: skip
def test_streams_agree_or_not(counts: tuple[int, ...], state: str) -> None:
    named = dict(zip(("equal", "differing", "only_speed", "only_batch"), counts, strict=True))
    assert data.agreement(Reconciliation(view="v", period=MARCH, **named)) == state


def test_a_run_is_found_by_the_name_that_records_keep() -> None:
    links = Links("/moebius")
    address = links.run_named("u", "data_pipeline", "manual--2026-11-29T02-22-43-82-00-00-c248110b")
    assert address == "/dags/u.data_pipeline/runs?run_id_pattern=manual__2026_11_29T02_22_43_82_00_00"
