"""Every page of the matrix in a real Chromium, on a real Airflow: each role, both languages, themes and widths.

`make test` looks at each page in a combination and its opposite, so each page meets every language, theme and width,
and the pages together meet every pair of them, with the roles in turn; it asks for each page as each role. `make full`
looks at all of them.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple, get_args
from urllib.parse import quote

import httpx
import pytest

from include.contracts.governance import Role
from include.governance.actions import ACTIONS
from include.governance.routes import ROUTES, served
from include.settings import Settings
from tests.integration import page_history
from tests.integration.airflow_fixtures import airflow_settings, mortal_api_server
from tests.integration.browser_fixtures import needs_chromium
from tests.integration.page_browser import PageBrowser, keyboard, page_browser
from tests.integration.page_history import EVIL
from tests.integration.ports import free_ports
from tests.pairwise import cover, pairs

pytestmark = [pytest.mark.integration, needs_chromium]
ROLES: tuple[Role, ...] = get_args(Role)
WITH, WITHOUT = "flight_delay", "digit_image"
"""A use case with a history, and one that has nothing yet."""
SEARCH = quote(EVIL)


class Shown(NamedTuple):
    """Where a route is looked at: addresses of pages, the first of which has data; or of files that are fetched."""

    pages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    status: int = 200
    looks: int = 2
    """In how many looks the first page is looked at: fewer where pages are made by the same template."""
    closed: tuple[Role, ...] = ()
    """Roles that the route serves and the page refuses, for they do not read its tables."""

    def answers(self, route: str, role: str) -> int:
        """The status that the role gets."""
        return self.status if served(role, ROUTES[route]) and role not in self.closed else 403


FORMS = {action.family: action.name for action in reversed(ACTIONS.values())}.values()
"""One action of each DAG family: the others are other fields of the same form."""


def of_each(path: str) -> Shown:
    """A page of the use case with a history, and of the one without."""
    return Shown((f"/moebius/{path}/{WITH}", f"/moebius/{path}/{WITHOUT}"))


PATHS: dict[str, Shown] = {
    "GET /moebius/": Shown(("/moebius/",)),
    "GET /moebius/static/{name}": Shown(files=("/moebius/static/moebius.css", "/moebius/static/frame.js")),
    "GET /moebius/loops/{usecase}": of_each("loops"),
    "GET /moebius/rollouts/{usecase}": of_each("rollouts"),
    "GET /moebius/catalog/": Shown(("/moebius/catalog/", f"/moebius/catalog/?q={SEARCH}")),
    "GET /moebius/catalog/{usecase}/sheet/{table}": Shown((f"/moebius/catalog/{WITH}/sheet/events",), status=404),
    "GET /moebius/catalog/{usecase}/{identity:path}": Shown((f"/moebius/catalog/{WITH}/table/events",), status=404),
    "GET /moebius/models/{usecase}/{version}": Shown((f"/moebius/models/{WITH}/2",), status=503, closed=("viewer",)),
    **{
        f"GET /moebius/actions/{{usecase}}/{name}": Shown(
            (f"/moebius/actions/{WITH}/{name}",), looks=int(name in FORMS)
        )
        for name in ACTIONS
    },
    "GET /moebius/approvals/{usecase}": of_each("approvals"),
    "GET /moebius/verdicts/{usecase}": of_each("verdicts"),
    "GET /moebius/verdicts/{usecase}/{version}": Shown((f"/moebius/verdicts/{WITH}/2",)),
    "GET /moebius/verdicts/{usecase}/{version}/picture.svg": Shown(
        files=(f"/moebius/verdicts/{WITH}/2/picture.svg",), status=404, closed=("viewer",)
    ),
    "GET /moebius/versions/{usecase}": of_each("versions"),
    "GET /moebius/predictions/{usecase}": of_each("predictions"),
    "GET /moebius/compliance/": Shown(("/moebius/compliance/",)),
    "GET /moebius/compliance/{usecase}/{bundle}/{file}": Shown(
        files=(f"/moebius/compliance/{WITH}/none/none.pdf",), status=404
    ),
    "GET /moebius/access/": Shown(("/moebius/access/",)),
    "GET /moebius/monitoring/{usecase}": of_each("monitoring"),
    "GET /moebius/data/{usecase}": of_each("data"),
    "GET /moebius/cost/": Shown(("/moebius/cost/",)),
    "GET /moebius/cost/{usecase}": of_each("cost"),
    "GET /moebius/alerts/": Shown(("/moebius/alerts/",)),
    "GET /moebius/alerts/{usecase}": of_each("alerts"),
    "GET /moebius/runbooks/{alert}": Shown(("/moebius/runbooks/MoebiusFeatureDrift",)),
    "GET /moebius/standard/": Shown(("/moebius/standard/",)),
    "GET /moebius/standard/mapping": Shown(("/moebius/standard/mapping",)),
    "GET /moebius/standard/pipelines": Shown(("/moebius/standard/pipelines",)),
    "GET /moebius/standard/pipelines/{usecase}": of_each("standard/pipelines"),
    "GET /moebius/standard/checklist": Shown(("/moebius/standard/checklist",)),
    "GET /moebius/standard/checklist/{number}": Shown(("/moebius/standard/checklist/1",)),
    "GET /moebius/standard/checklist/export/{kind}": Shown(files=("/moebius/standard/checklist/export/xlsx",)),
    "GET /moebius/audit/": Shown(("/moebius/audit/", f"/moebius/audit/?text={SEARCH}&by={SEARCH}")),
}
"""Every route of a page → where it is looked at. The catalog is made by a DAG that has not run here, and the card of a
model is MLflow's, which is not started: those pages say so, and their own tests show them with content."""
RESERIALIZE = ["dags", "reserialize"]
"""The forms of actions are those of the DAGs."""
FACTORS = {"language": ("en", "ko"), "theme": ("light", "dark"), "width": ("390", "1280")}
LOOKS = cover(FACTORS)
"""Four of the eight combinations meet every pair."""


