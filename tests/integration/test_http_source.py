"""The weather from a real HTTP API that pages, throttles, fails and lies."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.data import ingestion
from include.errors import ServiceError, SourceError, SpecError
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.api_fixtures import Api, api  # noqa: F401
from tests.integration.ports import free_port

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
FEBRUARY = Period("2013-02")
NOWHERE = Path("/nothing is delivered here")
SERVICES = Services(Settings(home=NOWHERE))
WINDOW = {"start": "from", "end": "to"}


@pytest.fixture(scope="module")
def weather() -> pa.Table:
    return rows(SPEC)


@pytest.fixture(scope="module")
def hours(weather: pa.Table) -> list[dict[str, Any]]:
    """February's weather as JSON has it, and an hour on either side."""
    columns = weather.to_pandas().astype({"time_hour": str})
    columns["time_hour"] = columns["time_hour"].str.replace(" ", "T").str.replace("+00:00", "Z")
    february = columns.astype(object).where(columns.notna(), None).to_dict("records")
    return [*february, *(february[0] | {"time_hour": at} for at in ("2013-02-01T04:00:00Z", "2013-03-01T05:00:00Z"))]


@pytest.fixture
def served(api: Api, hours: list[dict[str, Any]]) -> Api:  # noqa: F811
    """The API with all of them."""
    api.tables["weather"] = [dict(row) for row in hours]
    return api


@pytest.fixture
def few(api: Api, hours: list[dict[str, Any]]) -> Api:  # noqa: F811
    """The API with the first 20, where only the way to them counts."""
    api.tables["weather"] = hours[:20]
    return api


def from_(url: str, **options: Any) -> UseCase:
    source = SPEC.sources["weather"].model_copy(update={"connector": "http", "options": {"url": url} | options})
    return SPEC.model_copy(update={"sources": SPEC.sources | {"weather": source}})


def rows(spec: UseCase) -> pa.Table:
    return pa.Table.from_batches(ingestion.batches(spec, "weather", FEBRUARY, NOWHERE, SERVICES.adapters.connector))


PAGINGS: dict[str, dict[str, Any]] = {
    "whole": {},
    "page": {"paging": {"by": "page", "parameter": "page", "size": 300, "size_parameter": "size"}},
    "offset": {"paging": {"by": "offset", "parameter": "offset", "size": 300, "size_parameter": "size"}},
    "cursor": {"paging": {"by": "cursor", "parameter": "cursor", "next": "meta.next"}, "records": "data.items"},
    "link": {"paging": {"by": "link"}, "parameters": {"size": "300"}},
    "shouted": {"paging": {"by": "link"}, "parameters": {"size": "300"}},
}


@pytest.mark.parametrize("name", PAGINGS)
@pytest.mark.parametrize("window", [WINDOW, None], ids=["asked for", "cut here"])
def test_every_way_of_paging_gives_the_same_rows(
    served: Api, weather: pa.Table, name: str, window: dict[str, str] | None
) -> None:
    found = rows(from_(f"{served.url}/{name}/weather", window=window, **PAGINGS[name]))
    assert found.combine_chunks().equals(weather.combine_chunks())
    asked = {request.get("from") for request in served.requests}
    assert asked == ({"2013-02-01T05:00:00Z"} if window else {None})


@pytest.mark.parametrize(
    ("form", "start", "end"),
    [("iso", "2013-02-01T05:00:00Z", "2013-03-01T05:00:00Z"), ("epoch", "1359694800", "1362114000"),
     ("date", "2013-02-01", "2013-03-02")],
)  # fmt: skip
def test_the_window_is_never_asked_for_too_small(served: Api, form: str, start: str, end: str) -> None:
    connector = SERVICES.adapters.connector(
        from_(f"{served.url}/whole/weather", window=WINDOW | {"format": form}), "weather"
    )
    list(connector.read(SPEC.sources["weather"], Calendar(every="month", timezone="America/New_York").window(FEBRUARY)))
    assert (served.requests[0]["from"], served.requests[0]["to"]) == (start, end)


def test_failures_and_throttling_are_waited_out(served: Api, weather: pa.Table) -> None:
    served.faults = [(503, None), (429, "1"), (500, None), (429, "Wed, 21 Oct 2015 07:28:00 GMT")]
    found = rows(from_(f"{served.url}/page/weather", attempts=5, max_wait_seconds=1.5, **PAGINGS["page"]))
    assert found.num_rows == weather.num_rows
    assert not served.faults


@pytest.mark.parametrize("status", [408, 425, 429, 500, 520, 522, 524, 527, 530, 599])
def test_every_status_of_what_may_pass_is_tried_again(few: Api, status: int) -> None:
    few.faults = [(status, "0")]
    assert rows(from_(f"{few.url}/whole/weather")).num_rows == 20


