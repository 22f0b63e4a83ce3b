"""Links of the pages in a real browser: inside of the frame that Airflow puts around them, and alone."""

import re
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from include.adapters.signatures import new_signing_key, publish_signing_key
from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase
from tests.integration.browser_fixtures import Browser, chromium, needs_chromium
from tests.integration.ports import free_port
from tests.unit.fakes.approvals import judge
from tests.unit.fakes.tracker import MemoryTracker

pytestmark = [pytest.mark.integration, needs_chromium]
FRAME = "iframe"
SHOWN = "document.querySelector('iframe').contentDocument.location.pathname"


def sandbox() -> str:
    """What Airflow's own page allows a plugin's view in the navigation: the string in its bundle."""
    bundles = (files("airflow") / "ui" / "dist" / "assets").iterdir()
    texts = [bundle.read_text() for bundle in bundles if bundle.name.endswith(".js")]
    (allowed,) = {value for text in texts for value in re.findall(r"externalView:\w+,sandbox:`([^`]*)`", text)}
    return str(allowed)


def airflow_around(sandboxed: str) -> FastAPI:
    """Airflow as far as a link sees it: the navigation with the frame, a page per DAG and run, and our pages."""
    from tests.unit.fakes.page_client import pages_of

    around = FastAPI()
    around.mount("/moebius", pages_of(Services(load_settings())))
    frame = f'<iframe sandbox="{sandboxed}" src="/moebius/" width="700" height="500"></iframe>'
    around.get("/plugin/moebius", response_class=HTMLResponse)(lambda: f"<!doctype html><title>Airflow</title>{frame}")
    around.get("/{path:path}", response_class=HTMLResponse)(lambda path: f"<!doctype html><title>{path}</title>")
    return around


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Pages of a use case with one verdict; "MLflow" is another page of the same server."""
    with pytest.MonkeyPatch.context() as patch:
        port = free_port()
        patch.setenv("MOEBIUS_HOME", str(tmp_path_factory.mktemp("pages")))
        patch.setenv("MOEBIUS_MLFLOW_PORT", str(port))
        load_settings.cache_clear()
        _judged(patch)
        server = uvicorn.Server(uvicorn.Config(airflow_around(sandbox()), port=port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server ended"
            thread.join(0.05)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()
        load_settings.cache_clear()


def _judged(patch: pytest.MonkeyPatch) -> None:
    """A signed record of version 3, which has a verdict."""
    private = new_signing_key()
    patch.setenv("MOEBIUS_APPROVAL_KEY", private)
    load_settings.cache_clear()
    publish_signing_key(load_settings().approval_public_keys, private)
    services = Services(load_settings())
    services.adapters.tracker = MemoryTracker()  # type: ignore[assignment]
    judge(services, load_usecase("flight_delay"), 3)


@pytest.fixture
def browser(address: str, tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


LOOP, VERDICT = "a[href$='loops/flight_delay']", "a[href$='verdicts/flight_delay']"
DAG, RUNS = "a[href='/dags/flight_delay.training']", "a[href='/dags/flight_delay.retrain_evaluation/runs']"
IN_MLFLOW = "a[href*='/#/models/']"
IN_A_LOOP, IN_A_VERDICT = "/moebius/loops/flight_delay", "/moebius/verdicts/flight_delay"
PLACES = {DAG: IN_A_LOOP, RUNS: IN_A_VERDICT, IN_MLFLOW: IN_A_VERDICT}
"""Link → the page that has it."""


def in_frame(browser: Browser, address: str, place: str = IN_A_LOOP) -> None:
    browser.go(f"{address}/plugin/moebius")
    browser.click(LOOP, FRAME)
    browser.until(f"{SHOWN} === {IN_A_LOOP!r}")
    if place == IN_A_VERDICT:
        browser.click(VERDICT, FRAME)
        browser.until(f"{SHOWN} === {IN_A_VERDICT!r}")


def test_airflows_frame_lets_no_link_leave_it_and_open_no_tab() -> None:
    assert sandbox().split() == ["allow-scripts", "allow-same-origin", "allow-forms", "allow-downloads"]


@pytest.mark.parametrize("link", [DAG, RUNS])
def test_a_link_out_of_the_frame_is_followed_by_the_page_around(browser: Browser, address: str, link: str) -> None:
    in_frame(browser, address, PLACES[link])
    browser.click(link, FRAME)
    browser.until(f"location.pathname === {link[8:-2]!r}")


def test_a_link_to_another_server_and_a_click_for_a_new_tab_open_one(browser: Browser, address: str) -> None:
    in_frame(browser, address, IN_A_VERDICT)
    browser.click(IN_MLFLOW, FRAME)
    browser.until_tab(f"{address}/#/models/flight_delay/versions/3")
    browser.click(RUNS, FRAME, button="middle")
    browser.until_tab(f"{address}/dags/flight_delay.retrain_evaluation/runs")
    assert browser.see("location.pathname") == "/plugin/moebius"


def test_a_link_between_our_pages_stays_in_the_frame(browser: Browser, address: str) -> None:
    in_frame(browser, address)
    browser.click("a[href='/moebius/catalog/']", FRAME)
    browser.until(f"{SHOWN} === '/moebius/catalog/'")
    assert browser.see("location.pathname") == "/plugin/moebius"


def test_a_page_that_is_opened_alone_has_the_same_links(browser: Browser, address: str) -> None:
    for link in (DAG, RUNS):
        browser.go(address + PLACES[link])
        browser.click(link)
        browser.until(f"location.pathname === {link[8:-2]!r}")
    browser.go(address + IN_A_VERDICT)
    browser.click(IN_MLFLOW)
    browser.until_tab(f"{address}/#/models/flight_delay/versions/3")