def pages() -> list[str]:
    """The routes of pages, as the matrix has them."""
    return sorted(route for route in ROUTES if route.startswith("GET /moebius/"))


def case(route: str, number: int, path: str, look: dict[str, str]) -> Any:
    """The role of a look in turn, of those that the page is for."""
    shown, place = PATHS[route], sorted(PATHS).index(route)
    mine = [role for role in ROLES if shown.answers(route, role) != 403]
    return param(path, mine[(place + number) % len(mine)], look, shown.status)


def param(path: str, role: str, look: dict[str, str], status: int) -> Any:
    return pytest.param(path, role, look, status, id=f"{path[:60]}-{role}-{'-'.join(look.values())}")


def opposites(look: dict[str, str]) -> list[dict[str, str]]:
    """The look, and the one in which every factor has its other value."""
    return [look, {name: next(v for v in FACTORS[name] if v != value) for name, value in look.items()}]


def in_turn() -> Iterator[Any]:
    """Each page with data in a look and its opposite, each other one in one look."""
    for route, shown in known():
        place = sorted(PATHS).index(route)
        for number, look in enumerate(opposites(LOOKS[place % len(LOOKS)])[: shown.looks]):
            yield from (case(route, number, path, look) for path in shown.pages[:1])
        for number, path in enumerate(shown.pages[1:]):
            yield case(route, number + 1, path, LOOKS[(sorted(PATHS).index(route) + number) % len(LOOKS)])


def every_one() -> Iterator[Any]:
    for (route, shown), role in product(known(), ROLES):
        every = [*product(("en", "ko"), ("light", "dark"), ("390", "1280"))]
        for path, values in product(shown.pages, every if shown.looks else every[:1]):
            look = dict(zip(("language", "theme", "width"), values, strict=True))
            yield param(path, role, look, shown.answers(route, role))


def known() -> list[tuple[str, Shown]]:
    """What is in the matrix: of an entry for another route the first test says so."""
    return [(route, shown) for route, shown in PATHS.items() if route in ROUTES]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    prometheus, mlflow = free_ports(2)
    home = tmp_path_factory.mktemp("pages")
    return airflow_settings(home, prometheus_port=prometheus, mlflow_port=mlflow)


