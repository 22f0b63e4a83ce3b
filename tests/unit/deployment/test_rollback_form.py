"""What an operator is shown before a rollback."""

from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.deployment import rollback_form
from include.deployment.rollback_form import Choice


def event(at: str, what: str, release: str) -> RolloutEvent:
    return RolloutEvent(
        usecase="u", at=at, rollout="run", generation=1, event=what, champion=release, release=release, share=1,
        by="ada", reason="",
    )  # fmt: skip


EVENTS = [
    event("2026-01-01T08:00:00+00:00", "promoted", "r0001"),
    event("2026-02-01T08:00:00+00:00", "shifted", "r0002"),
    event("2026-02-01T09:00:00+00:00", "promoted", "r0002"),
    event("2026-02-02T10:00:00+00:00", "rolled_back", "r0001"),
]


def test_a_release_served_until_the_next_took_over() -> None:
    assert rollback_form.spans(EVENTS, "r0001") == [
        "2026-01-01T08:00 to 2026-02-01T09:00",
        "2026-02-02T10:00, serves",
    ]
    assert rollback_form.spans(EVENTS, "r0002") == ["2026-02-01T09:00 to 2026-02-02T10:00"]
    assert rollback_form.spans(EVENTS, "r0003") == []


def test_the_form_has_every_release_with_its_figures() -> None:
    measured = [("2013-05", "", 0.7), ("2013-04", "", 0.6), ("2013-04", "JFK", 0.1), ("2013-05", "", 0.71)]
    figures = [
        Figure(usecase="u", release="r0002", period=period, name="roc_auc", subject=subject, value=value)
        for period, subject, value in measured
    ]
    served = rollback_form.served(figures, "r0002", "roc_auc")
    assert served == {"2013-04": 0.6, "2013-05": 0.71}
    gained = [
        Figure(usecase="u", release="r0002", period=period, name="gain_over_replaced", value=value, low=value - 0.02,
               high=value + 0.02, n=900, effective_n=90)
        for period, value in (("2013-05", 0.01), ("2013-04", 0.5))
    ]  # fmt: skip
    test = Interval(value=0.72, low=0.7, high=0.74, n=100)
    text = rollback_form.body(
        "roc_auc",
        "r0002",
        [
            Choice(name="r0001", model_version=1, serves=False, test=None, served={}, spans=[], barred="a|b"),
            Choice(
                name="r0002",
                model_version=2,
                serves=True,
                test=test,
                served=served,
                spans=["since May"],
                proof=1,
                gain=rollback_form.gain(gained, "r0002"),
            ),
        ],
    )
    assert (
        "| **r0002** (serves) | 2, refit of 1 | 0.7200 [0.7000, 0.7400] | 2013-04: 0.6000, 2013-05: 0.7100 | "
        "+0.0100 [-0.0100, +0.0300] in 2013-05 (900 rows, as much as 90) | since May | yes |" in text
    )
    assert text.splitlines()[-1] == (
        "| r0001 | 1 | not recorded | not monitored | not measured | not recorded | **no**: a/b |"
    )
