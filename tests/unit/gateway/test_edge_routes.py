"""The gateway offers the routes of the matrix and no other, each to the clients with its right."""

import re

import pytest
from starlette.routing import Route

from include.adapters.haproxy import TEMPLATE
from include.gateway.facade import application
from include.governance.routes import EDGE, GRPC

RULE = re.compile(r"set-var\(txn\.route\) str\((\w+)\) if (get|post) (!?)grpc \{ (path|path_reg) (.+) \}")


def rules() -> list[tuple[str, str, bool, str, str]]:
    """(right, method, gRPC, kind of match, patterns) of each line of the template that names a route."""
    found = [RULE.search(line) for line in TEMPLATE.read_text().splitlines() if "set-var(txn.route)" in line]
    assert all(found), "a line that names a route is written in another way"
    return [(m[1], m[2].upper(), not m[3], m[4], m[5].replace("$$", "$")) for m in found if m]


def granted(route: str) -> set[str]:
    """The rights with which HAProxy lets a request to the route through."""
    method, path = route.replace("{model}", "flight_delay").split()
    return {
        right
        for right, way, grpc, kind, patterns in rules()
        if way == method and grpc == path.startswith(GRPC)
        if (re.fullmatch(patterns, path) if kind == "path_reg" else path in patterns.split())
    }


@pytest.mark.parametrize("route", EDGE)
def test_the_gateway_asks_for_the_right_of_the_matrix(route: str) -> None:
    assert granted(route) == ({EDGE[route]} if EDGE[route] != "inside" else set())


def test_the_gateway_names_no_other_route() -> None:
    literal = {f"{way} {path}" for _, way, _, kind, paths in rules() if kind == "path" for path in paths.split()}
    assert literal <= set(EDGE)
    assert len(rules()) - sum(kind == "path" for *_, kind, _ in rules()) == 3, "routes by a pattern: infer, ready, v2"


def test_the_facade_has_the_routes_of_the_matrix_and_no_other() -> None:
    app = application(lambda: None, 1)  # type: ignore[arg-type, return-value]
    served = {f"{m} {r.path}" for r in app.routes if isinstance(r, Route) for m in (r.methods or set()) - {"HEAD"}}
    assert len(app.routes) == len(served)
    assert served == {route for route in EDGE if GRPC not in route and route != "GET /metrics"}
