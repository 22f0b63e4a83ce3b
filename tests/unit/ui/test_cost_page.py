"""The cost pages: sums with their time and source, money by prices alone, and what is not measured."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.contracts.costs import Prices, StoredBytes
from include.contracts.governance import Role
from include.contracts.period import Period
from include.errors import ServiceError
from include.records.registry import STORAGE, TASK_COSTS
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.ui.access import Reader
from include.ui.charts import bars
from include.ui.language import translations
from include.ui.pages import cost as page
from tests.unit.fakes.adapters import services_in
from tests.unit.operations.overview.test_task_sums import cost
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
AT = datetime(2013, 5, 2, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A training in the lake, and a failed attempt that is not there yet."""
    services = services_in(tmp_path)
    adapters: Any = services.adapters
    adapters.metrics_server = SimpleNamespace(query=answered)
    adapters.cost_spool = lambda usecase: SimpleNamespace(read=lambda: [cost(attempt=2, outcome="failed")])
    TASK_COSTS.append(SPEC.name, adapters.lake, [cost(release="r0001", version=1)])
    stored = StoredBytes(period=Period("2013-05"), at=AT, place="lake", size_bytes=3_000_000_000, files=12)
    STORAGE.append(SPEC.name, adapters.lake, [stored])
    return services


def answered(promql: str) -> list[tuple[dict[str, str], float]]:
    if "cpu_seconds" in promql:
        return [({"service": "triton"}, 600.0)]
    if "nv_inference_compute" in promql:
        return [({}, 3e6)]
    if "nv_inference_count" in promql:
        return [({}, 1500.0)]
    return [({"usecase": SPEC.name, "release": "r0001"}, 1000.0), ({"usecase": "other", "release": "r0002"}, 2000.0)]


def shown(services: Services, role: Role = "auditor", language: str = "en") -> str:
    reader = Reader(services, "ada", role)
    view: Any = SimpleNamespace(
        text=lambda text: text, picture=lambda chart, label: label, small_picture=lambda chart, label: label
    )
    found = page.shown(SPEC, reader)
    content = {"cost": found, "pictures": page.drawn(view, found), "reader": reader, **page._prices(reader)}
    return render("cost.html", SPEC, language, **content)


def test_without_prices_there_is_no_money(services: Services) -> None:
    text = shown(services)
    for words in (
        "No prices are set", "2.0 h", "1 of 2", "they took 60.0 min of CPU", "3.0 GB",
        "1,000 predictions", "2.0 s", "10.0 min of CPU for all use cases", "3.3 min",
        "From <time", "What is not measured", "r0001",
    ):  # fmt: skip
        assert words in text, words
    assert "Price" not in text.replace("Prices", "").replace("MOEBIUS_PRICES", "")


def test_a_figure_of_storage_has_its_time_and_a_version_its_sum(services: Services) -> None:
    text = shown(services)
    tile = text.partition("<h2>Storage</h2>")[2].partition("</li>")[0]
    assert "3.0 GB" in tile
    assert "2013-05-02 00:00 UTC" in tile
    table = text.partition("What a model version took in all")[2].partition("</table>")[0]
    assert '<td class="n"><strong>2.0 h</strong></td>' in table, "both attempts of the training of r0001"


def test_with_prices_every_sum_has_its_money(services: Services) -> None:
    services.settings = services.settings.model_copy(
        update={"prices": Prices(currency="EUR", cpu_hour=2, storage_gb_month=0.5)}
    )
    text = shown(services)
    assert "4.00 EUR" in text, "two hours of CPU"
    assert "1.50 EUR a month" in text


def test_prometheus_that_does_not_answer_is_named_and_breaks_nothing(services: Services) -> None:
    def down(promql: str) -> Any:
        raise ServiceError("Prometheus did not answer")

    services.adapters.metrics_server = SimpleNamespace(query=down)  # type: ignore[misc, assignment]
    text = shown(services)
    assert '<p class="note">Prometheus did not answer</p>' in text
    assert "2.0 h" in text


def test_a_role_that_reads_no_records_sees_no_costs(services: Services) -> None:
    text = shown(services, "viewer")
    assert "the role viewer does not read the table task_costs" in text
    assert "2.0 h" not in text


def test_a_use_case_without_costs_says_how_to_get_some(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    adapters: Any = services.adapters
    adapters.metrics_server = SimpleNamespace(query=lambda promql: [])
    adapters.cost_spool = lambda usecase: SimpleNamespace(read=list)
    for language, words in (("en", "start one, and its cost is here"), ("ko", "측정하지 않는 것")):
        text = shown(services, language=language)
        assert words in text
        assert "flight_delay.maintenance" in text
        assert "mark good" not in text


def test_all_use_cases_stand_side_by_side(services: Services) -> None:
    reader = Reader(services, "ada", "auditor")
    line = page.line(SPEC, reader)
    text = render("costs.html", lines=[line], picture="", reader=reader, **page._prices(reader))
    assert SPEC.title in text
    assert "2.0 h" in text
    assert "3.0 GB" in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0.0 s"), (0.04, "40 ms"), (90, "90.0 s"), (600, "10.0 min"), (9000, "2.5 h")]
)
def test_time_reads_in_its_unit(seconds: float, words: str) -> None:
    assert page.duration(seconds) == words


@pytest.mark.parametrize(("count", "words"), [
    (0, "0 B"), (1500, "2 kB"), (2.5e6, "2.5 MB"), (3e9, "3.0 GB"), (4e12, "4.0 TB"),
])  # fmt: skip
def test_sizes_read_in_their_unit(count: float, words: str) -> None:
    assert page.size(count) == words


def test_prices_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOEBIUS_PRICES", '{"currency": "KRW", "cpu_hour": 55}')
    prices = Settings(home=tmp_path).prices
    assert (prices.currency, prices.cpu_hour, prices.gpu_hour) == ("KRW", 55, 0)


def test_columns_that_do_not_fit_are_the_oldest() -> None:
    points = [{"at": f"2013-05-{d:02}", "part": "p", "value": d, "said": str(d)} for d in range(1, 32)]
    narrow = bars.stacked(points, 340, "minutes")
    times = narrow["encoding"]["x"]["scale"]["domain"]
    assert times[-1] == "2013-05-31"
    assert len(times) == len(narrow["data"]["values"]) < 31


def test_a_bar_has_its_words() -> None:
    picture = bars.by_name([{"name": "lake", "value": 3.0, "shown": "3 MB", "said": "lake: 3 MB"}], 340)
    assert picture["data"]["values"] == [{"name": "lake", "value": 3.0, "shown": "3 MB", "said": "lake: 3 MB"}]
    assert picture["layer"][0]["encoding"]["description"]["field"] == "said"


def test_the_place_of_all_use_cases_is_in_the_language_of_the_page() -> None:
    view: Any = SimpleNamespace(text=translations("ko").gettext, picture=lambda chart, label: chart(340))
    stored = StoredBytes(period=Period("2013-05"), at=AT, place="MLflow (all use cases)", size_bytes=10, files=1)
    assert "MLflow(전체 유스케이스)" in str(page._storage(view, [stored]))
