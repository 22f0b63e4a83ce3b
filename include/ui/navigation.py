"""Where a person can go from a page: a place is offered when its route is served to the role of the reader."""

from collections.abc import Iterable
from typing import NamedTuple

from include.governance.routes import ROUTES, served
from include.ui.language import marked

MOUNT = "/moebius/"


class Place(NamedTuple):
    """A page: its path below the mount, and what it is called. ``{usecase}`` in a path is filled in."""

    path: str
    label: str


PLACES = (
    Place("", marked("Overview")),
    Place("standard/", marked("ML dashboard")),
    Place("standard/mapping", marked("Component mapping")),
    Place("standard/checklist", marked("Checklist")),
    Place("standard/pipelines", marked("Pipelines")),
    Place("catalog/", marked("Catalog")),
    Place("alerts/", marked("Platform alerts")),
    Place("cost/", marked("All costs")),
    Place("compliance/", marked("Compliance")),
    Place("access/", marked("Access review")),
    Place("audit/", marked("Audit log")),
)
OF_USECASE = (
    Place("loops/{usecase}", marked("Use case")),
    Place("verdicts/{usecase}", marked("Verdict")),
    Place("rollouts/{usecase}", marked("Rollout")),
    Place("monitoring/{usecase}", marked("Monitoring")),
    Place("data/{usecase}", marked("Data")),
    Place("alerts/{usecase}", marked("Alerts")),
    Place("versions/{usecase}", marked("Versions")),
    Place("approvals/{usecase}", marked("Approvals")),
    Place("predictions/{usecase}", marked("Predictions")),
    Place("cost/{usecase}", marked("Cost")),
)


def offered(places: Iterable[Place], role: str, usecase: str = "") -> list[Place]:
    """The places that are there for the role, with the use case in their paths."""
    return [
        Place(place.path.format(usecase=usecase), place.label)
        for place in places
        if (rule := ROUTES.get(f"GET {MOUNT}{place.path}")) is not None and served(role, rule)
    ]
