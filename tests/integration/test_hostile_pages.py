"""No text of a person, of a row or of a request becomes code of a page, and none breaks a page."""

import json
import threading
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from include.governance.routes import ROUTES
from include.settings import load_settings
from include.specification import loader
from include.specification.loader import load_usecase
from include.ui.access import services_of_pages
from include.ui.app import create_app
from tests.integration import hostile_usecase, page_history
from tests.integration.browser_fixtures import needs_chromium
from tests.integration.page_browser import HOSTILE, PageBrowser, page_browser
from tests.integration.page_history import EVIL, SPEC
from tests.integration.ports import free_port, free_ports
from tests.integration.test_pages_in_browser import PATHS
from tests.unit.fakes.page_client import pages_of

pytestmark = pytest.mark.integration
PARTS = [f"/moebius/monitoring/{SPEC.name}?part={part}" for part in ("inputs", "answers", "model")]
SEEN = sorted(
    {path for route, shown in PATHS.items() for path in shown.pages[:1] if "/actions/" not in route} | {*PARTS}
)
"""Forms of actions ask Airflow for their DAG: they are looked at where it runs."""
ODD = (
    EVIL, "../../../etc/passwd", "..%2f..%2fetc", "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "-1", "9" * 400, "NaN", "2013-13", "=1+1", "' OR 1=1 --", "x" * 2000, "\u202e\u0000\ufffe", "[]", "[" * 500,
)  # fmt: skip
"""What somebody may write into an address."""
HEADERS = (
    {"accept-language": EVIL, "cookie": f"moebius_language={quote(EVIL)}", "referer": "javascript:window.pwned=6"},
    {
        "accept-language": "ko;q=" + "9" * 500 + ",-,*-*," + "a-" * 300, "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "javascript", "x-forwarded-prefix": "//evil.example", "x-forwarded-for": "evil.example",
        "forwarded": "host=evil.example", "x-script-name": "//evil.example", "x-original-url": "//evil.example",
        "origin": "https://evil.example",
    },
)  # fmt: skip
KNOWN = {
    "usecase": SPEC.name, "number": "1", "version": "2", "alert": "MoebiusFeatureDrift", "kind": "json",
    "table": "events", "identity": "table/events", "bundle": "none", "file": "none.pdf", "name": "moebius.css",
}  # fmt: skip
"""Parameters of paths → a value of a page that there is."""
SEARCHED = ("text", "by", "since", "until", "kind", "outcome", "subject")
"""Filters of the audit log, which its page reads from the address."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The pages of a state root and of a spec that are full of attacks, beside a Prometheus that tells others."""
    directory, (prometheus, mlflow) = tmp_path_factory.mktemp("usecases"), free_ports(2)
    hostile_usecase.specification(directory)
    with pytest.MonkeyPatch.context() as patch, page_history.firing(prometheus):
        patch.setattr(loader, "USECASES", directory)
        patch.setenv("MOEBIUS_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("MOEBIUS_PROMETHEUS_PORT", str(prometheus))
        patch.setenv("MOEBIUS_MLFLOW_PORT", str(mlflow))
        _forget()
        page_history.write(load_settings())
        hostile_usecase.write(load_settings())
        around = FastAPI()
        around.mount("/moebius", pages_of(services_of_pages(load_settings()), "admin"))
        yield around
    _forget()


def _forget() -> None:
    load_settings.cache_clear()
    load_usecase.cache_clear()


@pytest.fixture(scope="module")
def browser(pages: FastAPI) -> Iterator[PageBrowser]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(pages, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended"
            thread.join(0.05)
        with page_browser(f"http://127.0.0.1:{port}", {"admin": "of the tests only"}) as browser:
            yield browser
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def client(pages: FastAPI) -> TestClient:
    return TestClient(pages, follow_redirects=False)


def test_the_spec_is_full_of_attacks(pages: FastAPI) -> None:
    spec = load_usecase(SPEC.name)
    assert spec.title == spec.owner == spec.description == EVIL
    assert {feature.description for feature in spec.features} == {EVIL}


@needs_chromium
def test_no_page_runs_a_text_or_makes_an_element_of_it(browser: PageBrowser) -> None:
    faults = {path: found for path in SEEN if (found := _faults(browser, path))}
    assert faults == {}


def _faults(browser: PageBrowser, path: str) -> list[str]:
    tab = browser.open(path, "admin")
    wanted = next((shown.status for shown in PATHS.values() if path in shown.pages), 200)
    found = [] if browser.status == wanted else [f"status {browser.status}"]
    found += [fault for fault in browser._faults if not fault.startswith("console: Failed to load resource")]
    if pwned := tab.evaluate("window.pwned"):
        found.append(f"a text was run: {pwned}")
    if browser.status == 200 and tab.evaluate("document.querySelectorAll('main, nav').length") < 1:
        found.append("the page has lost its frame")
    return found + tab.evaluate(HOSTILE) + tab.evaluate("window.refused")


@needs_chromium
def test_the_title_of_a_use_case_stands_where_it_belongs(browser: PageBrowser) -> None:
    tab = browser.open(f"/moebius/loops/{SPEC.name}", "admin")
    assert EVIL in tab.title()
    assert EVIL in tab.locator("h1").inner_text()
    assert EVIL in browser.open("/moebius/", "admin").locator("article h2, article h3").first.inner_text()


ADDRESSES = [
    route.removeprefix("GET ").replace(":path}", "}")
    for route in sorted(ROUTES)
    if route.startswith("GET /moebius/") and "/actions/" not in route
]


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_request_of_odd_texts_breaks_no_page(client: TestClient, path: str) -> None:
    """One parameter after another is odd, the others are those of a page that there is."""
    named = {name for name in KNOWN if f"{{{name}}}" in path}
    for name, odd in product(sorted(named), ODD):
        _sound(client, path.format(**KNOWN | {name: quote(odd, safe="")}))
    page = path.format(**KNOWN)
    for name, odd in product(_asked(path), ODD):
        _sound(client, f"{page}?{name}={quote(odd, safe='')}")
    for headers in HEADERS:
        assert "evil.example" not in _sound(client, page, headers)


def _asked(path: str) -> list[str]:
    """What the route reads of the query."""
    routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    own = path.removeprefix("/moebius")
    mine = next((route for route in routes if route.path.replace(":path}", "}") == own), None)
    declared = [param.name for param in mine.dependant.query_params] if mine else []
    return [*declared, "language", *(SEARCHED if path == "/moebius/audit/" else ())]


def _sound(client: TestClient, address: str, headers: dict[str, str] | None = None) -> str:
    raw = {name.encode(): value.encode() for name, value in (headers or {}).items()}
    answer = client.get(address, headers=raw)
    assert answer.status_code < 500 or answer.status_code == 503, (address[:200], answer.status_code)
    assert "location" not in answer.headers or answer.headers["location"].startswith(("/", "http://testserver/"))
    if "html" in answer.headers.get("content-type", "") or "svg" in answer.headers.get("content-type", ""):
        assert "<script>window.pwned" not in answer.text, address[:200]
        assert "<img src=x" not in answer.text, address[:200]
        assert "<svg onload" not in answer.text, address[:200]
    elif "json" in answer.headers.get("content-type", ""):
        json.loads(answer.text)
    return answer.text
