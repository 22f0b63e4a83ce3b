"""The demo's summary: what served, what was replaced, and what the difference was."""

import io

from rich.console import Console

from include.contracts.operations import Figure
from include.demo import summary
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")


def figure(release: str, name: str, value: float, n: int = 100) -> Figure:
    bounds = {"low": value - 0.01, "high": value + 0.01}
    return Figure(usecase=SPEC.name, release=release, period="2013-07", name=name, value=value, n=n, **bounds)


FIGURES = [
    figure("r0001", "roc_auc", 0.68, n=20),
    figure("r0001", "counterfactual_roc_auc", 0.67, n=80),
    figure("r0002", "roc_auc", 0.72, n=80),
    figure("r0002", "drifted_features", 3, n=80),
    figure("r0002", "psi", 0.4, n=80).model_copy(update={"subject": "temp"}),
]


def test_a_replaced_release_has_a_row_for_what_it_served_and_one_for_what_it_would_have_scored() -> None:
    rows = summary.periods(SPEC, FIGURES, {"2013-07": {"alerts": {"r0002": ["MoebiusFeatureDrift"]}}})
    assert [(r["release"], r["served"], r["value"], r["n"]) for r in rows] == [
        ("r0001", True, 0.68, 20),
        ("r0001", False, 0.67, 80),
        ("r0002", True, 0.72, 80),
    ]
    assert [r["drifted_features"] for r in rows] == [None, None, 3]
    assert [r["alerts"] for r in rows] == [[], [], ["MoebiusFeatureDrift"]]


def test_the_gain_is_told_on_the_same_requests() -> None:
    told = {"periods": summary.periods(SPEC, FIGURES, {}), "gain_over_replaced": None}
    scores = "  2013-07: r0002 scores 0.720 on its 80 requests; the replaced r0001 0.670"
    assert summary._better({**told, "metric": "roc_auc"}) == f"{scores} (0.050 better)"
    assert summary._better({**told, "metric": "mae"}) == f"{scores} (0.050 worse)"


def test_the_summary_names_every_address_and_login() -> None:
    roles = {"admin": "secret", "operator": "other"}
    logins = [{"user": user, "role": "operator", "password": password} for user, password in roles.items()]
    addresses = {
        "airflow": {"url": "http://a", "user": "admin", "password": "secret", "logins": logins},
        "mlflow": {"url": "http://m", "user": "admin", "password": "of-mlflow"},
        "prometheus": {"url": "http://p"},
    }
    told = {
        "usecase": SPEC.name,
        "metric": "roc_auc",
        "every": "month",
        "periods": summary.periods(SPEC, FIGURES, {}),
        "verdicts": [],
        "standing_warnings": [],
        "gain_over_replaced": {"period": "2013-05", "value": 0.02, "low": -0.01, "high": 0.05},
        "requests_during_swap": {"sent": 10, "failed": 0},
        "seconds": {"total": 9, "stages": {"platform": 3}, "tasks": {"training": 2}, "orchestration": {"training": 1}},
        "memory_mib": {"triton": 90},
        "addresses": addresses,
    }
    out = io.StringIO()
    summary.show(told, Console(file=out, width=140), SPEC.directory / "summary.json")
    for wanted in (
        "http://a",
        "admin / secret (operator)",
        "operator / other (operator)",
        "http://m",
        "admin / of-mlflow",
        "http://p",
        "0.720",
    ):
        assert wanted in out.getvalue()
    for wanted in ("10 requests while", "0 failed", "lies between -0.010 and +0.050 on the requests of 2013-05"):
        assert wanted in out.getvalue()
