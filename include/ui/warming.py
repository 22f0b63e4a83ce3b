"""Has the first page ready before somebody asks for it: what it is made with is loaded once the API server runs."""

import logging
from typing import Any

from fastapi import Request

from include.settings import load_settings
from include.ui import dag_runs
from include.ui.access import Reader, services_of_pages
from include.ui.language import LANGUAGES
from include.ui.pages import checklist, overview
from include.ui.templates import templates
from include.ui.view import View

ROLE = "auditor"
"""A role that reads whatever the pages show."""
log = logging.getLogger(__name__)


def warm() -> None:
    """Make the first page and the checklist, and throw them away; compile the templates of every page."""
    try:
        view = View(_request(), Reader(services_of_pages(load_settings()), "", ROLE))
        view.page("overview.html", **overview.shown(view, dag_runs.open_work(ROLE, "none")))
        checklist.shown(view.reader)
        for language in LANGUAGES:
            environment = templates(language)
            for name in environment.list_templates():
                environment.get_template(name)
    except Exception:  # a page that is asked for says what is wrong
        log.warning("the pages were not warmed", exc_info=True)


def _request() -> Request:
    scope: dict[str, Any] = {"type": "http", "path": "/moebius/", "root_path": "/moebius", "query_string": b""}
    return Request(scope | {"headers": [], "method": "GET", "server": ("", 0), "scheme": "http"})
