"""The pages are warmed once the API server has started, beside it, and nowhere else."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from include.settings import Settings
from include.ui import warming
from include.ui.app import create_app
from include.ui.charts import drawing
from include.ui.mounted import WarmPages
from include.ui.templates import templates
from include.ui.warming import warm
from plugins.moebius_pages import MoebiusPages


def test_the_server_starts_without_waiting_for_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go.wait(60)

    monkeypatch.setattr(warming, "warm", slow)
    app = FastAPI()
    app.add_middleware(WarmPages)
    app.get("/")(lambda: "answer")
    assert TestClient(app).get("/").json() == "answer"
    assert not begun.is_set(), "a process that serves nothing warms nothing"
    with TestClient(app) as client:
        assert begun.wait(60)
        assert client.get("/").json() == "answer"
        go.set()


def test_the_plugin_puts_it_around_the_api_server() -> None:
    assert [one["middleware"] for one in MoebiusPages.fastapi_root_middlewares] == [WarmPages]


def test_a_process_that_reads_the_plugin_imports_no_page() -> None:
    """Each task does; the routes, by which the gatekeeper decides, are those of the pages."""
    look = (
        "import sys; from plugins.moebius_pages import MoebiusPages as P; "
        "before = [name for name in sys.modules if name.startswith('include.ui.pages')]; "
        "print(before, len(P.fastapi_apps[0]['app'].routes), 'include.ui.pages.actions' in sys.modules)"
    )
    seen = subprocess.run([sys.executable, "-W", "ignore", "-c", look], capture_output=True, text=True, check=True)
    assert seen.stdout.split("\n")[-2] == f"[] {len(create_app().routes)} True"


def test_every_template_is_compiled_and_the_first_page_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(warming, "load_settings", lambda: Settings(home=tmp_path, prometheus_port=1))
    made, page = list[str](), warming.View.page

    def noted(view: warming.View, template: str, *given: Any, **more: Any) -> Any:
        made.append(template)
        return page(view, template, *given, **more)

    monkeypatch.setattr(warming.View, "page", noted)
    warm()
    assert caplog.messages == []
    assert made == ["overview.html"]
    assert all(name in str(templates("ko").cache) for name in ("cost.html", "monitoring.html"))
    drawing.drawing.close()


def test_what_goes_wrong_is_left_to_the_page_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Settings:
        raise ValueError("a setting is wrong")

    monkeypatch.setattr(warming, "load_settings", broken)
    warm()
    assert caplog.messages == ["the pages were not warmed"]