@pytest.fixture(scope="module")
def clients(settings: Settings) -> Iterator[dict[str, httpx.Client]]:
    """A client per role of an API server whose records, alerts and questions hold attacks."""
    with page_history.firing(settings.prometheus_port), mortal_api_server(settings, RESERIALIZE) as (_, clients):
        page_history.write(settings)
        page_history.ask(settings)
        yield clients


@pytest.fixture(scope="module")
def browser(settings: Settings, clients: dict[str, httpx.Client]) -> Iterator[PageBrowser]:
    tokens = {role: client.headers["Authorization"].removeprefix("Bearer ") for role, client in clients.items()}
    with page_browser(settings.airflow_url, tokens) as browser:
        yield browser


def test_every_page_of_the_matrix_is_looked_at_and_no_other() -> None:
    assert sorted(PATHS) == pages(), "add a new page to PATHS, with data and without"


def test_each_page_meets_every_value_and_the_pages_together_every_pair() -> None:
    seen = [(param.values[0], param.values[2]) for param in in_turn()]
    first = {shown.pages[0] for shown in PATHS.values() if shown.pages and shown.looks == 2}
    for name, values in FACTORS.items():
        assert {(path, look[name]) for path, look in seen if path in first} == {*product(first, values)}
    everywhere = set[Any]().union(*(pairs(look) for _, look in seen))
    assert everywhere == set[Any]().union(*map(pairs, LOOKS))


@pytest.mark.parametrize("route", sorted(set(PATHS) & set(ROUTES)))
def test_a_page_answers_the_roles_of_the_matrix_and_runs_no_text_of_a_person(
    clients: dict[str, httpx.Client], route: str
) -> None:
    shown = PATHS[route]
    refused = [role for role in ROLES if shown.answers(route, role) == 403]
    roles = ROLES if shown.looks else [*refused[:1], *sorted(set(ROLES) - set(refused))[:1]]
    for path, role in product((*shown.pages, *shown.files), roles):
        answer = clients[role].get(path)
        assert answer.status_code == shown.answers(route, role), (path, role, answer.text[:2000])
        assert "<script>window.pwned" not in answer.text, (path, role)
        assert answer.status_code == 403 or "script-src" in answer.headers["Content-Security-Policy"]
        assert len(answer.content) > 20


@pytest.mark.parametrize(("path", "role", "look", "status"), [*in_turn()])
def test_a_page_is_sound_in_every_language_theme_and_width(
    browser: PageBrowser, path: str, role: str, look: dict[str, str], status: int
) -> None:
    seen = browser.look(path, role, look["language"], look["theme"], int(look["width"]))
    assert (seen.status, seen.faults) == (status, [])


@pytest.mark.full
@pytest.mark.parametrize(("path", "role", "look", "status"), [*every_one()])
def test_a_page_is_sound_in_every_combination(
    browser: PageBrowser, path: str, role: str, look: dict[str, str], status: int
) -> None:
    seen = browser.look(path, role, look["language"], look["theme"], int(look["width"]))
    assert (seen.status, seen.faults) == (status, [])


@pytest.mark.parametrize("path", [path for shown in PATHS.values() for path in shown.pages[:1] if shown.status == 200])
def test_the_keyboard_reaches_links_and_marks(browser: PageBrowser, path: str) -> None:
    assert keyboard(browser.open(path, "admin")) == []


def test_the_first_page_shows_the_state_its_reason_and_the_question(browser: PageBrowser) -> None:
    """Also that the attacks stand there as the text that they are."""
    tab = browser.open("/moebius/", "operator")
    card = tab.locator("article", has=tab.locator(f"a[href$='/loops/{WITH}']")).first
    assert "needs you" in card.inner_text()
    assert EVIL.split()[0] in card.inner_text(), "the subject of the question"
    form = card.locator("a[data-outside][href*='required_actions']").first.get_attribute("href")
    assert form
    assert form.startswith(f"/dags/{WITH}.retrain_evaluation/runs/manual__")
    assert card.locator(".picture svg").count() == 2


def test_a_browser_without_a_login_sees_no_page(settings: Settings, clients: dict[str, httpx.Client]) -> None:
    with httpx.Client(base_url=settings.airflow_url, timeout=60) as stranger:
        assert {stranger.get(path).status_code for shown in PATHS.values() for path in shown.pages} == {401}