@pytest.mark.parametrize("wait", ["\u00b2", "soon", "1.5.2", "-3", "", "Wed, 99 Oct 99999 07:28:00 GMT"])
def test_a_pause_that_is_no_number_is_ignored(few: Api, wait: str) -> None:
    few.faults = [(503, wait)]
    assert rows(from_(f"{few.url}/whole/weather", max_wait_seconds=0.1)).num_rows == 20


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(b"[]" * 99, mtime=0)[:-9]),
        ("gzip", b"no gzip"),
        ("deflate", zlib.compress(b"[]" * 99)[:-2]),
        ("gzip", b""),
    ],
)
def test_a_content_encoding_that_is_broken_or_cut_is_tried_again(few: Api, encoding: str, content: bytes) -> None:
    few.encoded = [(encoding, content)]
    assert rows(from_(f"{few.url}/whole/weather", max_wait_seconds=0.1)).num_rows == 20
    few.encoded = [(encoding, content)] * 2
    with pytest.raises(ServiceError, match=r"an answer whose encoding is broken or cut .* at each of 2 attempts"):
        rows(from_(f"{few.url}/whole/weather", attempts=2, max_wait_seconds=0.1))
    few.encoded = [("br", content)]
    with pytest.raises(SourceError, match="the content encoding 'br'; have the server send gzip"):
        rows(from_(f"{few.url}/whole/weather"))


def test_json_that_is_cut_where_its_length_is_unknown_is_tried_again(few: Api) -> None:
    few.encoded = [("", b'[{"origin": "EW')]
    assert rows(from_(f"{few.url}/whole/weather", max_wait_seconds=0.1)).num_rows == 20


@pytest.mark.parametrize("cursor", [True, {"a": 1}, [7], "\ud800"])
def test_a_cursor_that_is_no_text_or_number_is_refused(few: Api, cursor: Any) -> None:
    few.files["weather"] = json.dumps({"items": few.tables["weather"], "next": cursor}).encode()
    paging = {"by": "cursor", "parameter": "cursor", "next": "next"}
    with pytest.raises(SourceError, match=r"the cursor of the next page is no text or number; correct 'paging\.next'"):
        rows(from_(f"{few.url}/files/weather", paging=paging, records="items"))


def test_names_of_an_answer_that_may_be_values_are_not_shown(few: Api) -> None:
    few.files["weather"] = json.dumps({"SECRET@example.com": [], "error": 1}).encode()
    with pytest.raises(SourceError, match=r"it has \['error'\] and 1 others: correct 'records'") as caught:
        rows(from_(f"{few.url}/files/weather"))
    assert "SECRET" not in str(caught.value)


def test_equal_pages_with_different_cursors_are_no_loop(served: Api) -> None:
    row = served.tables["weather"][0]
    served.tables["weather"] = [row] * 600
    options = PAGINGS["cursor"] | {"parameters": {"size": "200"}}
    assert rows(from_(f"{served.url}/cursor/weather", **options)).num_rows == 600


def test_an_absent_field_is_missing_whatever_its_page(served: Api, weather: pa.Table) -> None:
    for row in served.tables["weather"][:1000]:
        del row["temp"]
    read = rows(from_(f"{served.url}/page/weather", **PAGINGS["page"]))
    assert read["temp"].to_pylist() == [None] * 1000 + weather["temp"].to_pylist()[1000:]
    for row in served.tables["weather"][1000:]:
        del row["temp"]
    with pytest.raises(SourceError, match=r"lacks the columns \['temp'\]"):
        rows(from_(f"{served.url}/page/weather", **PAGINGS["page"]))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"origin": Infinity}]', "Infinity is not a JSON number"),
        (b'[{"origin": "a", "origin": "SECRET"}]', "same key twice"),
    ],
)
def test_json_that_cannot_be_taken_exactly_is_refused(served: Api, answer: bytes, words: str) -> None:
    served.files["weather"] = answer
    with pytest.raises(SourceError, match=words) as caught:
        rows(from_(f"{served.url}/files/weather"))
    assert "SECRET" not in str(caught.value)


def test_a_server_that_keeps_failing_is_named_and_may_be_asked_again(served: Api) -> None:
    served.faults = [(503, "0")] * 3
    with pytest.raises(ServiceError, match=r"/whole/weather: status 503 at each of 3 attempts"):
        rows(from_(f"{served.url}/whole/weather", attempts=3))
    assert len(served.requests) == 3


def test_a_pause_that_is_too_long_is_left_to_a_later_run(served: Api) -> None:
    served.faults = [(429, "86400")]
    with pytest.raises(ServiceError, match="wants a pause of 86400 s, more than max_wait_seconds"):
        rows(from_(f"{served.url}/whole/weather"))


