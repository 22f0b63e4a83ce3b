"""Which addresses the bench of the pages asks for, and what each must show at least: an empty page is no figure."""

from typing import NamedTuple

from include.governance.actions import ACTIONS
from include.governance.routes import ROUTES

U = "flights_00"
"""The use case that is asked about, unless the page is of all."""


class Address(NamedTuple):
    """``pictures`` and ``rows`` (of tables) are the least that it has; ``words`` is a text that it has."""

    path: str
    pictures: int = 0
    rows: int = 0
    words: str = ""
    form: tuple[tuple[str, str], ...] = ()
    """Sent in the body after the form of the page: its signature is taken from there."""
    role: str = "auditor"


ASKED: dict[str, dict[str, Address]] = {
    "GET /moebius/": {"overview": Address("/", pictures=20)},
    "GET /moebius/loops/{usecase}": {"use case": Address(f"/loops/{U}", pictures=2, rows=20)},
    "GET /moebius/rollouts/{usecase}": {"rollout": Address(f"/rollouts/{U}", pictures=2, rows=20)},
    "GET /moebius/catalog/": {
        "catalog": Address("/catalog/", rows=100),
        "catalog, searched": Address("/catalog/?q=temp", rows=20),
    },
    "GET /moebius/catalog/{usecase}/sheet/{table}": {
        "data sheet": Address(f"/catalog/{U}/sheet/events?alone=true", words="a column")
    },
    "GET /moebius/catalog/{usecase}/{identity:path}": {
        "catalog entry": Address(f"/catalog/{U}/table/events", rows=50, words="<svg")
    },
    "GET /moebius/models/{usecase}/{version}": {
        "model card": Address(f"/models/{U}/1?alone=true", words="a line of the card"),
        "model card in its frame": Address(f"/models/{U}/1", words="<iframe"),
    },
    "GET /moebius/approvals/{usecase}": {"approvals": Address(f"/approvals/{U}", pictures=1, rows=40)},
    "GET /moebius/verdicts/{usecase}": {"verdict": Address(f"/verdicts/{U}", pictures=4, rows=15)},
    "GET /moebius/verdicts/{usecase}/{version}": {
        "verdict of a version": Address(f"/verdicts/{U}/1", pictures=4, rows=15)
    },
    "GET /moebius/verdicts/{usecase}/{version}/picture.svg": {
        "verdict's picture": Address(f"/verdicts/{U}/1/picture.svg", words="<svg")
    },
    "GET /moebius/versions/{usecase}": {
        "versions": Address(f"/versions/{U}", pictures=3, rows=20),
        "two versions": Address(f"/versions/{U}?a=2&b=9", pictures=3, rows=20),
    },
    "GET /moebius/predictions/{usecase}": {"predictions": Address(f"/predictions/{U}", words="tailnum")},
    "POST /moebius/predictions/{usecase}": {
        "predictions, looked for": Address(
            f"/predictions/{U}", words="newest answers", form=(("key", "tailnum"), ("value", "N00042")), role="admin"
        ),
    },
    "GET /moebius/compliance/": {"compliance": Address("/compliance/", rows=50)},
    "GET /moebius/access/": {"access": Address("/access/", pictures=1, rows=4)},
    "GET /moebius/monitoring/{usecase}": {
        "monitoring": Address(f"/monitoring/{U}", pictures=2),
        **{
            f"monitoring, {part}": Address(f"/monitoring/{U}?part={part}", pictures=pictures)
            for part, pictures in (("inputs", 3), ("answers", 4), ("model", 3))
        },
        "monitoring, older window": Address(f"/monitoring/{U}?window={{older}}&part=inputs", pictures=3),
        "monitoring, a feature": Address(f"/monitoring/{U}?feature=temp&part=inputs", pictures=3),
    },
    "GET /moebius/data/{usecase}": {"data": Address(f"/data/{U}", pictures=5, rows=20)},
    "GET /moebius/cost/": {"cost of all": Address("/cost/", pictures=1, rows=10)},
    "GET /moebius/cost/{usecase}": {"cost": Address(f"/cost/{U}", pictures=5, rows=20)},
    "GET /moebius/alerts/": {"alerts of the platform": Address("/alerts/", pictures=1, rows=20)},
    "GET /moebius/alerts/{usecase}": {
        "alerts": Address(f"/alerts/{U}", pictures=1, rows=20),
        "alerts of a year": Address(f"/alerts/{U}?days=365", pictures=1, rows=100),
    },
    "GET /moebius/runbooks/{alert}": {"runbook": Address("/runbooks/MoebiusFeatureDrift", words="MoebiusFeatureDrift")},
    "GET /moebius/standard/": {"ML dashboard": Address("/standard/", words="connected")},
    "GET /moebius/standard/mapping": {"mapping": Address("/standard/mapping", rows=20)},
    "GET /moebius/standard/pipelines": {"pipelines": Address("/standard/pipelines", words="rows of")},
    "GET /moebius/standard/pipelines/{usecase}": {
        "pipelines of a use case": Address(f"/standard/pipelines/{U}", words="rows of")
    },
    "GET /moebius/standard/checklist": {"checklist": Address("/standard/checklist", pictures=2)},
    "GET /moebius/standard/checklist/{number}": {
        "checklist item": Address("/standard/checklist/1", words="we work on it")
    },
    "GET /moebius/standard/checklist/export/{kind}": {
        "checklist as JSON": Address("/standard/checklist/export/json", words="we work on it"),
        "checklist as a workbook": Address("/standard/checklist/export/xlsx"),
        "checklist as PDF": Address("/standard/checklist/export/pdf"),
    },
    "GET /moebius/audit/": {
        "audit": Address("/audit/", pictures=1, rows=200),
        "audit, searched": Address("/audit/?text=pin", pictures=1, rows=200),
        "audit, by whom": Address("/audit/?by=ada", pictures=1, rows=100),
        "audit, in a past month": Address("/audit/?since={older}T00:00Z&until={later}T00:00Z", pictures=1, rows=200),
    },
    **{
        f"GET /moebius/actions/{{usecase}}/{name}": {
            f"form: {name}": Address(
                f"/actions/{U}/{name}{'?run=ask-1&task=approve' * (action.asked == 'answer')}", words="<form",
                role=min(action.roles),
            )
        }
        for name, action in ACTIONS.items()
    },
}  # fmt: skip
"""Route → name of what is asked for → its address; a page with filters is asked for with them too."""
LEFT_OUT = {
    "GET /moebius/static/{name}": "a file of the image, which no history changes",
    "GET /moebius/compliance/{usecase}/{bundle}/{file}": "a file that is sent as it lies there",
}


def unasked() -> list[str]:
    """Routes of pages that are neither asked for nor left out with a reason."""
    pages = {route for route in ROUTES if route.startswith("GET /moebius/")}
    return sorted(pages - set(ASKED) - set(LEFT_OUT))


def addresses() -> dict[str, Address]:
    """Name → address."""
    return {name: address for named in ASKED.values() for name, address in named.items()}
