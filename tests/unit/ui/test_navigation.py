"""Whoever may see a page finds it: by the navigation, or from a page that the navigation leads to."""

import pytest

from include.governance.rights import EVERYBODY
from include.governance.routes import PAGES, ROUTES, served
from include.ui.navigation import MOUNT, OF_USECASE, PLACES, offered

WHOLE = sorted(
    route.removeprefix(f"GET {MOUNT}") for route in ROUTES if route.startswith(f"GET {MOUNT}") and "{" not in route
)
"""Pages that are about no single use case."""


def test_every_page_that_is_about_no_single_use_case_is_in_the_navigation() -> None:
    assert sorted(place.path for place in PLACES) == WHOLE


def test_every_page_of_a_use_case_is_in_its_navigation() -> None:
    mine = {route.removeprefix(f"GET {MOUNT}") for route in PAGES if route.endswith("/{usecase}")}
    elsewhere = {"standard/pipelines/{usecase}"}  # from the pipelines of all use cases
    assert {place.path for place in OF_USECASE} >= mine - elsewhere


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_a_role_is_led_to_no_page_that_is_closed_to_it(role: str) -> None:
    open_to = {path for path in WHOLE if served(role, ROUTES[f"GET {MOUNT}{path}"])}
    assert {place.path for place in offered(PLACES, role)} == open_to