def test_no_server_is_no_answer() -> None:
    with pytest.raises(ServiceError, match=r"no answer \(ConnectError\) at each of 2 attempts"):
        rows(from_(f"http://127.0.0.1:{free_port()}/x", attempts=2, max_wait_seconds=0.01))


def test_a_key_comes_from_the_environment(served: Api, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    served.key = "key-4711"
    monkeypatch.setenv("WEATHER_KEY", served.key)
    url, headers = f"{served.url}/whole/weather", {"Authorization": "Bearer ${WEATHER_KEY}"}
    with caplog.at_level("INFO"):
        assert rows(from_(url, headers=headers, parameters={"key": "${WEATHER_KEY}"})).num_rows == 2010
    assert "4711" not in caplog.text
    monkeypatch.setenv("WEATHER_KEY", "wrong")
    with pytest.raises(SourceError, match="answered with status 401 Unauthorized; correct 'options'"):
        rows(from_(url, headers=headers))


def test_requests_keep_the_rate(served: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("include.adapters.http_source.time.sleep", waits.append)
    rows(from_(f"{served.url}/page/weather", requests_per_second=0.001, **PAGINGS["page"]))
    assert len(waits) == len(served.requests) == 8
    assert waits[0] == 0
    assert all(900 < wait <= 1000 for wait in waits[1:])


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("stuck", PAGINGS["page"], "the same page arrived twice; correct 'paging'"),
        ("torn", PAGINGS["link"], "it links to 2 next pages; correct 'paging'"),
        ("fragment", PAGINGS["link"], "the same page arrived twice; correct 'paging'"),
        ("elsewhere", {"paging": {"by": "link", "next": "next"}, "records": "items"}, "page is on another host"),
        ("nested", {"paging": {"by": "link", "next": "next"}, "records": "items"}, "to the next page is no address"),
        ("link", {"parameters": {"size": "5"}}, r"links to a next page; set 'paging' to \{by: link\}"),
        ("part", {}, r"answered with a part of its rows \(status 206\); set 'paging'"),
        ("cursor", {"records": "data.rows"}, r"no list of objects at 'data.rows'; it has \['data', 'meta'\]"),
    ],
)
def test_an_answer_that_is_not_as_agreed_is_named(served: Api, path: str, options: dict, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        rows(from_(f"{served.url}/{path}/weather", **options))


def test_a_link_to_the_next_page_keeps_the_credentials_of_the_address(few: Api) -> None:
    paging = {"paging": {"by": "link", "next": "next"}, "records": "items", "parameters": {"size": "10"}}
    address = few.url.replace("://", "://reader:secret@")
    assert rows(from_(f"{address}/linked/weather", **paging)).num_rows == 20
    assert len(few.credentials) == 2
    assert len({*few.credentials}) == 1


def test_an_answer_without_content_has_no_rows(few: Api) -> None:
    assert rows(from_(f"{few.url}/ended/weather", **PAGINGS["page"])).num_rows == 20
    assert [request["page"] for request in few.requests] == ["1", "2"]


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-Key": "${KEY}"}},
        {"headers": {"X Key": "1"}},
        {"parameters": {"key": "${SURROGATE}"}},
        {"url": "${KEY}"},
        {"url": "ftp://127.0.0.1/x"},
        {"url": "127.0.0.1/x"},
        {"url": "http://xn--/x"},
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_refused_and_not_asked_again(
    few: Api, monkeypatch: pytest.MonkeyPatch, options: dict
) -> None:
    monkeypatch.setenv("KEY", f"{few.url}/sécret\n")
    monkeypatch.setenv("SURROGATE", "sécret\udcff")
    with pytest.raises(SourceError, match=r"cannot be sent: a value is printable|is no address that begins") as caught:
        rows(from_(**({"url": f"{few.url}/whole/weather"} | options)))
    assert "sécret" not in str(caught.value)
    assert few.requests == []


def test_an_answer_that_is_no_json_is_named(served: Api) -> None:
    served.files["weather"] = b"<html>please log in</html>"
    with pytest.raises(SourceError, match="cannot be taken as JSON"):
        rows(from_(f"{served.url}/files/weather"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pagin": {}}, "'pagin' is not a key of options; did you mean paging"),
        ({"paging": {"by": "cursor", "parameter": "c"}}, "paging by cursor needs 'next'"),
        ({"paging": {"by": "page"}}, "paging by page needs 'parameter'"),
        ({"parameters": {"from": "x"}, "window": WINDOW}, r"the query parameters \['from'\] are set more than once"),
        ({"paging": {"by": "page", "parameter": "n", "size": 5, "size_parameter": "n"}}, r"parameters \['n'\] are set"),
    ],
)
def test_options_that_say_too_little_or_too_much_are_refused(options: dict, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        rows(from_("http://127.0.0.1", **options))
